//! virsh: domains of libvirt, by exact name. XML goes over stdin.

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
    Ok(Some(match output.text().trim() {
        "running" => State::Running,
        "shut off" => State::ShutOff,
        "" => return Err("it names no state".to_owned()),
        other => State::Other(other.to_owned()),
    }))
}

/// Whether libvirt starts the domain with the host; none when the domain is absent.
pub fn autostart(uri: &str, domain: &str) -> Command<Option<bool>> {
    Command { invocation: looks(uri, ["dominfo", domain]).answers(&[0, 1]), read: read_autostart }
}

fn read_autostart(output: &Output) -> Result<Option<bool>, String> {
    if !present(output)? {
        return Ok(None);
    }
    let text = output.text();
    let line = text.lines().find_map(|line| line.strip_prefix("Autostart:"));
    match line.map(str::trim) {
        Some("enable") => Ok(Some(true)),
        Some("disable") => Ok(Some(false)),
        other => Err(format!("Autostart is {other:?}")),
    }
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

/// Grows a disk under a running guest.
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
        assert_eq!(read_autostart(&answer(0, "Id:             -\nAutostart:      enable\n", "")), Ok(Some(true)));
    }
}
