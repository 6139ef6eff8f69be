//! virsh: snapshots inside a domain's qcow2 disks, with its memory when it runs.

use super::{acts, looks};
use hosts::{Command, Output};
use std::time::Duration;

/// The memory of a guest is written to its disk.
const LONG: Duration = Duration::from_secs(1800);

/// Every snapshot of a domain by name, those beneath before those on top of them. Fails when the domain is absent.
pub fn names(uri: &str, domain: &str) -> Command<Vec<String>> {
    Command { invocation: looks(uri, ["snapshot-list", domain, "--name", "--topological"]), read: read_names }
}

/// Every snapshot that stands on top of this one, the nearest first. Fails when it is absent.
pub fn descendants(uri: &str, domain: &str, snapshot: &str) -> Command<Vec<String>> {
    let list = ["snapshot-list", domain, "--name", "--topological", "--descendants", "--from", snapshot];
    Command { invocation: looks(uri, list), read: read_names }
}

fn read_names(output: &Output) -> Result<Vec<String>, String> {
    Ok(output.text().lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// What a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether the guest ran when it was taken: then its memory is in it.
    pub with_memory: bool,
    pub description: String,
    /// The domain's definition at that time.
    pub domain: String,
}

/// None when the snapshot is absent.
pub fn read(uri: &str, domain: &str, snapshot: &str) -> Command<Option<Snapshot>> {
    Command { invocation: looks(uri, ["snapshot-dumpxml", domain, snapshot]).answers(&[0, 1]), read: read_snapshot }
}

fn read_snapshot(output: &Output) -> Result<Option<Snapshot>, String> {
    if output.status == 1 {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return if stderr.contains("snapshot not found") { Ok(None) } else { Err(stderr.trim().to_owned()) };
    }
    let text = output.text();
    let between = |start: &str, end: &str| {
        let from = text.find(start)?;
        let length = text[from..].find(end)? + end.len();
        Some(&text[from..from + length])
    };
    let domain = between("<domain type=", "</domain>").ok_or("it holds no domain")?;
    let state = between("<state>", "</state>").ok_or("it names no state")?;
    let description = between("<description>", "</description>").unwrap_or_default();
    let description = description.trim_start_matches("<description>").trim_end_matches("</description>").to_owned();
    Ok(Some(Snapshot { with_memory: state != "<state>shutoff</state>", description, domain: domain.to_owned() }))
}

/// A running guest stands still meanwhile.
pub fn create(uri: &str, domain: &str, xml: &str) -> Command<()> {
    Command::plain(acts(uri, ["snapshot-create", domain, "/dev/stdin"]).stdin(xml).deadline(LONG))
}

/// Brings disks and definition back. What runs now ends.
pub fn revert(uri: &str, domain: &str, snapshot: &str, after: After) -> Command<()> {
    let paused = match after {
        After::Paused => Some("--paused"),
        After::Off => None,
    };
    let line = ["snapshot-revert", domain, snapshot].into_iter().chain(paused);
    Command::plain(acts(uri, line).deadline(LONG))
}

/// How the guest is after a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// With its memory when the snapshot has it, else before its first instruction.
    Paused,
    /// Only for a snapshot without memory.
    Off,
}

/// This one alone: what stands on top of it then stands on what is beneath it.
pub fn delete(uri: &str, domain: &str, snapshot: &str) -> Command<()> {
    Command::plain(acts(uri, ["snapshot-delete", domain, snapshot]).deadline(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../../golden/virsh-snapshot.xml").to_vec(), ..Output::default() };
        let snapshot = read_snapshot(&output).unwrap().unwrap();
        assert!(snapshot.with_memory);
        assert_eq!(snapshot.description, "drover snapshot 9");
        assert!(snapshot.domain.starts_with("<domain type='qemu'>") && snapshot.domain.ends_with("</domain>"));
        assert!(!snapshot.domain.contains("inactiveDomain"));
        let absent = "error: Domain snapshot not found: no domain snapshot with matching name 'drover-9'\n";
        let absent = Output { status: 1, stderr: absent.into(), ..Output::default() };
        assert_eq!(read_snapshot(&absent), Ok(None));
        let down = Output { status: 1, stderr: "error: failed to connect to the hypervisor\n".into(), ..absent };
        assert!(read_snapshot(&down).is_err());
    }

    #[test]
    fn names_are_read_in_their_order() {
        let output = Output { stdout: b"drover-1\ndrover-6\ndrover-2\n\n".to_vec(), ..Output::default() };
        assert_eq!(read_names(&output).unwrap(), ["drover-1", "drover-6", "drover-2"]);
    }
}
