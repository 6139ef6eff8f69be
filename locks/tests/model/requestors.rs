//! The other design: each client is a contender itself, at every lock, over shared registers; the fence is a register that
//! is read and written inside. docs/decisions has what is concluded from this.

use crate::guard::{Guard, Hold};
use locks::peterson::{Access, Contender, Flag, Place, Slot};
use model::Fence;
use model::lock::{LockName, Mode};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::BTreeMap;

#[derive(Clone)]
struct Requestors {
    wants: Vec<Vec<usize>>,
    /// How often a client is taken for dead though it is only slow.
    put_outs: u8,
    /// The registers refuse the writes of a client that was put out.
    revokes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// Each flag with the client that raised it.
    registers: BTreeMap<(usize, Place), (Flag, usize)>,
    fences: BTreeMap<usize, i64>,
    clients: Vec<Client>,
    guard: Guard,
    put_outs: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Client {
    member: bool,
    /// How many of its locks it has, each with its fence.
    got: Vec<i64>,
    contender: Contender,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Competes,
    ReadsFence,
    WritesFence(i64),
    Acts(usize),
    /// Leaving the lock of this place, from the last to the first.
    Leaves(usize),
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Act {
    Step(usize),
    PutOut(usize),
}

impl Requestors {
    fn step(&self, world: &mut World, who: usize) {
        let World { registers, fences, clients, guard, .. } = world;
        let client = &mut clients[who];
        let wants = &self.wants[who];
        let may_write = client.member || !self.revokes;
        match client.at {
            At::Competes | At::Leaves(_) => {
                let lock = match client.at {
                    At::Leaves(place) => wants[place],
                    _ => wants[client.got.len()],
                };
                match client.contender.access() {
                    Some(Access::Read(place)) => {
                        client.contender.answered(registers.get(&(lock, place)).map(|(flag, _)| *flag));
                    }
                    Some(Access::Write(..)) if !may_write => client.at = At::Over,
                    Some(Access::Write(place, mark)) => {
                        match mark {
                            Some(flag) => drop(registers.insert((lock, place), (flag, who))),
                            None => drop(registers.remove(&(lock, place))),
                        }
                        client.contender.answered(None);
                    }
                    None if client.contender.is_inside() => client.at = At::ReadsFence,
                    None => self.next_leave(client, who),
                }
            }
            At::ReadsFence => {
                let lock = wants[client.got.len()];
                client.at = At::WritesFence(fences.get(&lock).copied().unwrap_or(0) + 1);
            }
            At::WritesFence(_) if !may_write => client.at = At::Over,
            At::WritesFence(fence) => {
                fences.insert(wants[client.got.len()], fence);
                client.got.push(fence);
                client.contender = Contender::new(Slot(who as u32));
                client.at = if client.got.len() == wants.len() { At::Acts(0) } else { At::Competes };
            }
            At::Acts(count) => {
                let place = count % wants.len();
                let name = LockName::Host { host: wants[place].to_string() };
                let hold = Hold { client: who, mode: Mode::Exclusive, fence: Fence(client.got[place]) };
                let done = count + 1 == 2 * wants.len();
                if guard.act(&name, hold, true) && !done {
                    client.at = At::Acts(count + 1);
                } else {
                    self.leave(client, who, wants.len() - 1);
                }
            }
            At::Over => {}
        }
    }

    /// The contender of a lock that is held stands inside; only the last one's is kept, so it goes in again by itself.
    fn leave(&self, client: &mut Client, who: usize, place: usize) {
        let mut inside = Contender::new(Slot(who as u32));
        inside.run(&mut locks::registers::Memory::default());
        inside.leave();
        client.contender = inside;
        client.at = At::Leaves(place);
    }

    fn next_leave(&self, client: &mut Client, who: usize) {
        match client.at {
            At::Leaves(place) if place > 0 => self.leave(client, who, place - 1),
            _ => client.at = At::Over,
        }
    }
}

impl Model for Requestors {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let client = |who: usize| Client {
            member: true,
            got: Vec::new(),
            contender: Contender::new(Slot(who as u32)),
            at: At::Competes,
        };
        vec![World {
            registers: BTreeMap::new(),
            fences: BTreeMap::new(),
            clients: (0..self.wants.len()).map(client).collect(),
            guard: Guard::default(),
            put_outs: self.put_outs,
        }]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        for (who, client) in world.clients.iter().enumerate() {
            if client.at != At::Over {
                acts.push(Act::Step(who));
            }
            if world.put_outs > 0 && client.member && client.at != At::Over {
                acts.push(Act::PutOut(who));
            }
        }
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut world = before.clone();
        match act {
            Act::Step(who) => self.step(&mut world, who),
            Act::PutOut(who) => {
                world.put_outs -= 1;
                world.clients[who].member = false;
                world.registers.retain(|_, (_, writer)| *writer != who);
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("safe at the host", |_, world: &World| !world.guard.overlapped && !world.guard.doubled),
            Property::always("who waits gets on", |fleet: &Self, world: &World| {
                let over = world.clients.iter().all(|client| client.at == At::Over);
                over || (0..world.clients.len())
                    .any(|who| fleet.next_state(world, Act::Step(who)).as_ref() != Some(world))
            }),
            Property::sometimes("everyone is served", |_, world: &World| {
                world.clients.iter().all(|client| client.at == At::Over && client.member)
            }),
        ]
    }
}

fn checked(name: &str, model: Requestors) -> impl Checker<Requestors> + use<> {
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "requestors, {name}: {} states, {} distinct, {} deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker
}

fn three() -> Vec<Vec<usize>> {
    vec![vec![0], vec![0, 1], vec![1]]
}

#[test]
fn requestors_that_never_stop_exclude_one_another() {
    let checker = checked("no pauses", Requestors { wants: three(), put_outs: 0, revokes: false });
    checker.assert_properties();
}

#[test]
fn a_requestor_that_was_taken_for_dead_breaks_registers_that_only_read_and_write() {
    let checker = checked("pauses", Requestors { wants: three(), put_outs: 1, revokes: false });
    assert!(checker.discovery("safe at the host").is_some(), "a late write of the fence should be found");
}

#[test]
fn registers_that_refuse_the_writes_of_who_was_put_out_make_requestors_safe() {
    let checker = checked("pauses, revoked", Requestors { wants: three(), put_outs: 1, revokes: true });
    checker.assert_no_discovery("safe at the host");
    checker.assert_no_discovery("who waits gets on");
}
