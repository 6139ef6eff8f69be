//! Steps: the named, repeatable pieces of a verb's `execute`.
//!
//! Flow: the context takes the step's lock if it names one, looks; if it is already so, the step is skipped; if it
//! differs, the verb ends with that fault; else it acts, and looks again: the effect must be there.
//!
//! Guarantees: a step that was killed anywhere is carried on by running it again. In a dry run `look` runs and the
//! commands of `act` are recorded, not run, and the second look is left out.

use crate::context::Context;
use errors::Fault;
use futures::future::BoxFuture;
use model::lock::LockName;
use std::time::Duration;

/// What a step found.
#[derive(Debug)]
pub enum Look {
    /// It is already so.
    Done,
    /// It is to be done.
    Todo,
    /// Something else is there, which this step must not overwrite.
    Differs(Fault),
}

impl Look {
    pub fn done_if(done: bool) -> Self {
        if done { Self::Done } else { Self::Todo }
    }
}

pub type Looked<'a> = BoxFuture<'a, Result<Look, Fault>>;
pub type Acted<'a> = BoxFuture<'a, Result<(), Fault>>;

/// One step, a small value that holds what it needs.
pub trait Step: Send + Sync {
    /// A few words that stay the same for ever: `define domain`.
    fn name(&self) -> String;

    /// When the step is given up, its escalations included.
    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// A lock for the length of this step only. It is a leaf: while it is held nothing else is asked for, so that it
    /// cannot be part of a cycle whatever the verb already holds.
    fn lock(&self) -> Option<LockName> {
        None
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a>;

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a>;
}

/// The steps of a verb, in order.
#[derive(Default)]
pub struct Steps(pub(crate) Vec<Box<dyn Step>>);

impl Steps {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn then(&mut self, step: impl Step + 'static) -> &mut Self {
        self.0.push(Box::new(step));
        self
    }
}
