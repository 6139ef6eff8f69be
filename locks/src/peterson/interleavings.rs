//! Every interleaving of the register accesses of a few contenders, over the same transitions that the service runs.

use super::*;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

type Registers = BTreeMap<Place, Flag>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    contenders: Vec<Contender>,
    registers: Registers,
}

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq)]
enum Defect {
    None,
    /// A contender gives the turn to itself.
    KeepsTurn,
    /// The flag is raised with a bit, as if the turn were given away already.
    RaisesWithBit,
    /// The bit that gives the turn away is never written.
    LosesWrite,
    /// Flags are lowered all at once from the leaf up, the highest last.
    LeavesUpwards,
}

#[derive(Debug, PartialEq)]
enum Wrong {
    TwoInside,
    Deadlock,
    Starved,
}

struct Explored {
    states: usize,
    found: Option<Wrong>,
}

fn set(registers: &mut Registers, place: Place, mark: Mark) {
    match mark {
        Some(flag) => registers.insert(place, flag),
        None => registers.remove(&place),
    };
}

/// One access of contender `who`; none when it is inside or outside.
fn accessed(world: &World, who: usize, defect: Defect) -> Option<(World, Progress)> {
    let mut next = world.clone();
    let contender = &mut next.contenders[who];
    let seen = match contender.access()? {
        Access::Read(place) => world.registers.get(&place).copied(),
        Access::Write(place, mark) => {
            let giving = matches!(contender.at, At::Give(_));
            let (mut place, mut mark) = (place, mark);
            match defect {
                Defect::KeepsTurn if giving => {
                    let At::Give(bit) = contender.at else { unreachable!("it gives") };
                    contender.at = At::Give(bit.flipped());
                    mark = Some(Flag::Gave(bit.flipped()));
                }
                Defect::RaisesWithBit if contender.at == At::Raise => mark = Some(Flag::Gave(Bit::Zero)),
                Defect::LosesWrite if giving => mark = world.registers.get(&place).copied(),
                Defect::LeavesUpwards if contender.at == At::Lower => {
                    place = contender.slot.place(contender.slot.levels() - 1 - contender.level);
                }
                _ => {}
            }
            set(&mut next.registers, place, mark);
            None
        }
    };
    let progress = next.contenders[who].answered(seen);
    Some((next, progress))
}

/// Coming and going: an outsider comes back, one inside leaves, and one that competes may give up.
fn decided(world: &World, who: usize, may_give_up: bool) -> Option<World> {
    let mut next = world.clone();
    let contender = &mut next.contenders[who];
    match contender.at {
        At::Outside => *contender = Contender::new(contender.slot),
        At::Inside => contender.leave(),
        At::Lower => return None,
        _ if may_give_up => contender.leave(),
        _ => return None,
    }
    Some(next)
}

/// Nobody competes yet.
fn start(slots: &[u32]) -> World {
    let outside = |slot: &u32| Contender { slot: Slot(*slot), level: 0, at: At::Outside };
    World { contenders: slots.iter().map(outside).collect(), registers: Registers::new() }
}

fn explore(slots: &[u32], defect: Defect, may_give_up: bool) -> Explored {
    let start = start(slots);
    let mut seen = HashMap::from([(start.clone(), 0_usize)]);
    let mut worlds = vec![start];
    // Who comes from where, without the moves of giving up: those must not be needed for anyone to get in.
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < worlds.len() {
        let world = worlds[at].clone();
        let inside = world.contenders.iter().filter(|contender| contender.is_inside()).count();
        if inside > 1 {
            return Explored { states: worlds.len(), found: Some(Wrong::TwoInside) };
        }
        let mut can_move = false;
        for who in 0..slots.len() {
            let stepped = accessed(&world, who, defect);
            can_move |= stepped.as_ref().is_some_and(|(_, progress)| *progress != Progress::Waits);
            let stepped = stepped.map(|(world, _)| (world, true));
            let came_or_left = decided(&world, who, false).map(|world| (world, true));
            let gave_up = decided(&world, who, may_give_up).map(|world| (world, false));
            for (next, counts) in [stepped, came_or_left, gave_up].into_iter().flatten() {
                let place = *seen.entry(next).or_insert_with_key(|next| {
                    worlds.push(next.clone());
                    before.push(Vec::new());
                    worlds.len() - 1
                });
                if counts {
                    before[place].push(at);
                }
            }
        }
        let competing = world.contenders.iter().any(|contender| contender.at != At::Outside);
        if competing && inside == 0 && !can_move {
            return Explored { states: worlds.len(), found: Some(Wrong::Deadlock) };
        }
        at += 1;
    }
    let starved = (0..slots.len()).any(|who| starves(&worlds, &before, who));
    Explored { states: worlds.len(), found: starved.then_some(Wrong::Starved) }
}

/// Whether a state can be reached from which `who`, though it competes, can never get in.
fn starves(worlds: &[World], before: &[Vec<usize>], who: usize) -> bool {
    let inside = |world: &World| world.contenders[who].is_inside();
    let mut reaches: Vec<bool> = worlds.iter().map(inside).collect();
    let mut queue: VecDeque<usize> = (0..worlds.len()).filter(|at| reaches[*at]).collect();
    while let Some(at) = queue.pop_front() {
        for &earlier in &before[at] {
            if !std::mem::replace(&mut reaches[earlier], true) {
                queue.push_back(earlier);
            }
        }
    }
    reaches.contains(&false)
}

#[test]
fn two_contenders_exclude_each_other_in_every_interleaving() {
    // On the spine; in one group; in two groups far apart.
    for slots in [[0, 1], [1, 2], [0, 5]] {
        let explored = explore(&slots, Defect::None, true);
        assert_eq!(explored.found, None, "slots {slots:?}");
        println!("slots {slots:?}: {} states", explored.states);
    }
}

#[test]
fn three_contenders_exclude_each_other_in_every_interleaving() {
    for slots in [[0, 1, 2], [3, 4, 5]] {
        let explored = explore(&slots, Defect::None, true);
        assert_eq!(explored.found, None, "slots {slots:?}");
        assert!(explored.states > 5_000, "only {} states", explored.states);
        println!("slots {slots:?}: {} states", explored.states);
    }
}

#[test]
#[ignore = "half a million states take 20 s"]
fn four_contenders_exclude_each_other_in_every_interleaving() {
    let explored = explore(&[0, 1, 2, 3], Defect::None, true);
    assert_eq!(explored.found, None);
    println!("4 contenders: {} states", explored.states);
}

#[test]
fn a_turn_that_is_kept_lets_two_inside_and_is_found() {
    assert_eq!(explore(&[0, 1], Defect::KeepsTurn, false).found, Some(Wrong::TwoInside));
    assert_eq!(explore(&[0, 1, 2], Defect::KeepsTurn, true).found, Some(Wrong::TwoInside));
}

#[test]
fn a_register_of_three_values_lets_two_inside_and_is_found() {
    assert_eq!(explore(&[0, 1], Defect::RaisesWithBit, true).found, Some(Wrong::TwoInside));
}

#[test]
fn a_turn_whose_write_is_lost_stops_everyone_and_is_found() {
    assert_eq!(explore(&[0, 1], Defect::LosesWrite, false).found, Some(Wrong::Deadlock));
}

#[test]
fn flags_lowered_in_the_wrong_order_are_found() {
    assert!(explore(&[0, 1, 2], Defect::LeavesUpwards, false).found.is_some());
}

/// Runs everyone who can move, as the service does after each change.
fn woken(mut world: World) -> World {
    loop {
        let moved = (0..world.contenders.len())
            .find_map(|who| accessed(&world, who, Defect::None).filter(|(_, progress)| *progress != Progress::Waits));
        match moved {
            Some((next, _)) => world = next,
            None => return world,
        }
    }
}

/// How often others enter while one contender waits, at worst.
fn worst_bypass(slots: &[u32]) -> u32 {
    let start = start(slots);
    let mut worst = 0;
    let mut seen = HashSet::new();
    let mut open = vec![(start, vec![0; slots.len()])];
    while let Some((world, passed)) = open.pop() {
        if !seen.insert((world.clone(), passed.clone())) {
            continue;
        }
        for who in 0..slots.len() {
            let Some(next) = decided(&world, who, false) else { continue };
            let next = woken(next);
            let entered = |at: usize| next.contenders[at].is_inside() && !world.contenders[at].is_inside();
            let waits = |at: usize| matches!(world.contenders[at].at, At::Check(_));
            let passed: Vec<u32> = (0..slots.len())
                .map(|at| match (0..slots.len()).find(|other| entered(*other)) {
                    _ if !waits(at) => 0,
                    Some(other) if other == at => 0,
                    Some(_) => passed[at] + 1,
                    None => passed[at],
                })
                .collect();
            worst = passed.iter().copied().fold(worst, u32::max);
            open.push((next, passed));
        }
    }
    worst
}

#[test]
fn a_woken_contender_is_passed_as_often_as_the_bound_says_and_no_more() {
    for (slots, contested_nodes) in [(vec![0, 1], 1), (vec![0, 1, 2], 2), (vec![0, 3, 4, 5], 3)] {
        assert_eq!(worst_bypass(&slots), 2_u32.pow(contested_nodes) - 2, "slots {slots:?}");
    }
}

/// Registers that threads share: one atomic each, read and written, never swapped.
struct Shared(BTreeMap<Place, AtomicU8>);

impl Shared {
    fn of(slots: u32) -> Self {
        let places = (0..slots).flat_map(|slot| (0..Slot(slot).levels()).map(move |level| Slot(slot).place(level)));
        Self(places.flat_map(|place| [place, place.facing()]).map(|place| (place, AtomicU8::new(0))).collect())
    }
}

impl crate::registers::Registers for &Shared {
    fn read(&self, place: Place) -> Mark {
        match self.0[&place].load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Flag::Raised),
            2 => Some(Flag::Gave(Bit::Zero)),
            _ => Some(Flag::Gave(Bit::One)),
        }
    }

    fn write(&mut self, place: Place, mark: Mark) {
        let value = match mark {
            None => 0,
            Some(Flag::Raised) => 1,
            Some(Flag::Gave(Bit::Zero)) => 2,
            Some(Flag::Gave(Bit::One)) => 3,
        };
        self.0[&place].store(value, Ordering::SeqCst);
    }
}

#[test]
fn threads_that_hammer_one_lock_lose_no_update() {
    const THREADS: u32 = 5;
    const ROUNDS: u64 = 2_000;
    let shared = Shared::of(THREADS);
    let count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for slot in 0..THREADS {
            let (mut registers, count) = (&shared, &count);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let mut contender = Contender::new(Slot(slot));
                    while contender.run(&mut registers) != Progress::Inside {
                        std::thread::yield_now();
                    }
                    // A load and a store apart: two inside would lose one of their updates.
                    let seen = count.load(Ordering::Relaxed);
                    std::thread::yield_now();
                    count.store(seen + 1, Ordering::Relaxed);
                    contender.leave();
                    contender.run(&mut registers);
                }
            });
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), u64::from(THREADS) * ROUNDS);
}

#[test]
fn no_two_slots_share_a_side_of_their_first_node() {
    let mut seen = BTreeMap::new();
    for slot in 0..1_000 {
        assert_eq!(seen.insert(Slot(slot).place(0), slot), None, "slot {slot}");
        let top = Slot(slot).place(Slot(slot).levels() - 1);
        assert_eq!((top.group, top.height), (0, 1), "slot {slot} ends at the first node of the spine");
    }
}
