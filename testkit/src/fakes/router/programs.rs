//! dnsmasq, sysctl, kill and systemd.

use super::ip::open;
use super::nft;
use super::state::{Answer, Daemon, Process, Refused, State, refused};
use super::{pair, vpn};
use crate::fakes::kvm::files::{self, Files};
use hosts::Effect::{self, Acts, Looks};

/// What answers in a namespace.
type Program = fn(&mut State, &str, &[&str]) -> Answer;

pub(super) fn inside(state: &mut State, space: &str, argv: &[&str]) -> Option<(Effect, Answer)> {
    let (effect, answer): (Effect, Program) = match argv {
        ["nft", "-s", "-a", "list", "table", "inet", _] => (Looks, nft::table),
        ["nft", "-f", _] => (Acts, nft::load),
        ["sysctl", "-n", ..] => (Looks, read_settings),
        ["sysctl", "-q", "-p", _] => (Acts, set_settings),
        ["dnsmasq", _] => (Acts, start),
        [pair::KEEPALIVED, "--vrrp", ..] => (Acts, pair::start),
        ["env", _, "start-stop-daemon", ..] => (Acts, vpn::start_charon),
        ["setsid", "--wait", "wireguard-go", _] => (Acts, vpn::start_wireguard),
        ["wg", "show", _, "dump"] => (Looks, vpn::dump),
        ["wg", "syncconf", _, _] => (Acts, vpn::sync),
        _ => return None,
    };
    if let Err(refused) = open(state, space) {
        return Some((effect, Err(refused)));
    }
    Some((effect, answer(state, space, argv)))
}

pub(super) fn answer(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["sysctl", "-n", key] => {
            let value = state.sysctls.get(*key).map_or("0", String::as_str);
            (Looks, Ok(format!("{value}\n")))
        }
        ["sysctl", "-q", "-w", setting] => {
            let (key, value) = setting.split_once('=')?;
            state.sysctls.insert(key.to_owned(), value.to_owned());
            (Acts, Ok(String::new()))
        }
        ["kill", signal @ ("-TERM" | "-HUP"), pids @ ..] => (Acts, kill(state, signal, pids)),
        ["sha256sum", "--", paths @ ..] => (Looks, sha256sums(&state.files, paths)),
        ["systemctl", "is-enabled", unit] => (Looks, is_enabled(state, unit)),
        ["systemctl", "-q", "enable", unit] => (Acts, enable(state, unit)),
        ["systemctl", "-q", "disable", unit] => (Acts, disable(state, unit)),
        _ => return None,
    })
}

pub(super) fn text(state: &State, path: &str) -> Option<String> {
    state.files.read(path).ok().map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
}

/// Status 1 when one is absent; the others are there all the same.
fn sha256sums(files: &Files, paths: &[&str]) -> Answer {
    let (there, absent): (Vec<_>, Vec<_>) =
        paths.iter().map(|path| files::sha256sum(files, path)).partition(Result::is_ok);
    let stdout: String = there.into_iter().flatten().collect();
    match absent.into_iter().find_map(Result::err) {
        None => Ok(stdout),
        Some(refused) => Err(Refused { stdout, ..refused.into() }),
    }
}

// --- sysctl -----------------------------------------------------------------------------------------------------------

fn read_settings(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let space = open(state, space)?;
    Ok(argv[2..].iter().map(|key| format!("{}\n", space.sysctls.get(*key).map_or("0", String::as_str))).collect())
}

fn set_settings(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let path = argv[3];
    let Some(text) = text(state, path) else {
        return refused(255, format!("sysctl: cannot open \"{path}\": No such file or directory\n"));
    };
    let settings = text.lines().filter_map(|line| line.split_once(" = "));
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>();
    if let Some(space) = state.spaces.get_mut(space) {
        space.sysctls.extend(settings);
    }
    Ok(String::new())
}

// --- dnsmasq and its signals ------------------------------------------------------------------------------------------

fn start(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let path = argv[1].strip_prefix("--conf-file=").unwrap_or_else(|| panic!("dnsmasq {} is not simulated", argv[1]));
    let Some(config) = text(state, path) else {
        return refused(1, format!("\ndnsmasq: cannot read {path}: No such file or directory\n"));
    };
    let option = |name: &str| {
        let found = config.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("dnsmasq without {name} is not simulated")).to_owned()
    };
    let is_dnsmasq = |process: &Process| matches!(process.program, Daemon::Dnsmasq(_));
    if state.processes.values().any(|process| process.space == space && is_dnsmasq(process)) {
        return refused(2, "\ndnsmasq: failed to bind DHCP server socket: Address already in use\n");
    }
    let links = config.lines().filter_map(|line| line.strip_prefix("interface="));
    for link in links {
        assert!(open(state, space)?.links.contains_key(link), "dnsmasq serves {link}, which is not there");
    }
    state.pid += 1;
    let (pid, pid_file) = (state.pid, option("pid-file"));
    let leases = option("dhcp-leasefile");
    state.files.put(&pid_file, format!("{pid}\n").into_bytes(), 0o644)?;
    if !state.files.exists(&leases) {
        state.files.put(&leases, Vec::new(), 0o644)?;
    }
    let hosts = [option("addn-hosts"), option("dhcp-hostsfile")].map(|path| (path, String::new())).into();
    state.processes.insert(pid, Process { space: space.to_owned(), pid_file, program: Daemon::Dnsmasq(hosts) });
    read_hosts(state, pid);
    Ok(String::new())
}

fn read_hosts(state: &mut State, pid: u32) {
    let Some(mut process) = state.processes.remove(&pid) else { return };
    if let Daemon::Dnsmasq(hosts) = &mut process.program {
        for (path, read) in hosts {
            *read = text(state, path).unwrap_or_default();
        }
    }
    state.processes.insert(pid, process);
}

fn kill(state: &mut State, signal: &str, pids: &[&str]) -> Answer {
    let mut stderr = String::new();
    for text in pids {
        let pid: u32 = text.parse().unwrap_or_else(|_| panic!("kill {text} is not simulated"));
        if !state.processes.contains_key(&pid) {
            stderr += &format!("kill: ({pid}): No such process\n");
        } else if signal == "-HUP" {
            read_hosts(state, pid);
            pair::read(state, pid);
        } else if let Some(process) = state.processes.remove(&pid) {
            match &process.program {
                // It has given up the right to remove its pid file.
                Daemon::Dnsmasq(_) => debug_assert!(state.files.exists(&process.pid_file)),
                Daemon::Charon(socket, _) => state.files.remove(socket)?,
                Daemon::WireguardGo(link) => vpn::end_wireguard(state, &process.space, link)?,
                Daemon::Keepalived { vrrp_pid_file, held, .. } => {
                    pair::let_go(state, &process.space, held);
                    state.files.remove(&process.pid_file)?;
                    state.files.remove(vrrp_pid_file)?;
                }
            }
        }
    }
    if stderr.is_empty() { Ok(String::new()) } else { refused(1, stderr) }
}

// --- systemd ----------------------------------------------------------------------------------------------------------

fn unit_file(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

fn is_enabled(state: &State, unit: &str) -> Answer {
    if !state.files.exists(&unit_file(unit)) {
        return refused(1, format!("Failed to get unit file state for {unit}: No such file or directory\n"));
    }
    if state.enabled.contains(unit) {
        return Ok("enabled\n".to_owned());
    }
    Err(Refused { status: 1, stdout: "disabled\n".to_owned(), stderr: String::new() })
}

fn enable(state: &mut State, unit: &str) -> Answer {
    if !state.files.exists(&unit_file(unit)) {
        return refused(1, format!("Failed to enable unit, unit {unit} does not exist.\n"));
    }
    state.enabled.insert(unit.to_owned());
    Ok(String::new())
}

fn disable(state: &mut State, unit: &str) -> Answer {
    if !state.files.exists(&unit_file(unit)) && !state.enabled.contains(unit) {
        return refused(1, format!("Failed to disable unit, unit {unit} does not exist.\n"));
    }
    state.enabled.remove(unit);
    Ok(String::new())
}
