//! A host in one folder: `state.json`, and below `disk/` a folder for each drive letter. It may be opened by several
//! processes; one at a time has it.

use super::state::{Deed, Job, State, Task};
use super::wrong::Wrong;
use super::{power, snapshot, table};
use cmdlets::Problem;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub(super) struct World {
    /// What the drive letters are below.
    pub root: PathBuf,
    folder: PathBuf,
    pub state: State,
    /// The PowerShell that asks.
    pub session: u64,
    /// Nothing more fits, whatever the volume says.
    pub is_full: bool,
    /// The next job is made to fail so.
    pub fails: Option<Problem>,
    /// Held while this exists.
    _lock: File,
}

const CANARIES: &str = "canaries";

impl World {
    pub fn open(folder: &Path, session: u64) -> Self {
        let lock = File::create(folder.join("lock")).and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let state = fs::read(folder.join("state.json")).ok();
        let state = state.map(|json| serde_json::from_slice(&json).expect("state.json is as it was written"));
        let state = state.unwrap_or_default();
        Self {
            root: folder.join("disk"),
            folder: folder.to_owned(),
            state,
            session,
            is_full: false,
            fails: None,
            _lock: lock,
        }
    }

    pub fn save(&self) {
        let part = self.folder.join("state.part");
        let json = serde_json::to_vec(&self.state).expect("the state is JSON");
        fs::write(&part, json).and_then(|()| fs::rename(&part, self.folder.join("state.json"))).expect("it is written");
    }

    /// Whether somebody holds this file for himself.
    pub fn is_locked(&self, path: &str) -> bool {
        let real = super::paths::real(&self.root, path);
        real.is_file() && File::open(&real).is_ok_and(|file| file.try_lock().is_err())
    }

    /// The clock goes on, and what is due happens.
    pub fn pass(&mut self, ms: u64) {
        let until = self.state.clock_ms + ms;
        loop {
            let due = self.state.tasks.iter().enumerate().filter(|(_, task)| task.at_ms <= until);
            let Some((at, _)) = due.min_by_key(|(_, task)| task.at_ms) else { break };
            let task = self.state.tasks.remove(at);
            self.state.clock_ms = self.state.clock_ms.max(task.at_ms);
            power::wake(self);
            self.carry_out(task);
        }
        self.state.clock_ms = until;
        power::wake(self);
    }

    fn carry_out(&mut self, Task { job, deed, .. }: Task) {
        let result = match deed {
            Deed::Merge { vm, gone } => {
                snapshot::merge(self, &vm, &gone);
                Ok(Vec::new())
            }
            Deed::Call { cmd, args, input } => table::work(self, &cmd, &args, input.as_ref()),
            Deed::Fail(problem) => Err(Wrong::Problem(problem)),
        };
        let Some(job) = job.and_then(|id| self.state.jobs.iter_mut().find(|job| job.id == id)) else { return };
        match result {
            Ok(output) => (job.state, job.output) = ("Completed".into(), output),
            Err(Wrong::Problem(problem)) => (job.state, job.problem) = ("Failed".into(), Some(problem)),
            Err(Wrong::Refused(what)) => self.refused(&what),
        }
    }

    /// The number of another PowerShell.
    pub fn next_session(&mut self) -> u64 {
        self.state.last_session += 1;
        self.state.last_session
    }

    /// Begins a job of this session.
    pub fn begin(&mut self, cmd: &str, after_ms: u64, deed: Deed) -> u64 {
        let id = self.state.number();
        let (session, cmd) = (self.session, cmd.to_owned());
        let (began_ms, state) = (self.state.clock_ms, "Running".into());
        let job = Job { id, session, cmd, began_ms, takes_ms: after_ms, state, problem: None, output: Vec::new() };
        self.state.jobs.push(job);
        let at_ms = self.state.clock_ms + after_ms;
        self.state.tasks.push(Task { at_ms, job: Some(id), deed });
        id
    }

    /// The session's process is gone and its jobs with it; what they began goes on.
    pub fn end_session(&mut self, session: u64) {
        self.state.jobs.retain(|job| job.session != session);
    }

    fn append(&self, file: &str, line: &str) {
        use std::io::Write;
        let file = File::options().create(true).append(true).open(self.folder.join(file));
        file.and_then(|mut file| writeln!(file, "{line}")).expect("it is written");
    }

    /// The test is to fail for this.
    pub fn refused(&self, what: &str) {
        self.append("refused", &what.replace('\n', " "));
    }

    /// Secrets of the test: they may be in no command line and in no answer. The one file that holds them.
    pub fn canaries(&self) -> Vec<String> {
        lines(&self.folder, CANARIES)
    }

    pub fn watch(&self, canary: &str) {
        self.append(CANARIES, canary);
    }

    /// One more line of what was asked.
    pub fn record(&self, line: &str) {
        self.append("requests", line);
    }
}

/// The lines of one of the host's own records.
pub(super) fn lines(folder: &Path, file: &str) -> Vec<String> {
    fs::read_to_string(folder.join(file)).unwrap_or_default().lines().map(str::to_owned).collect()
}
