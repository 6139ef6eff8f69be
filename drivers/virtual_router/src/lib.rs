//! Virtual routers on Linux: a network namespace for each, by iproute2, nftables, dnsmasq,
//! strongSwan, WireGuard and keepalived.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

mod parts;
mod plan;
mod steps;

mod boot;
mod difference;
pub mod dnsmasq;
mod layout;
pub mod ruleset;
pub mod vpn;
mod vrrp;

#[cfg(test)]
mod sample;

pub static DRIVER: Driver = Driver { kind: Kind::VirtualRouter, verbs: VERBS };

const VERBS: &[Entry] = &[
    verb!(Build: build),
    verb!(Quiesce: quiesce),
    verb!(Restart: restart),
    verb!(Scrubprep: scrubprep),
    verb!(Scrub: scrub),
    verb!(Updaterunning: updaterunning),
    verb!(Updatequiesced: updatequiesced),
];
