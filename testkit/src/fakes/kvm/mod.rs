//! A KVM host that is not there: it keeps files, domains, bridges and disks, and answers as the programs of a Debian 12
//! machine do (libvirt 9.0, QEMU 7.2, iproute2 6.1), in their own words and with their own statuses. A command that it does
//! not know ends the test, and so does one that acts and says that it only looks.
//!
//! Assumptions: one command at a time, each at once. What the real programs were seen to do is compared in the tests.

mod backup;
mod domain;
pub(in crate::fakes) mod files;
mod hostdev;
mod inner;
mod ip;
mod left;
mod network;
mod one;
mod qemu_img;
mod secret;
mod snapshot;
pub(in crate::fakes) mod state;
#[cfg(test)]
mod tests;
mod virsh;
mod xml;

pub use files::sha256;
pub use hostdev::{MediatedDevice, PciDevice};
pub use left::Left;
pub use qemu_img::qcow2;

use super::ceph::{self, Cluster};
use futures::future::BoxFuture;
use hosts::{Effect, Fences, Host, HostError, Invocation, Output};
use state::{Answer, Failure, Refused, State};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub struct Kvm {
    name: String,
    state: Mutex<State>,
}

impl Kvm {
    /// An empty host: the root folder, libvirt at `qemu:///system`, no hardware virtualisation.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), state: Mutex::default() }
    }

    /// With the programs of a Ceph cluster, its configuration and a user's keyring.
    #[must_use]
    pub fn with_ceph(self, cluster: &Cluster) -> Self {
        let keyring = format!("[client.drover]\n\tkey = {}\n", ceph::KEY);
        self.add_file(ceph::KEYRING, keyring.as_bytes());
        self.state().ceph = Some(cluster.clone());
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- what the test puts there -----------------------------------------------------------------------------------

    /// A file that was there before: it counts as nobody's leftover. `/dev/kvm` brings hardware virtualisation.
    pub fn add_file(&self, path: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.files.make_parents(path).unwrap_or_else(|refused| panic!("{refused:?}"));
        state.files.put(path, bytes.to_vec(), 0o644).unwrap_or_else(|refused| panic!("{refused:?}"));
        state.files.consider_given();
    }

    /// What curl finds at a URL; anything else is answered with 404.
    pub fn serve(&self, url: &str, bytes: &[u8]) {
        self.state().served.insert(url.to_owned(), bytes.to_vec());
    }

    /// A PCI device of the host.
    pub fn add_device(&self, address: &str, device: PciDevice) {
        let address = address.parse().unwrap_or_else(|reason| panic!("{reason}"));
        self.state().devices.pci.insert(address, device);
    }

    /// A mediated device of the host.
    pub fn add_mediated(&self, uuid: &str, device: MediatedDevice) {
        let uuid = uuid.parse().unwrap_or_else(|reason| panic!("{reason}"));
        self.state().devices.mediated.insert(uuid, device);
    }

    /// It is there no longer, as after the host's restart.
    pub fn remove_mediated(&self, uuid: &str) {
        let uuid: uuid::Uuid = uuid.parse().unwrap_or_else(|reason| panic!("{reason}"));
        self.state().devices.mediated.remove(&uuid);
    }

    // --- what goes wrong --------------------------------------------------------------------------------------------

    /// The n-th command from now that acts, counted from 1, is not carried out and ends with this.
    pub fn fail_at(&self, nth: usize, error: HostError) {
        let mut state = self.state();
        let at = state.acted + nth;
        state.failures.push(Failure { is: Box::new(move |_, acted| acted == at), error });
    }

    /// The next command whose line (`virsh -q -c .. start drover-7`, `write /path (..)`) is meant, is not carried out and ends
    /// with this.
    pub fn fail_next(&self, is: impl Fn(&str) -> bool + Send + 'static, error: HostError) {
        self.state().failures.push(Failure { is: Box::new(move |line, _| is(line)), error });
    }

    /// Nothing reaches the host while there is a reason.
    pub fn unreachable(&self, reason: Option<&str>) {
        self.state().unreachable = reason.map(str::to_owned);
    }

    /// Whether guests heed the power button.
    pub fn ignore_acpi(&self, ignores: bool) {
        self.state().guests.ignore_acpi = ignores;
    }

    /// A guest that heeds the power button is off when its state has been asked for this many times more; 0 at first.
    pub fn shut_down_after(&self, looks: u32) {
        self.state().guests.shut_down_after = looks;
    }

    /// Whether guests keep the devices that are taken from them: detaching succeeds, and they stay until the guest is off.
    pub fn hold_devices(&self, hold: bool) {
        self.state().guests.hold_devices = hold;
    }

    /// Whether an agent answers inside every guest; none does at first.
    pub fn have_agents(&self, have: bool) {
        self.state().guests.agent = have;
    }

    /// Agents that have frozen the file systems do as they are told, and answer no question.
    pub fn mute_frozen_agents(&self) {
        self.state().guests.mute_when_frozen = true;
    }

    /// A backup job has ended when it has been asked for this many times more; 0 at first.
    pub fn back_up_after(&self, looks: u32) {
        self.state().guests.back_up_after = looks;
    }

    /// What a domain's checkpoints have recorded is lost, as when QEMU was killed.
    pub fn break_bitmaps(&self, domain: &str) {
        let mut state = self.state();
        let domain = state.domain_mut(domain).unwrap_or_else(|refused| panic!("{refused:?}"));
        domain.backups.break_bitmaps();
    }

    /// A file or a folder with all below it is not there any more, as one whose file system is not mounted.
    pub fn lose(&self, path: &str) {
        self.state().files.lose(path);
    }

    /// A guest ends by itself, as after a `poweroff` inside it.
    pub fn power_off(&self, domain: &str) {
        let mut state = self.state();
        assert!(state.domain(domain).is_ok_and(|domain| domain.live.is_some()), "{domain} does not run");
        state.stop(domain);
    }

    /// QEMU is killed: it gives back no image, and what it had open looks open for this many looks more.
    pub fn kill(&self, domain: &str, looks: u32) {
        let mut state = self.state();
        if let Some(cluster) = &state.ceph {
            cluster.crash(domain, looks);
        }
        state.end(domain);
    }

    // --- what the test sees -----------------------------------------------------------------------------------------

    /// Every command that acted, as one line each, in order; `!` before one that was made to fail, ` <stdin` behind one that was
    /// given something.
    pub fn transcript(&self) -> Vec<String> {
        self.state().transcript.clone()
    }

    /// A file's content.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.state().files.read(path).ok().map(|file| file.bytes.clone())
    }

    /// The permissions of a file or a folder.
    pub fn mode(&self, path: &str) -> Option<u32> {
        self.state().files.mode(path)
    }

    /// Whether the domain is there, and then whether it runs.
    pub fn runs(&self, domain: &str) -> Option<bool> {
        self.state().domain(domain).ok().map(|domain| domain.live.is_some())
    }

    /// Whether the file systems of a running guest are frozen.
    pub fn is_frozen(&self, domain: &str) -> bool {
        self.state().domain(domain).is_ok_and(|domain| domain.memory.is_frozen)
    }

    /// What was not there at first.
    pub fn left(&self) -> Left {
        left::left(&self.state())
    }

    /// The same in words for comparing two runs: without what differs from attempt to attempt, such as fences. A guest's are
    /// under `drover-7/..`, files under their paths.
    pub fn words(&self) -> BTreeMap<String, String> {
        left::words(&self.state())
    }

    // --- the host ---------------------------------------------------------------------------------------------------

    /// Whether the command gets through to the host, and is let act.
    fn reach(&self, state: &mut State, line: &str, effect: Effect, fences: &Fences) -> Result<(), HostError> {
        if let Some(reason) = &state.unreachable {
            return Err(HostError::Unreachable { host: self.name.clone(), reason: reason.clone() });
        }
        let acted = if effect == Effect::Acts {
            state.fences.admit(&self.name, fences)?;
            state.acted += 1;
            state.acted
        } else {
            0
        };
        let failed = state.failures.iter().position(|failure| (failure.is)(line, acted));
        if effect == Effect::Acts {
            state.transcript.push(format!("{}{line}", if failed.is_some() { "! " } else { "" }));
        }
        failed.map_or(Ok(()), |at| Err(state.failures.remove(at).error))
    }

    fn answer(&self, fences: &Fences, command: &Invocation) -> Result<Output, HostError> {
        let stdin = if command.stdin.is_empty() { "" } else { " <stdin" };
        let line = format!("{}{stdin}", command.line());
        let mut state = self.state();
        self.reach(&mut state, &line, command.effect, fences)?;
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let (effect, answer) = known(&mut state, &argv, &command.stdin)
            .unwrap_or_else(|| panic!("the fake KVM host does not know: {}", command.line()));
        assert_eq!(effect, command.effect, "{}", command.line());
        let output = match answer {
            Ok(stdout) => Output { status: 0, stdout: stdout.into_bytes(), stderr: Vec::new() },
            Err(Refused { status, stderr }) => Output { status, stdout: Vec::new(), stderr: stderr.into_bytes() },
        };
        command.judge(&self.name, output)
    }

    fn file_work<T>(
        &self,
        line: String,
        effect: Effect,
        fences: &Fences,
        work: impl FnOnce(&mut State) -> Result<T, Refused>,
    ) -> Result<T, HostError> {
        let mut state = self.state();
        self.reach(&mut state, &line, effect, fences)?;
        let failed = |refused: Refused| HostError::Failed {
            host: self.name.clone(),
            program: "file".into(),
            line,
            status: refused.status,
            stderr: refused.stderr,
        };
        work(&mut state).map_err(failed)
    }
}

fn known(state: &mut State, argv: &[&str], stdin: &[u8]) -> Option<(Effect, Answer)> {
    if let Some(cluster) = &state.ceph
        && let Some(answered) = ceph::answer(cluster, argv)
    {
        return Some(answered);
    }
    match argv.split_first()? {
        (&"virsh", rest) => virsh::answer(state, rest, stdin),
        (&"qemu-img", rest) => qemu_img::answer(state, rest),
        (&"ip", rest) => ip::answer(state, rest),
        _ => files::answer(state, argv, stdin),
    }
}

impl Host for Kvm {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move { self.answer(fences, command) })
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        let line = format!("write {path} ({} bytes, mode {mode:o})", bytes.len());
        Box::pin(async move {
            self.file_work(line, Effect::Acts, fences, |state| {
                state.files.make_parents(path)?;
                state.files.put(path, bytes.to_vec(), mode)
            })
        })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move {
            let line = format!("read {path}");
            self.file_work(line, Effect::Looks, &Fences::new(""), |state| match state.files.read(path) {
                Ok(file) => Ok(Some(file.bytes.clone())),
                Err(files::Wrong::Absent | files::Wrong::NoFolder) => Ok(None),
                Err(wrong) => Err(wrong.into()),
            })
        })
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.file_work(format!("remove {path}"), Effect::Acts, fences, |state| state.files.remove(path))
        })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.state().fences.prune(folder, untouched);
            Ok(())
        })
    }
}
