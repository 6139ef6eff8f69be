//! What the chapters on real libvirt and QEMU share: this machine, what its guests say, and what is left.

use model::server::ServerSpec;
use model::{ResourceId, SegmentId, names};
use std::fs::File;
use std::io::Write;
use std::time::Duration;
use tempfile::TempDir;
use testkit::eventually;
use testkit::real::{self, run};

/// A guest under TCG on a busy machine; a limit, not a measure.
pub const LIMIT: Duration = Duration::from_secs(100);

/// The bridge of a fleet's only segment.
pub fn bridge(segment: &str) -> String {
    names::bridge(SegmentId(1), segment)
}

pub fn virsh(arguments: &[&str]) -> String {
    let uri = real::libvirt_uri();
    run("virsh", &[&["-q", "-c", &uri], arguments].concat())
}

/// A line on the guest's serial console, which is to stay open until the guest has answered: QEMU looks only now and then
/// whether somebody has it open, and reads nothing while nobody has.
#[must_use]
pub fn tell(vm: ResourceId, line: &str) -> File {
    let console = virsh(&["ttyconsole", &names::domain(vm)]);
    let mut console = File::options().write(true).open(console.trim()).expect("the guest's console");
    console.write_all(format!("{line}\n").as_bytes()).expect("the guest is told");
    console
}

/// A folder for disks, and the host as it was before.
pub struct Machine {
    storage: TempDir,
    before: Vec<String>,
}

impl Machine {
    pub fn new() -> Self {
        // Left by a test that failed or was killed: fresh fleets number their VMs alike, and one would find its own running.
        for domain in virsh(&["list", "--all", "--name"]).lines().map(str::trim).filter(|name| !name.is_empty()) {
            let quiet = |arguments: &[&str]| {
                let uri = real::libvirt_uri();
                // One that does not run is not ended.
                let _ = std::process::Command::new("virsh").args(["-q", "-c", &uri]).args(arguments).output();
            };
            quiet(&["destroy", domain]);
            quiet(&["undefine", domain, "--nvram", "--snapshots-metadata", "--checkpoints-metadata"]);
        }
        // Scrubs would take these away, and the host would not be as before.
        for segment in ["t1", "t2", "t3", "t4", "t5", "t6", "t7"] {
            let _ = std::process::Command::new("ip").args(["link", "delete", "dev", &bridge(segment)]).output();
        }
        Self { storage: real::storage(), before: seen() }
    }

    pub fn storage(&self) -> String {
        self.storage.path().display().to_string()
    }

    pub fn server(&self) -> ServerSpec {
        real::kvm(&self.storage)
    }

    /// The same machine as the server of the Ceph cluster.
    pub fn ceph(&self) -> ServerSpec {
        real::ceph(&self.storage)
    }

    /// Waits for the guest to say this on its serial console, this many times.
    pub async fn says(&self, vm: ResourceId, what: &str, times: usize) {
        let log = names::serial_log(&self.storage(), vm);
        eventually(LIMIT, &format!("the guest says {what:?}"), async || {
            let text =
                std::fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            if text.matches(what).count() >= times { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Types a line on the guest's serial console, and waits for the guest to say something anew.
    pub async fn tell(&self, vm: ResourceId, line: &str, answer: &str) {
        let before = self.said(vm, answer);
        let _console = tell(vm, line);
        self.says(vm, answer, before + 1).await;
    }

    /// How often the guest has said this.
    pub fn said(&self, vm: ResourceId, what: &str) -> usize {
        let text = std::fs::read(names::serial_log(&self.storage(), vm)).unwrap_or_default();
        String::from_utf8_lossy(&text).matches(what).count()
    }

    /// What has come to the host since the beginning.
    pub fn news(&self) -> Vec<String> {
        seen().into_iter().filter(|name| !self.before.contains(name)).collect()
    }

    /// Nothing is left on the host but the image cache, the fences and what it knows of repositories.
    pub fn is_as_before(&self) {
        assert_eq!(seen(), self.before, "something was left on the host");
        let (storage, fences) = (self.storage(), format!("{}/*", names::fence_folder(&self.storage())));
        let mut find = vec![storage.as_str(), "-type", "f"];
        for kept in ["*/images/*", "*/repositories/*", &fences] {
            find.extend(["-not", "-path", kept]);
        }
        let left = run("find", &find);
        assert_eq!(left, "", "files were left on the host");
    }
}

/// What is on the host that a VM could leave there.
fn seen() -> Vec<String> {
    let domains = virsh(&["list", "--all", "--name"]);
    let bridges = run("ip", &["-brief", "link", "show", "type", "bridge"]);
    let names = bridges.lines().filter_map(|line| line.split_whitespace().next());
    domains.lines().map(str::trim).chain(names).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
