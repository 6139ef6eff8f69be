//! What brings a router back when its node starts: a unit that runs what the steps run, on files that lie beside it. Pure
//! functions, with golden files.

use crate::vpn::{Carried, Vpns};
use crate::vrrp;
use commands::ip::link;
use commands::strongswan::{self, Start};
use commands::{dnsmasq, keepalived, nft, sysctl, wireguard};
use model::{ResourceId, names};

/// What a unit is made from.
pub struct Boot<'a> {
    pub router: ResourceId,
    pub folder: &'a str,
    /// Whether there are segments to serve.
    pub serves: bool,
    /// Whether segments reach other hosts through named peers.
    pub floods: bool,
    /// Whether a rule logs.
    pub logs: bool,
    pub vpns: &'a Vpns,
    /// Where two nodes hold it.
    pub vrrp: Option<&'a vrrp::Config>,
}

pub fn unit(boot: &Boot<'_>) -> String {
    let Boot { router, folder, serves, floods, logs, vpns, vrrp } = boot;
    let namespace = names::router_namespace(*router);
    let path = |name: &str| format!("{folder}/{name}");
    let (forwarding, ruleset, config) =
        (path("forwarding.conf"), path("ruleset.nft"), dnsmasq::option(&path("dnsmasq.conf")));
    let (segments, flood, links, inside) = (path("segments"), path("flood"), path("links"), path("inside"));
    let mut lines = vec![("", vec!["ip", "netns", "add", &namespace])];
    if *logs {
        lines.push(("-", vec!["sysctl", "-q", "-w", "net.netfilter.nf_log_all_netns=1"]));
    }
    lines.push(("", sysctl::load_argv(&namespace, &forwarding)));
    // Before any link is there.
    lines.push(("", nft::load_argv(&namespace, &ruleset)));
    // Other routers of the node may have made some of these.
    lines.push(("-", vec!["ip", "-force", "-batch", &segments]));
    if *floods {
        lines.push(("-", vec!["bridge", "-force", "-batch", &flood]));
    }
    lines.push(("", vec!["ip", "-batch", &links]));
    for config in &vpns.wireguard {
        let argv = match vpns.by {
            Carried::Kernel => link::add_wireguard_argv(&namespace, &config.link),
            Carried::Userspace => wireguard::start_argv(&namespace, &config.link),
        };
        lines.push(("", argv));
    }
    lines.push(("", vec!["ip", "-netns", &namespace, "-batch", &inside]));
    if *serves {
        lines.push(("", dnsmasq::start_argv(&namespace, &config)));
    }
    // A peer whose name cannot be found keeps nothing else from starting.
    for config in &vpns.wireguard {
        lines.push(("-", wireguard::set_argv(&namespace, &config.link, &config.file)));
    }
    let own = vpns.ipsec.as_ref().map(|ipsec| {
        let start = Start::new(&path("strongswan.conf"), &ipsec.pid_file);
        (ipsec, start, strongswan::uri(&ipsec.socket), path("swanctl.conf"))
    });
    if let Some((ipsec, start, uri, connections)) = &own {
        // Its number may be another process's by now.
        lines.push(("-", vec!["rm", "-f", &ipsec.pid_file]));
        lines.push(("-", start.argv(&namespace)));
        lines.push(("-", strongswan::load_argv(uri, connections)));
    }
    // Last: who holds the addresses serves.
    let pair = vrrp.map(|own| (own, keepalived::Start::new(&path(vrrp::CONFIG), &own.pid_file, &own.vrrp_pid_file)));
    if let Some((own, start)) = &pair {
        lines.push(("-", vec!["rm", "-f", &own.pid_file, &own.vrrp_pid_file]));
        lines.push(("", start.argv(&namespace)));
    }
    let starts: String = lines.iter().map(|(sign, argv)| format!("ExecStart={sign}{}\n", line(argv))).collect();
    format!(
        "[Unit]\nDescription=drover virtual_router {router}\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n{starts}\n[Install]\nWantedBy=multi-user.target\n"
    )
}

/// As systemd reads it: quoted where need be, its own signs doubled.
fn line(argv: &[&str]) -> String {
    let word = |word: &&str| {
        let word = word.replace('%', "%%").replace('$', "$$").replace('\\', "\\\\").replace('"', "\\\"");
        if word.contains([' ', '\t', '\'', '"', ';']) { format!("\"{word}\"") } else { word }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Power, layout};
    use crate::sample;
    use crate::vpn::Means;
    use expect_test::{ExpectFile, expect_file};
    use model::virtual_router::VirtualRouter;
    use model::virtual_router::network::Network;

    #[test]
    fn the_unit_is_as_the_golden_file_says() {
        let folder = "/var/lib/drover/routers/7";
        let files = |router: &VirtualRouter, golden: ExpectFile| {
            let network = Network::read(&router.spec).unwrap();
            let means = Means { esp: Carried::Kernel, wireguard: Carried::Kernel };
            let vpns = &Vpns::of(ResourceId(7), folder, &network, means);
            let router = ResourceId(7);
            let layout = layout(router, &network, &sample::settings(), Power::On);
            let vrrp = vrrp::config(folder, router, network.pair, &layout);
            let vrrp = vrrp.as_ref();
            let boot = Boot { router, folder, serves: true, floods: false, logs: true, vpns, vrrp };
            golden.assert_eq(&unit(&boot));
        };
        files(&sample::router(), expect_file!["../golden/drover-r7.service"]);
        files(&sample::with_vpns(), expect_file!["../golden/drover-r7-vpns.service"]);
        files(&sample::paired(), expect_file!["../golden/drover-r7-pair.service"]);
    }

    #[test]
    fn odd_paths_are_one_word() {
        assert_eq!(line(&["ip", "-batch", "/a b/50%"]), "ip -batch \"/a b/50%%\"");
    }
}
