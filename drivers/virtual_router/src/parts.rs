//! What a router consists of on its node, as the steps that make it so.

use crate::boot::{Boot, unit};
use crate::difference::{Found, difference};
use crate::dnsmasq::{self, Config};
use crate::layout::{Layout, Power, layout};
use crate::plan::Plan;
use crate::ruleset::{digest, ruleset};
use crate::steps::boot::Booted;
use crate::steps::dnsmasq::{Loaded, Serving};
use crate::steps::files::{File, Files};
use crate::steps::forwarding::{self, Forwarding, LogOfNamespaces};
use crate::steps::ipsec::{Charon, Connected};
use crate::steps::leftovers::NoLeftovers;
use crate::steps::links::Links;
use crate::steps::namespace::Namespace;
use crate::steps::ruleset::Loads;
use crate::steps::vrrp::{LetGo, NoVrrp, Vrrp};
use crate::steps::wireguard::{WireguardLink, WireguardPeer};
use crate::vpn::Vpns;
use crate::vrrp;
use commands::ip::link;
use lifecycle::{Context, Steps};
use model::names;
use model::virtual_router::VirtualRouter;
use segments::{Bridge, LeaveBridges, carrier};

/// All that is made from the record, before anything is done.
pub struct Parts {
    pub folder: String,
    pub files: Vec<File>,
    pub layout: Layout,
    pub ruleset: String,
    pub dnsmasq: Option<Config>,
    /// Of the files of hosts.
    pub hosts: String,
    pub logs: bool,
    pub vpns: Vpns,
    /// None where the router stands alone.
    pub vrrp: Option<vrrp::Config>,
}

impl Parts {
    pub fn of(cx: &Context, router: &VirtualRouter, plan: &Plan, power: Power) -> Self {
        let (network, settings) = (&plan.network, &cx.settings.router);
        let folder = names::router_folder(&cx.settings.storage, router.id);
        let layout = layout(router.id, network, settings, power);
        let ruleset = ruleset(router.id, network);
        let dnsmasq = dnsmasq::config(&folder, network, settings);
        let leases = dnsmasq::leases(network, &cx.neighbours);
        let hosts = dnsmasq::hosts(network, &cx.neighbours);
        let logs = network.rules.iter().any(|rule| rule.log);
        let vpns = Vpns::of(router.id, &folder, network, plan.means);
        let vrrp = vrrp::config(&folder, router.id, network.pair, &layout);
        let from_nothing = difference(&layout, &Found::default());
        let segments = network.lans.iter();
        let bridges = segments.flat_map(|lan| carrier::from_nothing(&settings.carrier, lan.id, &lan.bridge()));
        let flood: Vec<_> = network
            .lans
            .iter()
            .flat_map(|lan| carrier::flood(&settings.carrier, lan.id))
            .map(|(link, peer)| link::flood_line(&link, peer))
            .collect();
        let boot = Boot {
            router: router.id,
            folder: &folder,
            serves: dnsmasq.is_some(),
            floods: !flood.is_empty(),
            logs,
            vpns: &vpns,
            vrrp: vrrp.as_ref(),
        };
        let file = |name: &str, text: String, mode| File { path: format!("{folder}/{name}"), text, mode };
        // dnsmasq reads its files of hosts as a user of its own.
        let mut files = vec![
            file("forwarding.conf", forwarding::text(), 0o600),
            file("ruleset.nft", ruleset.clone(), 0o600),
            file("segments", link::text(&bridges.collect::<Vec<_>>()), 0o600),
            file("flood", link::text(&flood), 0o600),
            file("links", link::text(&from_nothing.outside), 0o600),
            file("inside", link::text(&from_nothing.inside), 0o600),
            file("static-leases", leases.clone(), 0o644),
            file("hosts", hosts.clone(), 0o644),
            File { path: names::router_unit_file(router.id), text: unit(&boot), mode: 0o644 },
        ];
        files.extend(dnsmasq.as_ref().map(|config| file("dnsmasq.conf", config.text.clone(), 0o644)));
        files.extend(vrrp.as_ref().map(|config| file(vrrp::CONFIG, config.text.clone(), 0o600)));
        if let Some(ipsec) = &vpns.ipsec {
            files.push(file("strongswan.conf", ipsec.daemon.clone(), 0o600));
            files.push(file("swanctl.conf", ipsec.connections.clone(), 0o600));
        }
        files.extend(vpns.wireguard.iter().map(|own| File {
            path: own.file.clone(),
            text: own.text.clone(),
            mode: 0o600,
        }));
        let hosts = digest(&format!("{leases}\n{hosts}"));
        Self { folder, files, layout, ruleset, dnsmasq, hosts, logs, vpns, vrrp }
    }
}

/// The router is there as its record says, plugged in or not. The ruleset is loaded before any link is there.
pub fn standing(cx: &Context, router: &VirtualRouter, plan: &Plan, power: Power, steps: &mut Steps) {
    let Parts { folder, files, layout, ruleset, dnsmasq, hosts, logs, vpns, vrrp } = Parts::of(cx, router, plan, power);
    let namespace = layout.namespace.clone();
    cx.fact("namespace", namespace.as_str());
    let mut wanted: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
    steps.then(Files { folder: folder.clone(), files });
    steps.then(Namespace { namespace: namespace.clone() });
    steps.then(Forwarding { namespace: namespace.clone(), folder: folder.clone() });
    if logs {
        steps.then(LogOfNamespaces);
    }
    steps.then(Loads { namespace: namespace.clone(), folder: folder.clone(), text: ruleset });
    for lan in &plan.network.lans {
        steps.then(Bridge { segment: lan.id, name: lan.bridge(), host: cx.host().into() });
    }
    for own in &vpns.wireguard {
        steps.then(WireguardLink { namespace: namespace.clone(), link: own.link.clone(), by: vpns.by });
    }
    if vrrp.is_none() {
        steps.then(NoVrrp { namespace: namespace.clone(), folder: folder.clone() });
    }
    steps.then(Links { layout: layout.clone(), keeps: vrrp.is_some() });
    let pid_file = dnsmasq.map(|config| config.pid_file);
    steps.then(Serving { namespace: namespace.clone(), folder: folder.clone(), pid_file: pid_file.clone() });
    steps.then(Loaded { namespace: namespace.clone(), folder: folder.clone(), pid_file, hosts });
    for config in vpns.wireguard {
        steps.then(WireguardPeer { namespace: namespace.clone(), config });
    }
    let pid_file = vpns.ipsec.as_ref().map(|config| config.pid_file.clone());
    steps.then(Charon { namespace: namespace.clone(), folder: folder.clone(), pid_file });
    if let Some(config) = vpns.ipsec {
        wanted.extend([config.pid_file.clone(), config.socket.clone(), format!("{folder}/vpns")]);
        steps.then(Connected { namespace, folder: folder.clone(), config });
    }
    if let Some(config) = vrrp {
        wanted.extend([config.pid_file.clone(), config.vrrp_pid_file.clone(), format!("{folder}/keepalived-told")]);
        steps.then(Vrrp { layout: layout.clone(), folder: folder.clone(), config });
        steps.then(LetGo { layout: layout.clone() });
        steps.then(Links { layout, keeps: false });
    }
    steps.then(NoLeftovers { folder, wanted });
    steps.then(Booted { router: router.id });
    steps.then(LeaveBridges { host: cx.host().into() });
}
