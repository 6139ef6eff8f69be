//! strongSwan, WireGuard, and a kernel that does IPsec and no WireGuard unless the test says so.

use super::batch;
use super::ip::open;
use super::programs::text;
use super::state::{Answer, Daemon, Inner, Process, Refused, State, Wireguard, refused};
use hosts::Effect::{self, Acts, Looks};
use model::names;
use std::collections::BTreeMap;

const CHARON: &str = "/usr/sbin/charon-systemd";
const PROGRAMS: &[&str] =
    &[CHARON, "/usr/sbin/swanctl", "/usr/bin/wg", "/usr/bin/wireguard-go", super::pair::KEEPALIVED];

/// The packages are there.
pub(super) fn install(state: &mut State) {
    for path in PROGRAMS {
        let put = state.files.make_parents(path).and_then(|()| state.files.put(path, Vec::new(), 0o755));
        put.unwrap_or_else(|refused| panic!("{refused:?}"));
    }
    let socket = format!("{}/socket", names::VPN_SOCKETS);
    state.files.make_parents(&socket).unwrap_or_else(|refused| panic!("{refused:?}"));
}

/// In a namespace that ends with the try.
pub(super) fn tried(state: &State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["ip", "xfrm", "state", "add", ..] => (Looks, Ok(String::new())),
        ["ip", "link", "add", "name", _, "type", "wireguard"] if state.has_wireguard => (Looks, Ok(String::new())),
        ["ip", "link", "add", "name", _, "type", "wireguard"] => (Looks, refused(2, "Error: Unknown device type.\n")),
        _ => return None,
    })
}

// --- strongSwan -------------------------------------------------------------------------------------------------------

pub(super) fn start_charon(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let config = argv[1].strip_prefix("STRONGSWAN_CONF=").unwrap_or_else(|| panic!("{} is not simulated", argv[1]));
    let [.., "--pidfile", pid_file, "--exec", CHARON] = argv else { panic!("{} is not simulated", argv.join(" ")) };
    let Some(config) = text(state, config) else { return refused(1, "start-stop-daemon: child process failed\n") };
    if state.files.exists(pid_file) {
        panic!("start-stop-daemon would look at the number in {pid_file}");
    }
    let socket = config.lines().find_map(|line| line.trim().strip_prefix("socket = unix://"));
    let socket = socket.unwrap_or_else(|| panic!("charon without a socket of its own is not simulated")).to_owned();
    let is_charon = |process: &Process| process.space == space && matches!(process.program, Daemon::Charon(..));
    assert!(!state.processes.values().any(is_charon), "two charons in {space}");
    state.pid += 1;
    let pid = state.pid;
    state.files.put(pid_file, format!("{pid}\n").into_bytes(), 0o644)?;
    state.files.put(&socket, Vec::new(), 0o770)?;
    let program = Daemon::Charon(socket, BTreeMap::new());
    state.processes.insert(pid, Process { space: space.to_owned(), pid_file: (*pid_file).to_owned(), program });
    Ok(String::new())
}

pub(super) fn swanctl(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["--load-all", "--clear", "--noprompt", "--file", file, "--uri", uri] => (Acts, load(state, file, uri)),
        ["--list-conns", "--raw", "--uri", uri] => (Looks, list(state, uri)),
        ["--terminate", "--ike", name, "--force", "--timeout", _, "--uri", uri] => (Acts, terminate(state, name, uri)),
        _ => return None,
    })
}

fn charon<'a>(state: &'a mut State, uri: &str) -> Result<&'a mut BTreeMap<String, String>, Refused> {
    let found = state.processes.values_mut().find_map(|process| match &mut process.program {
        Daemon::Charon(socket, connections) if uri.strip_prefix("unix://") == Some(socket) => Some(connections),
        _ => None,
    });
    let stderr = format!("Error: connecting to '{uri}' URI failed: No such file or directory\n");
    found.ok_or(Refused { status: 2, stdout: String::new(), stderr })
}

/// A connection is a section of the first level; secrets are as good as part of every one.
fn load(state: &mut State, file: &str, uri: &str) -> Answer {
    let Some(text) = text(state, file) else { return refused(2, format!("opening '{file}' failed\n")) };
    let connections = charon(state, uri)?;
    let (all, _) =
        text.split_once("\nsecrets {").unwrap_or_else(|| panic!("connections without secrets are not simulated"));
    connections.clear();
    let mut name = None;
    for line in all.lines().skip(1) {
        if let Some(begun) = line.strip_prefix('\t').filter(|rest| !rest.starts_with('\t')) {
            name = begun.strip_suffix(" {");
        } else if let Some(name) = name {
            connections.entry(name.to_owned()).or_default().push_str(line);
        }
    }
    Ok(format!("successfully loaded {} connections, 0 unloaded\n", connections.len()))
}

fn list(state: &mut State, uri: &str) -> Answer {
    let names = charon(state, uri)?.keys().map(|name| format!("list-conn event {{{name} {{version=IKEv2}}}}\n"));
    Ok(names.collect::<String>() + "list-conns reply {}\n")
}

fn terminate(state: &mut State, name: &str, uri: &str) -> Answer {
    match charon(state, uri)?.contains_key(name) {
        true => Ok("terminate completed successfully\n".to_owned()),
        false => refused(1, "terminate failed: no matching SAs to terminate found\n"),
    }
}

// --- WireGuard --------------------------------------------------------------------------------------------------------

pub(super) fn add_link(state: &mut State, space: &str, name: &str) -> Answer {
    if !state.has_wireguard {
        return refused(2, "Error: Unknown device type.\n");
    }
    make(state, space, name)
}

fn make(state: &mut State, space: &str, name: &str) -> Answer {
    batch::check_name(name).map_err(|stderr| Refused { status: 2, stdout: String::new(), stderr })?;
    state.index += 1;
    let fresh = Some(Wireguard { dump: "(none)\t(none)\t0\toff\n".to_owned() });
    let link = Inner { index: state.index, mtu: 1420, wireguard: fresh, ..Inner::default() };
    open(state, space)?;
    let links = &mut state.spaces.entry(space.to_owned()).or_default().links;
    if links.contains_key(name) {
        return refused(2, "RTNETLINK answers: File exists\n");
    }
    links.insert(name.to_owned(), link);
    Ok(String::new())
}

pub(super) fn start_wireguard(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let (name, socket) = (argv[3], socket(argv[3]));
    make(state, space, name)?;
    state.files.put(&socket, Vec::new(), 0o700)?;
    state.pid += 1;
    let program = Daemon::WireguardGo(name.to_owned());
    state.processes.insert(state.pid, Process { space: space.to_owned(), pid_file: String::new(), program });
    Ok(String::new())
}

fn socket(link: &str) -> String {
    format!("{}/{link}.sock", names::VPN_SOCKETS)
}

/// Its link goes with it, and its socket.
pub(super) fn end_wireguard(state: &mut State, space: &str, link: &str) -> Result<(), Refused> {
    if let Some(space) = state.spaces.get_mut(space) {
        space.links.remove(link);
        space.routes.retain(|route| route.link != link);
    }
    Ok(state.files.remove(&socket(link))?)
}

/// A process ends when its link was deleted.
pub(super) fn ended_with(state: &mut State, space: &str) -> Result<(), Refused> {
    let links = state.spaces.get(space).map(|space| space.links.clone()).unwrap_or_default();
    let is_over = |process: &Process| {
        process.space == space && matches!(&process.program, Daemon::WireguardGo(link) if !links.contains_key(link))
    };
    let over: Vec<_> = state.processes.iter().filter(|(_, process)| is_over(process)).map(|(pid, _)| *pid).collect();
    for pid in over {
        if let Some(Process { program: Daemon::WireguardGo(link), .. }) = state.processes.remove(&pid) {
            state.files.remove(&socket(&link))?;
        }
    }
    Ok(())
}

pub(super) fn dump(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let found = open(state, space)?.links.get(argv[2]).and_then(|link| link.wireguard.clone());
    match found {
        Some(own) => Ok(own.dump),
        None => refused(1, "Unable to access interface: No such device\n"),
    }
}

pub(super) fn sync(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let (link, file) = (argv[2], argv[3]);
    let Some(text) = text(state, file) else {
        return refused(1, format!("fopen: No such file or directory: {file}\n"));
    };
    let option = |name: &str, absent: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        found.unwrap_or(absent).to_owned()
    };
    let own = format!("{}\t(its public key)\t{}\toff\n", option("PrivateKey", "(none)"), option("ListenPort", "0"));
    let peer = format!(
        "{}\t{}\t{}\t{}\t0\t0\t0\t{}\n",
        option("PublicKey", "(none)"),
        option("PresharedKey", "(none)"),
        option("Endpoint", "(none)"),
        option("AllowedIPs", "(none)").replace(", ", ","),
        option("PersistentKeepalive", "off"),
    );
    open(state, space)?;
    let links = &mut state.spaces.entry(space.to_owned()).or_default().links;
    match links.get_mut(link).and_then(|link| link.wireguard.as_mut()) {
        Some(wireguard) => {
            wireguard.dump = own + &peer;
            Ok(String::new())
        }
        None => refused(1, "Unable to modify interface: No such device\n"),
    }
}
