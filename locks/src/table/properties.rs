//! Properties of the allocation under any sequence of requests, and single cases worth reading.

use super::*;
use crate::registers::Memory;
use model::{ResourceId, TaskId};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

const LEASE: Duration = Duration::from_secs(15);
const FIRST: Fence = Fence(1_000);

fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn owner(task: i64) -> Owner {
    Owner { task: TaskId(task), attempt: 1, worker: "w-1".into(), host: "kvm-1".into(), step: String::new() }
}

fn names(texts: &[&str]) -> Vec<LockName> {
    texts.iter().map(|text| text.parse().expect("a lock name")).collect()
}

fn table() -> Table<Memory> {
    Table::new(Memory::default(), FIRST)
}

fn ask(task: i64, request: &str, texts: &[&str]) -> Ask {
    Ask { owner: owner(task), request: request.into(), names: names(texts), lease: LEASE }
}

fn take(table: &mut Table<Memory>, task: i64, texts: &[&str], now: u64) -> Ticket {
    table.acquire(ask(task, "r", texts), at(now)).expect("a fresh request")
}

#[test]
fn waiters_are_granted_in_the_order_in_which_they_came() {
    let mut table = table();
    let tickets: Vec<Ticket> = (1..=5).map(|task| take(&mut table, task, &["host/a"], 0)).collect();
    let mut last = Fence(0);
    for (ticket, task) in tickets.iter().zip(1..) {
        let grants = table.grants(*ticket).expect("its turn");
        assert!(grants[0].fence > last);
        last = grants[0].fence;
        assert!(tickets[task as usize..].iter().all(|later| table.grants(*later).is_none()));
        table.release(&owner(task), "r", at(1));
    }
    assert!(table.is_empty());
    assert_eq!(table.registers().locks(), 0);
}

#[test]
fn a_waiter_that_leaves_is_skipped_and_the_others_keep_their_places() {
    let mut table = table();
    let tickets: Vec<Ticket> = (1..=4).map(|task| take(&mut table, task, &["host/a"], 0)).collect();
    table.end(tickets[1], at(0));
    table.release(&owner(1), "r", at(0));
    assert!(table.grants(tickets[2]).is_some());
    assert_eq!(table.show(&names(&["host/a"])[0], at(0)).expect("held").waiters.len(), 1);
}

#[test]
fn the_same_owner_is_granted_again_what_it_holds_and_frees_it_with_its_last_request() {
    let mut table = table();
    let first = take(&mut table, 1, &["host/a"], 0);
    let second = table.acquire(ask(1, "again", &["host/a"]), at(1)).expect("a fresh request");
    let other = take(&mut table, 2, &["host/a"], 1);
    assert_eq!(table.grants(first), table.grants(second));
    table.release(&owner(1), "r", at(2));
    assert!(table.grants(other).is_none(), "the second request still holds it");
    table.release(&owner(1), "again", at(2));
    assert!(table.grants(other).is_some());
}

#[test]
fn a_request_sent_again_keeps_its_place_and_its_fence() {
    let mut table = table();
    let first = take(&mut table, 1, &["host/a"], 0);
    let waiting = take(&mut table, 2, &["host/a"], 0);
    assert_eq!(table.acquire(ask(1, "r", &["host/a"]), at(5)), Ok(first));
    assert_eq!(table.acquire(ask(2, "r", &["host/a"]), at(5)), Ok(waiting));
    assert_eq!(table.acquire(ask(2, "r", &["host/b"]), at(5)), Err(OtherNames));
    assert_eq!(table.deadline(), Some(at(20)), "the lease starts anew with the repeated answer");
}

#[test]
fn a_lease_that_runs_out_hands_the_lock_to_the_next_and_its_renewal_is_refused() {
    let mut table = table();
    let first = take(&mut table, 1, &["host/a"], 0);
    let next = take(&mut table, 2, &["host/a"], 0);
    let held: Vec<Hold> = table
        .grants(first)
        .expect("it was free")
        .into_iter()
        .map(|grant| Hold { name: grant.name, fence: grant.fence })
        .collect();
    assert_eq!(table.renew(owner(1), "r", &held, at(10)), Ok(LEASE));
    table.expire(at(24));
    assert!(table.grants(next).is_none());
    table.expire(at(25));
    assert!(table.grants(next).expect("its turn")[0].fence > held[0].fence);
    assert_eq!(table.renew(owner(1), "r", &held, at(25)), Err(held[0].clone()));
}

#[test]
fn a_lock_is_broken_only_when_its_lease_has_run_out() {
    let mut table = table();
    let name = &names(&["host/a"])[0];
    assert_eq!(table.break_lock(name, at(0)), Err(Unbroken::NotHeld));
    take(&mut table, 1, &["host/a"], 0);
    let left = Duration::from_secs(5);
    assert_eq!(table.break_lock(name, at(10)), Err(Unbroken::Alive { holder: owner(1), left }));
    assert_eq!(table.break_lock(name, at(15)), Ok(()));
    assert!(table.is_empty());
}

#[test]
fn who_still_gathers_keeps_what_it_has() {
    let mut table = table();
    take(&mut table, 1, &["pool/a/p"], 0);
    let both = take(&mut table, 2, &["pool/a/p", "host/a"], 0);
    let third = take(&mut table, 3, &["host/a"], 0);
    assert_eq!(table.blocked(both), Some((&names(&["pool/a/p"])[0], Some(&owner(1)))));
    assert_eq!(table.blocked(third), Some((&names(&["host/a"])[0], Some(&owner(2)))));
    assert!(matches!(table.break_lock(&names(&["host/a"])[0], at(14)), Err(Unbroken::Alive { .. })));
    table.expire(at(15));
    assert_eq!(table.grants(both).expect("both are free for it").len(), 2);
    assert_eq!(table.deadline(), Some(at(30)), "its lease starts with the last of its locks");
}

#[test]
fn nothing_is_kept_for_names_that_nobody_holds() {
    let mut table = table();
    for id in 0..10_000 {
        let name = LockName::Resource { id: ResourceId(id) };
        let ask = Ask { owner: owner(1), request: id.to_string(), names: vec![name], lease: LEASE };
        table.acquire(ask, at(0)).expect("a fresh request");
    }
    assert_eq!((table.held(), table.registers().locks()), (10_000, 10_000));
    for id in 0..10_000 {
        table.release(&owner(1), &id.to_string(), at(1));
    }
    assert_eq!((table.held(), table.registers().locks()), (0, 0));
    assert!(table.is_empty());
}

#[derive(Clone, Debug)]
enum Act {
    Acquire { task: i64, request: u8, names: HashSet<u8> },
    Renew { task: i64, request: u8 },
    Release { task: i64, request: u8 },
    Pass { secs: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let who = || (0..5_i64, 0..3_u8);
    prop_oneof![
        4 => (who(), proptest::collection::hash_set(0..4_u8, 1..4))
            .prop_map(|((task, request), names)| Act::Acquire { task, request, names }),
        2 => who().prop_map(|(task, request)| Act::Renew { task, request }),
        2 => who().prop_map(|(task, request)| Act::Release { task, request }),
        1 => (1..10_u64).prop_map(|secs| Act::Pass { secs }),
    ]
}

fn some_names(picked: &HashSet<u8>) -> Vec<LockName> {
    let all = names(&["resource/1", "host/a", "pool/a/p", "network/a/n"]);
    picked.iter().map(|at| all[usize::from(*at)].clone()).collect()
}

/// What the test itself knows of a request, kept beside the table.
struct Known {
    ticket: Ticket,
    task: i64,
    names: Vec<LockName>,
}

type Book = BTreeMap<(i64, u8), Known>;

/// A lock's holder (task and fence) and the tasks in its line.
type View = BTreeMap<LockName, (i64, Fence, Vec<i64>)>;

fn view(table: &Table<Memory>, now: Duration) -> View {
    let tasks = |lock: &Lock| lock.waiters.iter().map(|waiter| waiter.owner.task.0).collect();
    table
        .list(now)
        .into_iter()
        .map(|lock| (lock.name.clone(), (lock.holder.task.0, lock.fence, tasks(&lock))))
        .collect()
}

fn check(table: &Table<Memory>, book: &Book, before: &View, now: Duration) -> Result<View, TestCaseError> {
    let after = view(table, now);
    for known in book.values() {
        match table.grants(known.ticket) {
            Some(grants) => {
                for grant in grants {
                    let (task, fence, _) = &after[&grant.name];
                    prop_assert_eq!((*task, *fence), (known.task, grant.fence), "a grant is of who holds the lock");
                }
            }
            None => {
                // No lost waiter: whoever waits is blocked by another owner.
                let (name, holder) = table.blocked(known.ticket).expect("it waits for a lock");
                let holder = holder.expect("a lock that is waited for is held");
                prop_assert_ne!(holder.task.0, known.task);
                let (_, _, line) = &after[name];
                prop_assert!(line.contains(&known.task), "it stands in the line");
                for other in known.names.iter().filter(|other| *other > name) {
                    let stands = table
                        .lines
                        .get(other)
                        .is_some_and(|line| line.waiting.iter().any(|waiting| waiting.ticket == known.ticket));
                    prop_assert!(!stands, "locks are taken in the global order");
                }
            }
        }
    }
    for (name, (task, fence, line)) in &after {
        if let Some((holder_before, fence_before, line_before)) = before.get(name)
            && fence != fence_before
        {
            prop_assert!(fence > fence_before, "fences rise");
            // First come, first served: whoever was before the new holder in the line has left it.
            if let Some(place) = line_before.iter().position(|waiter| waiter == task) {
                for passed in &line_before[..place] {
                    let went = passed == holder_before || passed == task || !line.contains(passed);
                    prop_assert!(went, "task {} was passed in the line of {}", passed, name);
                }
            }
        }
    }
    let deadlines = table.leases.iter().all(|(ends, _)| *ends > now);
    prop_assert!(deadlines, "a lease outlived its end");
    prop_assert_eq!(table.held(), after.len());
    prop_assert_eq!(table.registers().locks(), after.len());
    prop_assert_eq!(table.is_empty(), book.is_empty());
    Ok(after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_requests_is_allocated_fairly_and_safely(acts in proptest::collection::vec(act(), 1..60)) {
        let mut table = table();
        let (mut book, mut now, mut seen) = (Book::new(), Duration::ZERO, View::new());
        for act in acts {
            match act {
                Act::Acquire { task, request, names } => {
                    let names = some_names(&names);
                    let ask = Ask { owner: owner(task), request: request.to_string(), names: names.clone(), lease: LEASE };
                    if let Ok(ticket) = table.acquire(ask, now) {
                        book.insert((task, request), Known { ticket, task, names });
                    }
                }
                Act::Renew { task, request } => {
                    let grants = book.get(&(task, request)).and_then(|known| table.grants(known.ticket));
                    let held: Vec<Hold> = grants
                        .into_iter()
                        .flatten()
                        .map(|grant| Hold { name: grant.name, fence: grant.fence })
                        .collect();
                    if !held.is_empty() {
                        prop_assert_eq!(table.renew(owner(task), &request.to_string(), &held, now), Ok(LEASE));
                    }
                }
                Act::Release { task, request } => {
                    table.release(&owner(task), &request.to_string(), now);
                    book.remove(&(task, request));
                }
                Act::Pass { secs } => {
                    now += at(secs);
                    table.expire(now);
                    book.retain(|_, known| table.requests.contains_key(&known.ticket));
                }
            }
            seen = check(&table, &book, &seen, now)?;
        }
        for (task, request) in book.keys() {
            table.release(&owner(*task), &request.to_string(), now);
        }
        prop_assert!(table.is_empty() && table.registers().locks() == 0);
    }
}
