//! One lock: who holds it, who waits, and the two contenders that the service sends through the algorithm for them.

use crate::peterson::{Contender, Progress, Slot};
use crate::registers::Registers;
use model::lock::LockName;
use model::{Fence, TaskId};
use std::collections::VecDeque;
use std::time::Duration;

/// A request's number within the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// Whose requests share a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub task: TaskId,
    pub attempt: u32,
}

#[derive(Debug)]
pub(crate) struct Holder {
    pub who: Who,
    pub fence: Fence,
    pub since: Duration,
    /// The owner's requests that hold it: one, and more after re-entry.
    pub claims: Vec<Ticket>,
    contender: Contender,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub ticket: Ticket,
    pub since: Duration,
    who: Who,
}

/// Only the head of the line contends, in the slot that the holder does not use. So a lock has at most two contenders
/// for each service process, however many wait, and within one process the line's order is the order of grants.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub holder: Option<Holder>,
    pub waiting: VecDeque<Waiting>,
    /// Contends for whoever is the head: when the head goes away, the next one takes over its place at the gate.
    contender: Option<Contender>,
}

/// What a request was granted, and how long it waited in the line.
pub(crate) struct Seated {
    pub ticket: Ticket,
    pub waited: Duration,
}

impl Line {
    pub fn is_idle(&self) -> bool {
        self.holder.is_none() && self.waiting.is_empty()
    }

    /// Goes to the end of the line, or gets the fence at once if the owner holds the lock already.
    pub fn join(&mut self, ticket: Ticket, who: Who, now: Duration) -> Option<Fence> {
        match &mut self.holder {
            Some(holder) if holder.who == who => {
                holder.claims.push(ticket);
                Some(holder.fence)
            }
            _ => {
                self.waiting.push_back(Waiting { ticket, since: now, who });
                None
            }
        }
    }

    /// Moves the head's contender as far as it gets; true when it is inside. Without a head it leaves.
    pub fn contend(&mut self, lock: &LockName, registers: &mut impl Registers) -> bool {
        if self.waiting.is_empty() {
            if let Some(mut contender) = self.contender.take() {
                contender.leave();
                contender.run(lock, registers);
            }
            return false;
        }
        let taken = self.holder.as_ref().map(|holder| holder.contender.slot());
        let free = if taken == Some(Slot(0)) { Slot(1) } else { Slot(0) };
        let contender = self.contender.get_or_insert_with(|| Contender::new(free));
        contender.run(lock, registers) == Progress::Inside
    }

    /// After [`Line::contend`] said yes: the head becomes the holder, together with its owner's other requests in line.
    pub fn seat(&mut self, fence: Fence, now: Duration) -> Vec<Seated> {
        let Some(contender) = self.contender.take_if(|contender| contender.is_inside()) else { return Vec::new() };
        let Some(who) = self.waiting.front().map(|head| head.who) else { return Vec::new() };
        let mut seated = Vec::new();
        self.waiting.retain(|waiting| {
            if waiting.who == who {
                seated.push(Seated { ticket: waiting.ticket, waited: now.saturating_sub(waiting.since) });
            }
            waiting.who != who
        });
        let claims = seated.iter().map(|seated| seated.ticket).collect();
        self.holder = Some(Holder { who, fence, since: now, claims, contender });
        seated
    }

    /// Takes the request out, from the line or from the holder's claims; with its last claim the lock is free, and how
    /// long it was held is the answer.
    pub fn quit(
        &mut self,
        ticket: Ticket,
        lock: &LockName,
        registers: &mut impl Registers,
        now: Duration,
    ) -> Option<Duration> {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        let holder = self.holder.as_mut()?;
        holder.claims.retain(|claim| *claim != ticket);
        if !holder.claims.is_empty() {
            return None;
        }
        let mut holder = self.holder.take()?;
        holder.contender.leave();
        holder.contender.run(lock, registers);
        Some(now.saturating_sub(holder.since))
    }
}
