//! What a driver exports: one const table of its verbs.

use crate::attempt::Work;
use errors::Fault;
use futures::future::BoxFuture;
use model::event::Event;
use model::{Kind, ResourceId, Verb};
use queue::{Message, Queue};

/// A driver: the kind it is for, and its verbs.
pub struct Driver {
    pub kind: Kind,
    pub verbs: &'static [Entry],
}

/// One verb: its three functions, coerced to pointers. Locks of the whole attempt are data, from the verb's steps.
pub struct Entry {
    pub verb: Verb,
    pub dispatch: for<'a> fn(&'a Outbox, &'a Event) -> BoxFuture<'a, Result<(), Fault>>,
    /// Prerequisites and execute, on the one road.
    pub attempt: fn(Work) -> BoxFuture<'static, ()>,
}

/// A verb's row in its driver's table: the verb, and the module with its three functions.
#[macro_export]
macro_rules! verb {
    ($verb:ident: $module:ident) => {
        $crate::Entry {
            verb: ::model::Verb::$verb,
            dispatch: |outbox, event| Box::pin($module::dispatch(outbox, event)),
            attempt: |work| Box::pin($crate::attempt(work, $module::prerequisites, $module::execute)),
        }
    };
}

impl Driver {
    pub fn entry(&self, verb: Verb) -> Option<&'static Entry> {
        self.verbs.iter().find(|entry| entry.verb == verb)
    }
}

/// The verb of a kind, in a table of drivers.
pub fn find(drivers: &[&'static Driver], kind: Kind, verb: Verb) -> Option<&'static Entry> {
    drivers.iter().find(|driver| driver.kind == kind).and_then(|driver| driver.entry(verb))
}

/// Where `dispatch` puts a task.
#[derive(Clone)]
pub struct Outbox {
    queue: Queue,
}

impl Outbox {
    pub fn new(queue: Queue) -> Self {
        Self { queue }
    }

    /// Onto the queue of the task's host; returns when the broker has it safe.
    pub async fn put(&self, event: &Event) -> Result<(), Fault> {
        let (Some(task), Some(verb)) = (event.task_id, event.verb) else {
            return Err(Fault::new(&errors::queue::MESSAGE_BROKEN).hole("reason", "the event names no task"));
        };
        let message = Message::new(task, event.resource_id, event.kind, verb, event.host.clone());
        self.queue.publish(&message, event.traceparent.as_deref()).await
    }
}

/// What `prerequisites` found.
#[derive(Debug)]
pub enum Prerequisite<P> {
    Ready(P),
    /// Not now. The resource's next state at rest wakes the task, with a slow timer behind it.
    Wait {
        reason: String,
        resource: Option<ResourceId>,
    },
    /// Never, as things are.
    Refuse(Fault),
}

impl Prerequisite<()> {
    /// The first that is not ready, or both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::Ready(()) => other,
            unmet => unmet,
        }
    }

    /// What is looked at once it is ready.
    pub async fn then<P>(self, look: impl Future<Output = Result<P, Fault>>) -> Result<Prerequisite<P>, Fault> {
        match self {
            Self::Ready(()) => look.await.map(Prerequisite::Ready),
            Self::Wait { reason, resource } => Ok(Prerequisite::Wait { reason, resource }),
            Self::Refuse(fault) => Ok(Prerequisite::Refuse(fault)),
        }
    }
}
