//! virsh: domains of libvirt, by exact name. XML goes over stdin.

pub mod agent;
pub mod backup;
pub mod checkpoint;
pub mod monitor;
pub mod nodedev;
pub mod snapshot;

use hosts::{Command, Invocation, Output};
use std::time::Duration;

/// How long one call of libvirt may take; QEMU itself may have to be started.
const DEADLINE: Duration = Duration::from_secs(60);

/// As `virsh domstate` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    ShutOff,
    /// Paused, crashed, in shutdown, ...: neither of the two.
    Other(String),
}

impl State {
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "running" => Ok(Self::Running),
            "shut off" => Ok(Self::ShutOff),
            "" => Err("it names no state".to_owned()),
            other => Ok(Self::Other(other.to_owned())),
        }
    }

    pub fn word(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::ShutOff => "shut off",
            Self::Other(word) => word,
        }
    }
}

fn argv<'a>(uri: &'a str, rest: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ["virsh", "-q", "-c", uri].into_iter().chain(rest).collect()
}

fn looks<'a>(uri: &'a str, rest: impl IntoIterator<Item = &'a str>) -> Invocation {
    Invocation::looks(argv(uri, rest)).deadline(DEADLINE)
}

fn acts<'a>(uri: &'a str, rest: impl IntoIterator<Item = &'a str>) -> Invocation {
    Invocation::acts(argv(uri, rest)).deadline(DEADLINE)
}

/// Fails when libvirt does not answer.
pub fn version(uri: &str) -> Command<()> {
    Command::plain(looks(uri, ["version"]))
}

/// Every domain by name, running or not.
pub fn domains(uri: &str) -> Command<Vec<String>> {
    let read = |output: &Output| {
        Ok(output.text().lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    };
    Command { invocation: looks(uri, ["list", "--all", "--name"]), read }
}

/// What an answer of status 1 means: the domain is absent, or something went wrong.
fn present(output: &Output) -> Result<bool, String> {
    if output.status == 0 {
        return Ok(true);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("failed to get domain") || stderr.contains("Domain not found") {
        Ok(false)
    } else {
        Err(stderr.trim().to_owned())
    }
}

/// The definition that the next start uses; none when the domain is absent.
pub fn definition(uri: &str, domain: &str) -> Command<Option<String>> {
    let read = |output: &Output| Ok(present(output)?.then(|| output.text()));
    Command { invocation: looks(uri, ["dumpxml", domain, "--inactive"]).answers(&[0, 1]), read }
}

/// The definition that a running guest has now.
pub fn live(uri: &str, domain: &str) -> Command<Option<String>> {
    let read = |output: &Output| Ok(present(output)?.then(|| output.text()));
    Command { invocation: looks(uri, ["dumpxml", domain]).answers(&[0, 1]), read }
}

/// None when the domain is absent.
pub fn state(uri: &str, domain: &str) -> Command<Option<State>> {
    Command { invocation: looks(uri, ["domstate", domain]).answers(&[0, 1]), read: read_state }
}

fn read_state(output: &Output) -> Result<Option<State>, String> {
    if !present(output)? {
        return Ok(None);
    }
    State::read(output.text().trim()).map(Some)
}

/// A domain in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    pub state: State,
    /// Whether libvirt starts it with the host.
    pub autostart: bool,
}

/// None when the domain is absent.
pub fn info(uri: &str, domain: &str) -> Command<Option<Info>> {
    Command { invocation: looks(uri, ["dominfo", domain]).answers(&[0, 1]), read: read_info }
}

fn read_info(output: &Output) -> Result<Option<Info>, String> {
    if !present(output)? {
        return Ok(None);
    }
    let text = output.text();
    let row = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let autostart = match row("Autostart:") {
        Some("enable") => true,
        Some("disable") => false,
        other => return Err(format!("Autostart is {other:?}")),
    };
    Ok(Some(Info { state: State::read(row("State:").unwrap_or_default())?, autostart }))
}

pub fn define(uri: &str, xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["define", "/dev/stdin"]).stdin(xml))
}

pub fn set_autostart(uri: &str, domain: &str, on: bool) -> Command<()> {
    let disable = if on { None } else { Some("--disable") };
    Command::plain(acts(uri, ["autostart", domain].into_iter().chain(disable)))
}

pub fn start(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["start", domain]))
}

/// The guest stands still, and all that it has written is on its disks.
pub fn suspend(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["suspend", domain]))
}

/// A paused guest goes on.
pub fn resume(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["resume", domain]))
}

/// Presses the power button; the guest may take its time, or ignore it.
pub fn shutdown(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["shutdown", domain, "--mode", "acpi"]))
}

/// Pulls the plug.
pub fn destroy(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["destroy", domain]))
}

/// With all that libvirt keeps of it; its disks stay.
pub fn undefine(uri: &str, domain: &str) -> Command<()> {
    let all = ["undefine", domain, "--managed-save", "--snapshots-metadata", "--checkpoints-metadata", "--nvram"];
    Command::plain(acts(uri, all))
}

/// Into the running guest and into its definition.
pub fn attach(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["attach-device", domain, "/dev/stdin", "--live", "--config"]).stdin(device_xml))
}

pub fn detach(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["detach-device", domain, "/dev/stdin", "--live", "--config"]).stdin(device_xml))
}

/// Into the running guest alone.
pub fn attach_live(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["attach-device", domain, "/dev/stdin", "--live"]).stdin(device_xml))
}

pub fn detach_live(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["detach-device", domain, "/dev/stdin", "--live"]).stdin(device_xml))
}

/// Into the definition alone, whether the guest runs or not.
pub fn attach_kept(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["attach-device", domain, "/dev/stdin", "--config"]).stdin(device_xml))
}

pub fn detach_kept(uri: &str, domain: &str, device_xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["detach-device", domain, "/dev/stdin", "--config"]).stdin(device_xml))
}

/// Grows a disk under a running guest; it is named by its file or its target.
pub fn grow(uri: &str, domain: &str, path: &str, gb: u64) -> Command<()> {
    Command::plain(acts(uri, ["blockresize", domain, path, &format!("{gb}G")]))
}

/// More processors, in the running guest and in its definition.
pub fn set_cpus(uri: &str, domain: &str, count: u32) -> Command<()> {
    Command::plain(acts(uri, ["setvcpus", domain, &count.to_string(), "--live", "--config"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_and_failure_are_told_apart() {
        let answer =
            |status, stdout: &str, stderr: &str| Output { status, stdout: stdout.into(), stderr: stderr.into() };
        let absent = "error: failed to get domain 'drover-7'\n";
        assert_eq!(read_state(&answer(1, "", absent)), Ok(None));
        assert_eq!(read_state(&answer(0, "shut off\n", "")), Ok(Some(State::ShutOff)));
        assert_eq!(read_state(&answer(0, "paused\n", "")), Ok(Some(State::Other("paused".into()))));
        assert!(read_state(&answer(1, "", "error: failed to connect to the hypervisor\n")).is_err());
        let info = read_info(&answer(0, "State:          shut off\nAutostart:      enable\n", ""));
        assert_eq!(info, Ok(Some(Info { state: State::ShutOff, autostart: true })));
    }
}
