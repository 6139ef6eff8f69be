//! A host without hardware: it keeps words in memory and knows one program, `phantom`, that reads and writes them. What
//! it does not know it refuses. Files are kept in memory too.

use crate::guard::{Fences, Memory};
use crate::host::{Effect, Host, HostError, Invocation, Output};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// `phantom get KEY` answers the value or nothing; `phantom list KEY` the key and all below it, a line each;
/// `phantom set KEY VALUE`; `phantom drop KEY` drops the key and all below it.
pub struct Phantom {
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    words: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<u8>>,
    fences: Memory,
}

impl Phantom {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), state: Mutex::default() }
    }

    /// Every key with its value, for tests: what is left on the host.
    pub fn words(&self) -> BTreeMap<String, String> {
        self.state().words.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admitted and done in one go: nobody else has the state in between.
    fn admitted(&self, fences: &Fences) -> Result<MutexGuard<'_, State>, HostError> {
        let mut state = self.state();
        state.fences.admit(&self.name, fences)?;
        Ok(state)
    }

    fn answer(&self, fences: &Fences, command: &Invocation) -> Result<Output, HostError> {
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let mut state = match command.effect {
            Effect::Looks => self.state(),
            Effect::Acts => self.admitted(fences)?,
        };
        let stdout = match argv.as_slice() {
            ["phantom", "get", key] => state.words.get(*key).cloned().unwrap_or_default(),
            ["phantom", "list", key] => {
                let below = format!("{key}/");
                let known = state.words.keys().filter(|known| *known == key || known.starts_with(&below));
                known.map(|known| format!("{known}\n")).collect()
            }
            ["phantom", "set", key, value] => {
                state.words.insert((*key).to_owned(), (*value).to_owned());
                String::new()
            }
            ["phantom", "drop", key] => {
                let below = format!("{key}/");
                state.words.retain(|known, _| known != key && !known.starts_with(&below));
                String::new()
            }
            ["phantom", ..] => {
                return Err(HostError::Failed {
                    host: self.name.clone(),
                    program: "phantom".into(),
                    line: command.line(),
                    status: 2,
                    stderr: "usage: phantom get KEY | list KEY | set KEY VALUE | drop KEY".into(),
                });
            }
            _ => {
                return Err(HostError::ProgramMissing {
                    host: self.name.clone(),
                    program: command.program().to_owned(),
                });
            }
        };
        Ok(Output { status: 0, stdout: stdout.into_bytes(), stderr: Vec::new() })
    }
}

impl Host for Phantom {
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
        _mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.admitted(fences)?.files.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move { Ok(self.state().files.get(path).cloned()) })
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.admitted(fences)?.files.remove(path);
            Ok(())
        })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.state().fences.prune(folder, untouched);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_are_kept_and_dropped_with_all_below_them() {
        let host = Phantom::new("p1");
        for argv in [["phantom", "set", "vm/7/power", "on"], ["phantom", "set", "vm/70/power", "on"]] {
            host.run(&Invocation::acts(argv)).await.unwrap();
        }
        let got = host.run(&Invocation::looks(["phantom", "get", "vm/7/power"])).await.unwrap();
        assert_eq!(got.text(), "on");
        host.run(&Invocation::acts(["phantom", "drop", "vm/7"])).await.unwrap();
        assert_eq!(host.words().into_keys().collect::<Vec<_>>(), ["vm/70/power"]);
    }

    #[tokio::test]
    async fn what_it_does_not_know_it_refuses() {
        let host = Phantom::new("p1");
        let unknown = host.run(&Invocation::looks(["virsh", "list"])).await.unwrap_err();
        assert!(matches!(unknown, HostError::ProgramMissing { .. }), "{unknown}");
        let wrong = host.run(&Invocation::acts(["phantom", "set", "key"])).await.unwrap_err();
        assert_eq!(wrong.status(), Some(2));
    }
}
