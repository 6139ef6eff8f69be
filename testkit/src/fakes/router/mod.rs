//! A router node that is not there: it keeps files, links, namespaces with their addresses, routes and rulesets, and
//! processes, and answers as the programs of a Debian 12 machine do (iproute2 6.1, nftables 1.0.6, dnsmasq 2.90). A command
//! that it does not know ends the test, and so does one that acts and says that it only looks. It has no libvirt.
//!
//! Assumptions: one command at a time, each at once. What the real programs were seen to do is compared in the tests.

mod batch;
mod ip;
mod left;
mod nft;
mod pair;
mod programs;
mod state;
mod vpn;

pub use left::is_of;

use crate::fakes::kvm::files::{self, Wrong};
use futures::future::BoxFuture;
use hosts::{Effect, Fences, Host, HostError, Invocation, Output};
use state::{Answer, Kind, Refused, State};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub struct Router {
    name: String,
    state: Mutex<State>,
}

impl Router {
    /// A node with its public bridge, and the folder of systemd's units.
    pub fn new(name: impl Into<String>) -> Self {
        let mut state = State::default();
        state.files.make_parents("/etc/systemd/system/unit").unwrap_or_else(|refused| panic!("{refused:?}"));
        vpn::install(&mut state);
        state.files.consider_given();
        let router = Self { name: name.into(), state: Mutex::new(state) };
        router.add_link("br-public");
        router
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link that was there before.
    pub fn add_link(&self, name: &str) {
        let mut state = self.state();
        batch::add(&mut state, name, Kind::Given, 0, 1500).unwrap_or_else(|said| panic!("{said}"));
    }

    /// From now on the kernel does WireGuard.
    pub fn has_wireguard(&self) {
        self.state().has_wireguard = true;
    }

    /// The next command whose line is meant is not carried out and ends with this.
    pub fn fail_next(&self, is: impl Fn(&str) -> bool + Send + 'static, error: HostError) {
        self.state().failures.push((Box::new(is), error));
    }

    /// The node has started anew: what is kept in files is there, and nothing else.
    pub fn reboot(&self) {
        let mut state = self.state();
        state.processes.clear();
        state.spaces.clear();
        state.sysctls.clear();
        state.links.retain(|_, link| link.kind == Kind::Given);
    }

    /// Every command that acted, as one line each, in order; ` <stdin` behind one that was given something.
    pub fn transcript(&self) -> Vec<String> {
        self.state().transcript.clone()
    }

    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.state().files.read(path).ok().map(|file| file.bytes.clone())
    }

    /// What was not there at first, in words for comparing two runs.
    pub fn words(&self) -> BTreeMap<String, String> {
        left::words(&self.state())
    }

    /// Whether the command is let act, and not made to fail.
    fn reach(&self, state: &mut State, line: &str, effect: Effect, fences: &Fences) -> Result<(), HostError> {
        if effect == Effect::Acts {
            state.fences.admit(&self.name, fences)?;
            state.transcript.push(line.to_owned());
        }
        let failed = state.failures.iter().position(|(is, _)| is(line));
        failed.map_or(Ok(()), |at| Err(state.failures.remove(at).1))
    }

    fn answer(&self, fences: &Fences, command: &Invocation) -> Result<Output, HostError> {
        if command.program() == "virsh" {
            return Err(HostError::ProgramMissing { host: self.name.clone(), program: "virsh".into() });
        }
        let stdin = if command.stdin.is_empty() { "" } else { " <stdin" };
        let mut state = self.state();
        self.reach(&mut state, &format!("{}{stdin}", command.line()), command.effect, fences)?;
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let (effect, answer) = known(&mut state, &argv, &command.stdin)
            .unwrap_or_else(|| panic!("the fake router node does not know: {}", command.line()));
        assert_eq!(effect, command.effect, "{}", command.line());
        let output = match answer {
            Ok(stdout) => Output { status: 0, stdout: stdout.into_bytes(), stderr: Vec::new() },
            Err(Refused { status, stdout, stderr }) => {
                Output { status, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
            }
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
    match argv {
        ["ip", "netns", "exec", space, "nft", "-f", "-"] => Some((Effect::Acts, nft::change(state, space, stdin))),
        ["ip", "netns", "exec", space, rest @ ..] => programs::inside(state, space, rest),
        ["ip", rest @ ..] => ip::answer(state, rest, stdin),
        ["unshare", "--net", rest @ ..] => vpn::tried(state, rest),
        ["swanctl", rest @ ..] => vpn::swanctl(state, rest),
        ["bridge", "-batch", "-"] => Some((Effect::Acts, Ok(String::new()))),
        _ => programs::answer(state, argv).or_else(|| {
            let (effect, answer) = files::coreutils(&mut state.files, argv)?;
            Some((effect, answer.map_err(Refused::from)))
        }),
    }
}

impl Host for Router {
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
                Ok(state.files.put(path, bytes.to_vec(), mode)?)
            })
        })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move {
            let line = format!("read {path}");
            self.file_work(line, Effect::Looks, &Fences::new(""), |state| match state.files.read(path) {
                Ok(file) => Ok(Some(file.bytes.clone())),
                Err(Wrong::Absent | Wrong::NoFolder) => Ok(None),
                Err(wrong) => Err(crate::fakes::kvm::state::Refused::from(wrong).into()),
            })
        })
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.file_work(format!("remove {path}"), Effect::Acts, fences, |state| Ok(state.files.remove(path)?))
        })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.state().fences.prune(folder, untouched);
            Ok(())
        })
    }
}
