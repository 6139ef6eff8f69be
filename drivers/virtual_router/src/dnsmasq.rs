//! DHCP and DNS of a router's segments: dnsmasq's configuration, and the files of hosts that it reads again on a signal. Pure
//! functions, with golden files.

use crate::ruleset::digest;
use ipnet::IpNet;
use model::names;
use model::server::RouterSettings;
use model::virtual_router::network::{Lan, Network};
use model::vm::{Neighbour, Nic};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Where the project's machines have their names, `web-1.internal`.
const DOMAIN: &str = "internal";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub text: String,
    /// Another for every configuration: whoever runs says by it which one he has read.
    pub pid_file: String,
}

/// None where there is no segment to serve.
pub fn config(folder: &str, network: &Network, settings: &RouterSettings) -> Option<Config> {
    if network.lans.is_empty() {
        return None;
    }
    let mut text = format!(
        "user=nobody\ngroup=nogroup\nbind-dynamic\nexcept-interface=lo\nno-hosts\nno-resolv\nno-poll\ndomain-needed\nbogus-priv\n\
         domain={DOMAIN}\nlocal=/{DOMAIN}/\nexpand-hosts\naddn-hosts={folder}/hosts\n\
         dhcp-hostsfile={folder}/static-leases\ndhcp-leasefile={folder}/leases\ndhcp-authoritative\n\
         # Only the project's own machines get an address.\ndhcp-ignore=tag:!known\n"
    );
    let upstream = if network.dns.is_empty() { &settings.dns } else { &network.dns };
    for server in upstream {
        let _ = writeln!(text, "server={server}");
    }
    if network.lans.iter().any(|lan| lan.dhcp && lan.address_v6.is_some()) {
        text.push_str("enable-ra\n");
    }
    network.lans.iter().for_each(|lan| serve(lan, settings.carrier.mtu(), &mut text));
    let pid_file = format!("{folder}/dnsmasq-{}.pid", digest(&text));
    let _ = writeln!(text, "pid-file={pid_file}");
    Some(Config { text, pid_file })
}

fn serve(lan: &Lan, mtu: u32, text: &mut String) {
    let link = names::segment_link(lan.id);
    let _ = writeln!(text, "# segment {}\ninterface={link}", lan.name);
    if !lan.dhcp {
        let _ = writeln!(text, "no-dhcp-interface={link}");
        return;
    }
    let own = lan.address;
    let beside = |edge: Ipv4Addr, by: i32| Ipv4Addr::from(u32::from(edge).wrapping_add_signed(by));
    let (first, last) = (beside(own.network(), 1), beside(own.broadcast(), -1));
    let _ = writeln!(text, "dhcp-range=set:{link},{first},{last},{},12h", own.netmask());
    let _ = writeln!(text, "dhcp-option=tag:{link},option:router,{}", own.addr());
    let _ = writeln!(text, "dhcp-option=tag:{link},option:dns-server,{}", own.addr());
    let _ = writeln!(text, "dhcp-option=tag:{link},option:mtu,{mtu}");
    if let Some(own) = lan.address_v6 {
        let _ = writeln!(text, "dhcp-range=set:{link},{},static,{},12h", own.network(), own.prefix_len());
        let _ = writeln!(text, "dhcp-option=tag:{link},option6:dns-server,[{}]", own.addr());
        let _ = writeln!(text, "ra-param={link},mtu:{mtu},0");
    }
}

/// A line a nic: its address is always the same.
pub fn leases(network: &Network, neighbours: &[Neighbour]) -> String {
    let lines = nics(network, neighbours).filter_map(|(name, lan, nic)| {
        let mac = nic.mac.as_deref().filter(|_| lan.dhcp)?;
        let mut line = mac.to_owned();
        for address in addresses(lan, nic) {
            let _ = if address.is_ipv4() { write!(line, ",{address}") } else { write!(line, ",[{address}]") };
        }
        Some(format!("{line},{name}\n"))
    });
    lines.collect()
}

/// A line an address, with its name.
pub fn hosts(network: &Network, neighbours: &[Neighbour]) -> String {
    let one = |(name, lan, nic): (String, _, _)| {
        addresses(lan, nic).map(move |address| format!("{address} {name}\n")).collect::<String>()
    };
    nics(network, neighbours).map(one).collect()
}

/// The nics on the router's segments with their names: the VM's for its first one, `web-1-store` for another.
fn nics<'a>(network: &'a Network, neighbours: &'a [Neighbour]) -> impl Iterator<Item = (String, &'a Lan, &'a Nic)> {
    neighbours.iter().flat_map(move |vm| {
        vm.nics.iter().enumerate().filter_map(move |(number, nic)| {
            let lan = network.lans.iter().find(|lan| lan.name == nic.segment)?;
            let name = if number == 0 { vm.name.clone() } else { format!("{}-{}", vm.name, lan.name) };
            Some((name, lan, nic))
        })
    })
}

/// Its addresses within the segment.
fn addresses<'a>(lan: &'a Lan, nic: &'a Nic) -> impl Iterator<Item = IpAddr> + 'a {
    let read = |text: &String| text.parse::<IpNet>().ok().map(|net| net.addr());
    nic.addresses.iter().filter_map(read).filter(|address| lan.nets().any(|net| net.contains(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;

    #[test]
    fn the_files_are_as_the_golden_ones_say() {
        let router = sample::router();
        let network = Network::read(&router.spec).unwrap();
        let config = config("/var/lib/drover/routers/7", &network, &sample::settings()).unwrap();
        expect_file!["../golden/dnsmasq.conf"].assert_eq(&config.text);
        expect_file!["../golden/static-leases"].assert_eq(&leases(&network, &sample::neighbours()));
        expect_file!["../golden/hosts"].assert_eq(&hosts(&network, &sample::neighbours()));
    }
}
