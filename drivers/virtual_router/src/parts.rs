//! What a router consists of on its node, as the steps that make it so.

use crate::boot::{Boot, unit};
use crate::difference::{Found, difference};
use crate::dnsmasq::{self, Config};
use crate::layout::{Layout, Power, layout};
use crate::plan::Plan;
use crate::ruleset::{Ruleset, digest, ruleset};
use crate::steps::boot::Booted;
use crate::steps::dnsmasq::{Loaded, Serving};
use crate::steps::files::{File, Files};
use crate::steps::forwarding::{self, Forwarding, LogOfNamespaces};
use crate::steps::links::Links;
use crate::steps::namespace::Namespace;
use crate::steps::ruleset::Loads;
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
    pub ruleset: Ruleset,
    pub dnsmasq: Option<Config>,
    /// Of the files of hosts.
    pub hosts: String,
    pub logs: bool,
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
        let from_nothing = difference(&layout, &Found::default());
        let segments = network.lans.iter();
        let bridges = segments.flat_map(|lan| carrier::from_nothing(&settings.carrier, lan.id, &lan.bridge()));
        let flood: Vec<_> = network
            .lans
            .iter()
            .flat_map(|lan| carrier::flood(&settings.carrier, lan.id))
            .map(|(link, peer)| link::flood_line(&link, peer))
            .collect();
        let boot =
            Boot { router: router.id, folder: &folder, serves: dnsmasq.is_some(), floods: !flood.is_empty(), logs };
        let file = |name: &str, text: String, mode| File { path: format!("{folder}/{name}"), text, mode };
        // dnsmasq reads its files of hosts as a user of its own.
        let mut files = vec![
            file("forwarding.conf", forwarding::text(), 0o600),
            file("ruleset.nft", ruleset.text.clone(), 0o600),
            file("segments", link::text(&bridges.collect::<Vec<_>>()), 0o600),
            file("flood", link::text(&flood), 0o600),
            file("links", link::text(&from_nothing.outside), 0o600),
            file("inside", link::text(&from_nothing.inside), 0o600),
            file("static-leases", leases.clone(), 0o644),
            file("hosts", hosts.clone(), 0o644),
            File { path: names::router_unit_file(router.id), text: unit(&boot), mode: 0o644 },
        ];
        files.extend(dnsmasq.as_ref().map(|config| file("dnsmasq.conf", config.text.clone(), 0o644)));
        let hosts = digest(&format!("{leases}\n{hosts}"));
        Self { folder, files, layout, ruleset, dnsmasq, hosts, logs }
    }
}

/// The router is there as its record says, plugged in or not. The ruleset is loaded before any link is there.
pub fn standing(cx: &Context, router: &VirtualRouter, plan: &Plan, power: Power, steps: &mut Steps) {
    let Parts { folder, files, layout, ruleset, dnsmasq, hosts, logs } = Parts::of(cx, router, plan, power);
    let namespace = layout.namespace.clone();
    cx.fact("namespace", namespace.as_str());
    steps.then(Files { folder: folder.clone(), files });
    steps.then(Namespace { namespace: namespace.clone() });
    steps.then(Forwarding { namespace: namespace.clone(), folder: folder.clone() });
    if logs {
        steps.then(LogOfNamespaces);
    }
    steps.then(Loads { namespace: namespace.clone(), folder: folder.clone(), revision: ruleset.revision });
    for lan in &plan.network.lans {
        steps.then(Bridge { segment: lan.id, name: lan.bridge(), host: cx.host().into() });
    }
    steps.then(Links { layout });
    let pid_file = dnsmasq.map(|config| config.pid_file);
    steps.then(Serving { namespace: namespace.clone(), folder: folder.clone(), pid_file: pid_file.clone() });
    steps.then(Loaded { namespace, folder, pid_file, hosts });
    steps.then(Booted { router: router.id });
    steps.then(LeaveBridges { host: cx.host().into() });
}
