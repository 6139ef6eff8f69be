//! Clients, one or two service processes, and a host.

use crate::act::Act;
use crate::guard::Hold;
use crate::world::{At, Client, Content, Door, Faults, LEASE, Message, Process, World, owner, request, short};
use locks::desk::Told;
use locks::entry::{Entry, Said, Want};
use locks::peterson::{Access, Contender, Flag};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet};

pub const OVERLAP: &str = "nobody acts at the host after who came after it";
pub const DOUBLED: &str = "a fence is one client's";
pub const STUCK: &str = "who waits gets on";
/// The check at the journal is no idle one: who was put out meets it.
const MET: &str = "a place was taken";
const TAKEN: &str = "no place is taken among those who were not put out";

/// What is done wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Defect {
    /// The host lets everyone act.
    NoFenceCheck,
    /// A contender raises its flag and never gives the turn away.
    KeepsTurn,
    /// An append overwrites what another has added meanwhile.
    NoPlaceCheck,
    /// Grants are answered before they are synced.
    AnswersEarly,
}

#[derive(Clone)]
pub struct Fleet {
    pub clients: Vec<Vec<Want>>,
    pub processes: usize,
    pub faults: Faults,
    pub defect: Option<Defect>,
    /// A register access at a time; else as many as go without waiting.
    pub fine: bool,
}

impl Fleet {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn alone(&self) -> bool {
        self.processes == 1
    }

    /// Whether its next register access gets the process on: not one that waits for another's write.
    fn moves(&self, world: &World, process: usize) -> bool {
        let mut next = world.clone();
        self.compete(&mut next, process);
        next != *world
    }

    /// Whether a lease's length may pass: while that may go wrong, and where nothing else can happen and it ends anything. A
    /// dead client's lease has to.
    fn may_pass(&self, world: &World) -> bool {
        let mut deadlines = world.processes.iter().flatten().filter_map(|process| process.desk.table().deadline());
        let ends_one = deadlines.any(|deadline| deadline > LEASE * world.now as u32);
        let waits = |client: &Client| matches!(client.at, At::Waits { .. });
        world.faults.ticks > 0 || ends_one && world.clients.iter().any(waits) && self.sound(world).is_empty()
    }

    /// What may happen without anything going wrong.
    fn sound(&self, world: &World) -> Vec<Act> {
        let mut acts = Vec::new();
        for (client, state) in world.clients.iter().enumerate() {
            match &state.at {
                At::Asks => {
                    let alive = (0..self.processes).filter(|process| world.processes[*process].is_some());
                    acts.extend(alive.map(|process| Act::Send { client, process }));
                }
                At::Holds { .. } => acts.push(Act::Work { client }),
                At::Waits { .. } | At::Over | At::Dead => {}
            }
        }
        acts.extend(world.wire.iter().cloned().map(Act::Deliver));
        for (process, state) in world.processes.iter().enumerate() {
            let Some(state) = state else {
                acts.push(Act::Begin { process });
                continue;
            };
            let inside = state.contender.is_inside();
            if (!state.calls.is_empty() || state.leaving()) && self.moves(world, process) {
                acts.push(Act::Compete { process });
            }
            if !state.member {
                acts.push(Act::Join { process });
            }
            if inside && !state.ready {
                acts.push(Act::CatchUp { process });
            }
            if inside && state.ready && !state.calls.is_empty() && state.unsaid.is_empty() {
                acts.push(Act::Append { process, late: false });
            }
            if !state.unsaid.is_empty() {
                acts.push(Act::Sync { process });
            }
            if !inside && state.applied < world.journal.len() {
                acts.push(Act::Follow { process });
            }
            let wanted = world.registers.values().any(|(_, writer)| *writer != process);
            if inside && wanted && state.unsaid.is_empty() {
                acts.push(Act::Give { process });
            }
            let due = state.desk.table().deadline().is_some_and(|deadline| deadline <= LEASE * world.now as u32);
            if due && state.calls.is_empty() {
                acts.push(Act::Notice { process });
            }
        }
        acts
    }
}

impl Process {
    fn join(&mut self) {
        self.contender = Contender::new(self.contender.slot());
        self.member = true;
        self.ready = false;
    }

    fn leaving(&self) -> bool {
        matches!(self.contender.access(), Some(Access::Write(_, None)))
    }
}

impl Model for Fleet {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let clients = self.clients.iter().map(|wants| Client { wants: wants.clone(), visits: 0, at: At::Asks });
        let processes = (0..self.processes).map(|slot| Some(Process::begin(slot, &[], self.alone(), self.alone())));
        vec![World {
            journal: Vec::new(),
            synced: 0,
            registers: BTreeMap::new(),
            processes: processes.collect(),
            clients: clients.collect(),
            wire: BTreeSet::new(),
            guard: crate::guard::Guard::default(),
            now: 0,
            faults: self.faults,
            behind: false,
        }]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        *acts = self.sound(world);
        if self.may_pass(world) {
            acts.push(Act::Tick);
        }
        let faults = world.faults;
        if faults.losses > 0 {
            acts.extend(world.wire.iter().cloned().map(Act::Lose));
        }
        for (client, state) in world.clients.iter().enumerate() {
            if faults.cuts > 0 && matches!(state.at, At::Waits { .. }) {
                acts.push(Act::Cut { client });
            }
            if faults.deaths > 0 && !state.is_over() {
                acts.push(Act::Die { client });
            }
            if faults.renewals > 0 && matches!(state.at, At::Holds { .. }) {
                let alive = (0..self.processes).filter(|process| world.processes[*process].is_some());
                acts.extend(alive.map(|process| Act::Renew { client, process }));
            }
        }
        for (process, state) in world.processes.iter().enumerate() {
            let Some(state) = state else { continue };
            if faults.crashes > 0 {
                acts.push(Act::Crash { process, power: false });
            }
            if faults.power > 0 {
                acts.push(Act::Crash { process, power: true });
            }
            if faults.put_outs > 0 && state.member && !self.alone() {
                acts.push(Act::PutOut { process });
            }
            // Late forever would be never: a process that notices a lease's end has the time right by then.
            let says = state.calls.front().is_some_and(|(said, _)| *said != Said::Passed);
            let late = !self.alone() && faults.ticks < self.faults.ticks && says;
            if late && acts.contains(&Act::Append { process, late: false }) {
                acts.push(Act::Append { process, late: true });
            }
        }
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut world = before.clone();
        match act {
            Act::Send { client, process } => {
                let state = &mut world.clients[client];
                state.visits += 1;
                let visit = state.visits;
                state.at = At::Waits { process, visit };
                world.wire.insert(Message { client, process, visit, content: Content::Acquire });
            }
            Act::Renew { client, process } => {
                world.faults.renewals -= 1;
                world.wire.insert(Message { client, process, visit: 0, content: Content::Renew });
            }
            Act::Deliver(message) => self.deliver(&mut world, message),
            Act::Lose(message) => {
                world.faults.losses -= 1;
                world.wire.remove(&message);
                world.broken(message.client, message.process);
            }
            Act::Cut { client } => {
                world.faults.cuts -= 1;
                let At::Waits { process, .. } = world.clients[client].at else { return None };
                world.broken(client, process);
            }
            Act::Work { client } => self.work(&mut world, client),
            Act::Die { client } => {
                world.faults.deaths -= 1;
                if let At::Waits { process, .. } = world.clients[client].at {
                    world.broken(client, process);
                }
                world.clients[client].at = At::Dead;
            }
            Act::Compete { process } => self.compete(&mut world, process),
            Act::CatchUp { process } | Act::Follow { process } => {
                let inside = world.processes[process].as_ref()?.contender.is_inside();
                world.follow(process);
                world.processes[process].as_mut()?.ready = inside;
            }
            Act::Append { process, late } => self.append(&mut world, process, late)?,
            Act::Sync { process } => {
                world.synced = world.journal.len();
                let unsaid = std::mem::take(&mut world.processes[process].as_mut()?.unsaid);
                world.say(process, unsaid);
            }
            Act::Give { process } => {
                let state = world.processes[process].as_mut()?;
                state.contender.leave();
                state.ready = false;
            }
            Act::Notice { process } => world.processes[process].as_mut()?.calls.push_back((Said::Passed, None)),
            Act::Crash { process, power } => {
                match power {
                    true => world.faults.power -= 1,
                    false => world.faults.crashes -= 1,
                }
                if power {
                    world.journal.truncate(world.synced);
                }
                world.processes[process] = None;
                world.wire.retain(|message| message.process != process);
                for client in 0..world.clients.len() {
                    world.broken(client, process);
                }
            }
            Act::Begin { process } => {
                // Those who were left have put it out by now.
                world.registers.retain(|_, (_, writer)| *writer != process);
                let alone = world.processes.iter().all(Option::is_none);
                world.processes[process] = Some(Process::begin(process, &world.journal, self.alone(), alone));
            }
            Act::PutOut { process } => {
                world.faults.put_outs -= 1;
                world.registers.retain(|_, (_, writer)| *writer != process);
                world.processes[process].as_mut()?.member = false;
            }
            Act::Join { process } => world.processes[process].as_mut()?.join(),
            Act::Tick => {
                world.faults.ticks = world.faults.ticks.saturating_sub(1);
                world.now += 1;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(OVERLAP, |_, world: &World| !world.guard.overlapped),
            Property::always(DOUBLED, |_, world: &World| !world.guard.doubled),
            Property::always(STUCK, |fleet: &Fleet, world: &World| {
                let may_go_on = !fleet.sound(world).is_empty() || fleet.may_pass(world);
                may_go_on || world.clients.iter().all(Client::is_over)
            }),
            Property::always("the line is in the order of the journal", |_, world: &World| {
                world.processes.iter().flatten().all(in_order)
            }),
            Property::always(TAKEN, |fleet: &Fleet, world: &World| {
                !world.behind || world.faults.put_outs < fleet.faults.put_outs
            }),
            Property::sometimes(MET, |fleet: &Fleet, world: &World| world.behind || fleet.faults.put_outs == 0),
            Property::sometimes("everyone is served", |_, world: &World| {
                world.clients.iter().all(|client| client.at == At::Over)
            }),
        ]
    }
}

/// Holders have asked before waiters, and each waiter before the next: tickets are given in the journal's order.
fn in_order(process: &Process) -> bool {
    let table = process.desk.table();
    table.list(table.now()).iter().all(|lock| {
        let asked = |task: i64| table.ticket(&owner(task as usize), &request());
        let line: Vec<_> = lock.waiters.iter().map(|waiter| asked(waiter.owner.task.0)).collect();
        line.is_sorted()
    })
}

impl Fleet {
    fn deliver(&self, world: &mut World, message: Message) {
        world.wire.remove(&message);
        let Message { client, process, visit, content } = message;
        match content {
            Content::Acquire => {
                let said = world.clients[client].ask(client, visit);
                if let Some(state) = &mut world.processes[process] {
                    state.calls.push_back((said, Some((client, visit))));
                }
            }
            Content::Renew => {
                let said = Said::Renew { owner: owner(client), request: request(), held: Vec::new() };
                if let Some(state) = &mut world.processes[process] {
                    state.calls.push_back((said, None));
                }
            }
            Content::Release => {
                let said = Said::Release { owner: owner(client), request: request() };
                if let Some(state) = &mut world.processes[process] {
                    state.calls.push_back((said, None));
                }
            }
            Content::Granted(grants) => {
                let state = &mut world.clients[client];
                if state.at == (At::Waits { process, visit }) {
                    state.at = At::Holds { grants, acts: 0 };
                }
            }
            Content::Ended => {
                let state = &mut world.clients[client];
                if state.at == (At::Waits { process, visit }) {
                    state.at = At::Asks;
                }
            }
        }
    }

    /// Two commands under each lock, all of them first once: what lies between the first and the second is the client's.
    fn work(&self, world: &mut World, client: usize) {
        let At::Holds { grants, acts } = world.clients[client].at.clone() else { return };
        let (want, fence) = &grants[acts % grants.len()];
        let hold = Hold { client, mode: want.mode, fence: *fence };
        let done = acts + 1 == 2 * grants.len();
        if !world.guard.act(&want.name, hold, !self.has(Defect::NoFenceCheck)) || done {
            world.clients[client].at = At::Over;
            if let Some(process) = world.processes.iter().position(Option::is_some) {
                world.wire.insert(Message { client, process, visit: 0, content: Content::Release });
            }
        } else {
            world.clients[client].at = At::Holds { grants, acts: acts + 1 };
        }
    }

    fn compete(&self, world: &mut World, process: usize) {
        let leaves = world.processes[process].as_ref().is_some_and(Process::leaving);
        loop {
            let before = world.processes[process].clone();
            self.access(world, process);
            let Some(after) = &world.processes[process] else { return };
            let goes_on = after.contender.access().is_some() && after.leaving() == leaves;
            if self.fine || !goes_on || before.as_ref() == Some(after) {
                return;
            }
        }
    }

    fn access(&self, world: &mut World, process: usize) {
        let Some(state) = &mut world.processes[process] else { return };
        match state.contender.access() {
            Some(Access::Read(place)) => {
                let seen = world.registers.get(&place).map(|(flag, _)| *flag);
                state.contender.answered(seen);
            }
            Some(Access::Write(place, mark)) => {
                if !state.member {
                    return state.join();
                }
                let keeps = self.has(Defect::KeepsTurn) && matches!(mark, Some(Flag::Gave(_)));
                match mark {
                    Some(_) if keeps => {}
                    Some(flag) => drop(world.registers.insert(place, (flag, process))),
                    None => drop(world.registers.remove(&place)),
                }
                state.contender.answered(None);
                if state.contender.access().is_none() && !state.contender.is_inside() {
                    state.contender = Contender::new(state.contender.slot());
                }
            }
            None => {}
        }
    }

    fn append(&self, world: &mut World, process: usize, late: bool) -> Option<()> {
        let state = world.processes[process].as_mut()?;
        if state.applied != world.journal.len() && !self.has(Defect::NoPlaceCheck) {
            world.behind = true;
            state.contender.leave();
            state.ready = false;
            return Some(());
        }
        let (said, door) = state.calls.pop_front()?;
        let last = world.journal.last().map_or(std::time::Duration::ZERO, |entry| entry.at);
        let at = if late { last } else { last.max(LEASE * world.now as u32) };
        let entry = Entry { at, said };
        let told = state.desk.apply(&entry, door).told;
        world.journal.push(entry);
        state.applied = world.journal.len();
        // A database syncs what it answers; a file is synced before a grant is said.
        let early = self.has(Defect::AnswersEarly);
        let (kept, at_once): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, told)| told.must_be_kept() && !early);
        if self.alone() {
            state.unsaid = kept;
        } else {
            world.synced = world.journal.len();
            world.say(process, kept);
        }
        world.say(process, at_once);
        Some(())
    }
}

impl World {
    fn say(&mut self, process: usize, told: Vec<(Door, Told)>) {
        for ((client, visit), told) in told {
            let content = match told {
                Told::Granted(grants) => Content::Granted(short(&grants)),
                Told::Ended => Content::Ended,
                Told::Renewed(_) | Told::Done => continue,
                Told::Refused(refused) => panic!("{refused:?}"),
            };
            self.wire.insert(Message { client, process, visit, content });
        }
    }

    fn follow(&mut self, process: usize) {
        let Some(state) = &mut self.processes[process] else { return };
        let news = self.journal[state.applied.min(self.journal.len())..].to_vec();
        state.applied = self.journal.len();
        let told = news.iter().flat_map(|entry| state.desk.apply(entry, None).told).collect();
        self.say(process, told);
    }

    /// The client's connection to the process is gone: both learn it, the process by saying that the request has left.
    fn broken(&mut self, client: usize, process: usize) {
        let At::Waits { process: with, visit } = self.clients[client].at else { return };
        if with != process {
            return;
        }
        self.clients[client].at = At::Asks;
        if let Some(state) = &mut self.processes[process] {
            state.calls.push_back((Said::Leave { owner: owner(client), request: request(), visit }, None));
        }
    }
}
