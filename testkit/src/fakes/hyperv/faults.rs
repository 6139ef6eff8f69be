//! What goes wrong, as a test orders it: by cmdlet and occurrence.

use super::world::World;
use cmdlets::{Problem, Request, Step};
use serde::{Deserialize, Serialize};

/// Any request.
pub const ANY: &str = "*";

/// Any request that may change something.
pub const ACTS: &str = "!";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// A cmdlet; `put` and `get` are steps; [`ANY`], [`ACTS`].
    pub of: String,
    /// The n-th such request from now, counted from 1.
    pub nth: u64,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    Before,
    After,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A terminating error; with [`Side::After`] something was done already.
    Error(Side, Problem),
    /// It begins a job, and the job fails.
    JobFails(Problem),
    /// The connection is cut. The process on the host goes with it, or carries on to the end of the request.
    Cut(Side, Process),
    /// No answer ever comes, to what was not carried out or to what was.
    Silence(Side),
    /// The host goes down and comes up again.
    Reboot(Side),
    /// No room for what is written now.
    Full,
    /// The answer's line breaks off.
    Torn,
    /// Text before and behind the answer's line.
    Noise(String),
    /// Progress on stderr, as CLIXML.
    Clixml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Process {
    Dies,
    Survives,
}

impl Fault {
    pub fn new(of: &str, nth: u64, what: What) -> Self {
        Self { of: of.to_owned(), nth, what }
    }

    fn is_of(&self, request: &Request) -> bool {
        self.of == ANY || self.of == ACTS && !request.looks() || request.steps.iter().any(|step| self.of == word(step))
    }
}

pub(super) fn word(step: &Step) -> &str {
    match step {
        Step::Call { cmd, .. } => cmd,
        Step::Where { .. } => "where",
        Step::Put { .. } => "put",
        Step::Get { .. } => "get",
    }
}

impl What {
    /// Whether nothing of the request is carried out.
    pub(super) fn prevents(&self) -> bool {
        // A process that survives the connection carries it out.
        matches!(
            self,
            Self::Cut(Side::Before, Process::Dies) | Self::Silence(Side::Before) | Self::Reboot(Side::Before)
        )
    }
}

impl World {
    /// The fault that this request meets; it happens once.
    pub fn met(&mut self, request: &Request) -> Option<Fault> {
        let mut met = None;
        for (at, fault) in self.state.faults.iter_mut().enumerate().filter(|(_, fault)| fault.is_of(request)) {
            fault.nth = fault.nth.saturating_sub(1);
            if fault.nth == 0 && met.is_none() {
                met = Some(at);
            }
        }
        met.map(|at| self.state.faults.remove(at))
    }
}
