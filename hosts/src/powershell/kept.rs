//! A host for the length of one attempt: one session, opened when it is first needed, and anew after it was lost.

use super::dial::Dial;
use super::files;
use super::session::{Broken, Ending, Session};
use crate::guard::{self, Fences, Hold};
use crate::host::{Effect, Host, HostError, Invocation, Output};
use crate::process;
use cmdlets::{HELLO, Held, Own, Problem, Reply, Request, Row, Share};
use futures::future::BoxFuture;
use model::lock::{LockName, Mode};
use model::{Fence, windows};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// Connecting, starting PowerShell, loading the modules.
const OPENING: Duration = Duration::from_secs(60);

/// Until a lock's file is tried again that another process holds.
const PAUSE: Duration = Duration::from_millis(250);

pub struct Kept {
    name: String,
    dial: Arc<dyn Dial>,
    session: Mutex<Option<Session>>,
}

impl Kept {
    pub fn new(name: &str, dial: Arc<dyn Dial>) -> Self {
        Self { name: name.to_owned(), dial, session: Mutex::default() }
    }

    /// Whether nobody is being answered now.
    pub fn is_idle(&self) -> bool {
        self.session.try_lock().is_ok()
    }

    pub(super) async fn ask(
        &self,
        fences: &Fences,
        command: &Invocation,
        request: Request,
        puts: &[&str],
    ) -> Result<Vec<Row>, HostError> {
        let request = Request { fences: fences.iter().map(|hold| held(fences.folder(), hold)).collect(), ..request };
        self.check(command, &request, puts)?;
        let mut place = self.session.lock().await;
        // Taken out: a caller that goes away in the middle takes the session with it, and with it what runs.
        let mut session = self.opened(place.take()).await?;
        let asked = async {
            loop {
                match session.ask(&request, puts).await {
                    Ok(Reply { problem: Some(problem), .. }) if is_busy(&problem) => sleep(PAUSE).await,
                    answer => return answer,
                }
            }
        };
        let answer = timeout(command.deadline, asked).await.map_err(|_| process::deadline(&self.name, command))?;
        let reply = answer.map_err(|broken| self.broken(command, broken))?;
        *place = Some(session);
        match reply.problem {
            None => Ok(reply.rows),
            Some(problem) => Err(self.refused(fences, command, problem)),
        }
    }

    async fn hello(&self) -> Result<Vec<Row>, HostError> {
        let mut place = self.session.lock().await;
        let session = self.opened(place.take()).await?;
        let row = serde_json::to_value(&session.hello).ok().and_then(|value| value.as_object().cloned());
        *place = Some(session);
        Ok(row.into_iter().collect())
    }

    async fn opened(&self, session: Option<Session>) -> Result<Session, HostError> {
        if let Some(session) = session {
            return Ok(session);
        }
        let opening = async {
            let pipes = self.dial.dial().await?;
            Session::open(pipes).await.map_err(|broken| match broken {
                // Nothing was asked for yet.
                Broken::Ended(Ending { status: None, said }) => self.unreachable(said),
                broken => self.broken(&Invocation::looks(["powershell.exe"]), broken),
            })
        };
        let late = || self.unreachable(format!("the agent did not begin within {} s", OPENING.as_secs()));
        timeout(OPENING, opening).await.map_err(|_| late())?
    }

    /// What is not in the contract, or acts where it says that it looks, is not sent.
    fn check(&self, command: &Invocation, request: &Request, puts: &[&str]) -> Result<(), HostError> {
        let uncontracted =
            |reason: String| HostError::Uncontracted { host: self.name.clone(), line: command.line(), reason };
        cmdlets::check(request).map_err(|violation| uncontracted(violation.to_string()))?;
        if command.effect == Effect::Looks && !request.looks() {
            return Err(uncontracted("it may change something, and says that it only looks".into()));
        }
        if request.puts() != puts.len() {
            return Err(uncontracted(format!("{} files for {} steps that put one", puts.len(), request.puts())));
        }
        Ok(())
    }

    fn unreachable(&self, reason: String) -> HostError {
        HostError::Unreachable { host: self.name.clone(), reason }
    }

    fn broken(&self, command: &Invocation, broken: Broken) -> HostError {
        match broken {
            Broken::Ended(Ending { status: None, said }) => HostError::Lost {
                host: self.name.clone(),
                program: command.program().to_owned(),
                line: command.line(),
                reason: if said.is_empty() { "the connection ended".into() } else { said },
            },
            Broken::Ended(Ending { status: Some(status), said }) => HostError::Failed {
                host: self.name.clone(),
                program: command.program().to_owned(),
                line: command.line(),
                status,
                stderr: format!("the agent ended without an answer: {said}"),
            },
            Broken::Nonsense(reason) => process::nonsense(&self.name, command, reason),
        }
    }

    fn refused(&self, fences: &Fences, command: &Invocation, problem: Problem) -> HostError {
        if let Some(Own::Fenced { seen, path }) = problem.own()
            && let Some((lock, Hold { fence, .. })) =
                fences.iter().find(|(lock, _)| windows::is_same(&windows::fence(fences.folder(), lock), path))
        {
            return HostError::Fenced { host: self.name.clone(), lock: lock.clone(), seen: Fence(seen), fence };
        }
        HostError::Failed {
            host: self.name.clone(),
            program: command.program().to_owned(),
            line: command.line(),
            status: REFUSED,
            stderr: format!("{} ({}): {}", problem.error, problem.category, problem.text.trim()),
        }
    }
}

/// The status of a cmdlet that said no: there is only this one.
const REFUSED: i32 = 1;

fn held(folder: &str, (lock, hold): (&LockName, Hold)) -> Held {
    let share = match hold.mode {
        Mode::Exclusive => Share::Alone,
        Mode::Shared => Share::Together,
    };
    Held { path: windows::fence(folder, lock), fence: hold.fence.0.try_into().unwrap_or(0), share }
}

fn is_busy(problem: &Problem) -> bool {
    matches!(problem.own(), Some(Own::Busy { .. }))
}

/// A request's line, and those of its files; none when it is no request but a program of another kind of host.
fn read(stdin: &[u8]) -> Option<(Request, Vec<&str>)> {
    let mut lines = std::str::from_utf8(stdin).ok()?.lines();
    let request = serde_json::from_str(lines.next()?).ok()?;
    Some((request, lines.collect()))
}

impl Host for Kept {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move {
            let rows = match read(&command.stdin) {
                Some((request, puts)) => self.ask(fences, command, request, &puts).await?,
                None if command.argv == [HELLO] => self.hello().await?,
                None => {
                    let program = command.program().to_owned();
                    return Err(HostError::ProgramMissing { host: self.name.clone(), program });
                }
            };
            let stdout = serde_json::to_vec(&rows).expect("rows have only text keys");
            Ok(Output { status: 0, stdout, stderr: Vec::new() })
        })
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        _mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(files::put(self, fences, path, bytes))
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(files::get(self, path))
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(files::remove(self, fences, path))
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(files::prune(self, &guard::NONE, folder, untouched))
    }
}
