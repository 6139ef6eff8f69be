//! keepalived, alone: it has the addresses of its file as long as it runs. Its routes are in none of the lists that drover asks
//! for, and so in none here.

use super::ip::open;
use super::programs::text;
use super::state::{Answer, Daemon, Process, State, refused};
use ipnet::IpNet;

pub(super) const KEEPALIVED: &str = "/usr/sbin/keepalived";

pub(super) fn start(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let option = |name: &str| {
        let found = argv.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("keepalived without {name} is not simulated")).to_owned()
    };
    let (config, pid_file, vrrp_pid_file) = (option("--use-file"), option("--pid"), option("--vrrp_pid"));
    if text(state, &config).is_none() {
        return refused(1, "Config files missing\n");
    }
    if state.files.exists(&pid_file) {
        panic!("keepalived would look at the number in {pid_file}");
    }
    let is_keepalived = |process: &Process| matches!(process.program, Daemon::Keepalived { .. });
    let is_here = |process: &Process| process.space == space && is_keepalived(process);
    assert!(!state.processes.values().any(is_here), "two keepaliveds in {space}");
    let inner = open(state, space)?.links.values();
    let is_set = |net: &IpNet| !matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local());
    assert!(
        !inner.flat_map(|link| &link.addresses).any(is_set),
        "addresses that keepalived has not set stay in {space}"
    );
    state.pid += 1;
    let pid = state.pid;
    for path in [&pid_file, &vrrp_pid_file] {
        state.files.put(path, format!("{pid}\n").into_bytes(), 0o644)?;
    }
    let program = Daemon::Keepalived { config, vrrp_pid_file, held: Vec::new() };
    state.processes.insert(pid, Process { space: space.to_owned(), pid_file, program });
    read(state, pid);
    Ok(String::new())
}

/// Addresses that its file names no more go, and those that it names come.
pub(super) fn read(state: &mut State, pid: u32) {
    let Some(Process { space, program: Daemon::Keepalived { config, held, .. }, .. }) =
        state.processes.get(&pid).cloned()
    else {
        return;
    };
    let text = text(state, &config).unwrap_or_default();
    let mut wanted = Vec::new();
    let mut block = "";
    for line in text.lines().map(str::trim) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            [name, "{"] => block = name,
            ["}"] => block = "",
            [net, "dev", link] if block.starts_with("virtual_ipaddress") => {
                let net = net.parse().unwrap_or_else(|_| panic!("{net} is no address"));
                wanted.push((net, (*link).to_owned()));
            }
            [link] if block == "track_interface" => {
                let there = state.spaces.get(&space).is_some_and(|space| space.links.contains_key(*link));
                assert!(there, "keepalived watches {link}, which is not there");
            }
            _ => {}
        }
    }
    let gone: Vec<_> = held.into_iter().filter(|one| !wanted.contains(one)).collect();
    let_go(state, &space, &gone);
    if let Some(space) = state.spaces.get_mut(&space) {
        for (net, link) in &wanted {
            let link =
                space.links.get_mut(link).unwrap_or_else(|| panic!("keepalived wants {link}, which is not there"));
            if !link.addresses.contains(net) {
                link.addresses.push(*net);
            }
        }
    }
    if let Some(Process { program: Daemon::Keepalived { held, .. }, .. }) = state.processes.get_mut(&pid) {
        *held = wanted;
    }
}

pub(super) fn let_go(state: &mut State, space: &str, held: &[(IpNet, String)]) {
    let Some(space) = state.spaces.get_mut(space) else { return };
    for (net, link) in held {
        if let Some(link) = space.links.get_mut(link) {
            link.addresses.retain(|own| own != net);
        }
    }
}
