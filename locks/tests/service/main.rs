//! The lock service and its clients over a real socket.

mod fleet;
mod http;
mod restart;
mod several;

use errors::Fault;
use fleet::{Fleet, WAIT, name, owner, soon};
use locks::{Client, Clock, Held};
use secrecy::SecretString;
use std::time::Duration;
use tokio::task::JoinHandle;

pub fn in_background(client: Client, task: i64, names: &'static [&'static str]) -> JoinHandle<Result<Held, Fault>> {
    tokio::spawn(async move {
        let names: Vec<_> = names.iter().map(|text| name(text)).collect();
        client.acquire(&names, owner(task), WAIT).await
    })
}

#[tokio::test]
async fn one_holds_and_the_other_is_told_who() {
    let fleet = Fleet::start().await;
    let (first, second) = (fleet.worker(), fleet.worker());
    let lock = name("network/kvm-1/web");
    let held = first.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let fault = second.acquire(std::slice::from_ref(&lock), owner(2), Duration::ZERO).await.expect_err("it is held");
    assert_eq!(fault.entry.code, errors::locks::LOCK_TIMEOUT.code);
    assert_eq!(
        fault.text(),
        "The lock network/kvm-1/web was not granted within 0 s; it is held by task 1 attempt 1 of worker w-1."
    );
    let fence = held.fence(&lock).expect("it was asked for");
    held.release().await;
    let held = second.acquire(std::slice::from_ref(&lock), owner(2), WAIT).await.expect("it is free again");
    assert!(held.fence(&lock) > Some(fence), "fences rise");
    assert_eq!(held.fence(&name("host/other")), None);
    held.release().await;
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn waiters_are_served_first_come_first_served_and_are_listed_in_that_order() {
    let fleet = Fleet::start().await;
    let lock = name("host/kvm-1");
    let mut held = fleet.worker().acquire(std::slice::from_ref(&lock), owner(0), WAIT).await.expect("it is free");
    let mut waiting = Vec::new();
    for task in 1..=5 {
        waiting.push(in_background(fleet.worker(), task, &["host/kvm-1"]));
        fleet.until_waiters(&lock, task as usize).await;
    }
    let shown = fleet.operator().show(&lock).await.expect("it is held");
    let line: Vec<i64> = shown.waiters.iter().map(|waiter| waiter.owner.task.0).collect();
    assert_eq!(line, [1, 2, 3, 4, 5]);
    for next in waiting {
        held.release().await;
        held = soon(next).await.expect("no panic").expect("its turn");
    }
    held.release().await;
}

#[tokio::test]
async fn a_stopped_holder_loses_its_lock_after_its_lease_and_learns_it_at_once_when_it_goes_on() {
    let fleet = Fleet::start().await;
    let lock = name("resource/7");
    // Its clock stands still, as a stopped process' does: it does not renew.
    let (stopped, own_hand) = Clock::manual();
    let holder = fleet.worker().clock(stopped);
    let held = holder.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let next = in_background(fleet.worker(), 2, &["resource/7"]);
    fleet.until_waiters(&lock, 1).await;

    fleet.hand.advance(Duration::from_secs(14));
    fleet.until(&lock, |lock| lock.is_some_and(|lock| lock.holders[0].lease_left_secs == 1)).await;
    assert!(!next.is_finished(), "the lease lives");
    fleet.hand.advance(Duration::from_secs(1));
    let taken = soon(next).await.expect("no panic").expect("the lease ran out");
    assert!(taken.fence(&lock) > held.fence(&lock));

    assert!(!held.lost().is_cancelled());
    own_hand.advance(Duration::from_secs(5));
    soon(held.lost().cancelled()).await;
    assert!(!taken.lost().is_cancelled());
}

#[tokio::test]
async fn a_living_holder_keeps_its_lock_far_past_its_lease() {
    let fleet = Fleet::start().await;
    let lock = name("resource/7");
    let held = fleet.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    held.sign().at_step("domain");
    for _ in 0..12 {
        fleet.hand.advance(Duration::from_secs(5));
        fleet.until(&lock, |lock| lock.is_some_and(|lock| lock.holders[0].lease_left_secs == 15)).await;
    }
    let shown = fleet.operator().show(&lock).await.expect("it is held");
    assert_eq!((shown.holders[0].age_secs, shown.holders[0].owner.step.as_str()), (60, "domain"));
    assert_eq!(Some(shown.fence), held.fence(&lock));
    assert!(!held.lost().is_cancelled());
}

#[tokio::test]
async fn a_holder_cut_off_from_the_service_gives_up_when_its_lease_ends_by_its_own_clock() {
    let mut fleet = Fleet::start().await;
    let held = fleet.worker().acquire(&[name("resource/7")], owner(1), WAIT).await.expect("it is free");
    fleet.kill();
    fleet.hand.advance(Duration::from_secs(14));
    assert!(!held.lost().is_cancelled(), "the lease may still live");
    fleet.hand.advance(Duration::from_secs(1));
    soon(held.lost().cancelled()).await;
}

#[tokio::test]
async fn a_waiter_that_gives_up_leaves_the_line() {
    let fleet = Fleet::start().await;
    let lock = name("host/kvm-1");
    let held = fleet.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let gives_up = in_background(fleet.worker(), 2, &["host/kvm-1"]);
    fleet.until_waiters(&lock, 1).await;
    let stays = in_background(fleet.worker(), 3, &["host/kvm-1"]);
    fleet.until_waiters(&lock, 2).await;
    gives_up.abort();
    fleet.until_waiters(&lock, 1).await;
    held.release().await;
    soon(stays).await.expect("no panic").expect("its turn").release().await;
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn a_wait_that_ends_without_a_grant_leaves_the_line_and_gives_back_what_was_gathered() {
    let fleet = Fleet::start().await;
    let held = fleet.worker().acquire(&[name("resource/7")], owner(1), WAIT).await.expect("it is free");
    let waits = in_background(fleet.worker(), 2, &["resource/7", "host/kvm-1"]);
    fleet.until_waiters(&name("resource/7"), 1).await;
    assert_eq!(fleet.operator().list().await.expect("an answer").len(), 2, "it holds the host while it waits");
    for _ in 0..12 {
        fleet.hand.advance(Duration::from_secs(5));
        fleet.until(&name("resource/7"), |lock| lock.is_some_and(|lock| lock.holders[0].lease_left_secs == 15)).await;
    }
    let fault = soon(waits).await.expect("no panic").expect_err("its wait is over");
    assert_eq!(fault.entry.code, errors::locks::LOCK_TIMEOUT.code);
    assert_eq!(fleet.operator().list().await.expect("an answer").len(), 1);
    held.release().await;
}

#[tokio::test]
async fn two_clients_that_name_locks_in_opposite_orders_never_block_each_other() {
    let fleet = Fleet::start().await;
    let rounds = |client: Client, task: i64, names: [&'static str; 3]| async move {
        let names = names.map(name);
        for _ in 0..40 {
            client.acquire(&names, owner(task), WAIT).await.expect("its turn").release().await;
        }
    };
    let one = tokio::spawn(rounds(fleet.worker(), 1, ["host/kvm-1", "pool/kvm-1/images", "resource/7"]));
    let other = tokio::spawn(rounds(fleet.worker(), 2, ["resource/7", "pool/kvm-1/images", "host/kvm-1"]));
    soon(one).await.expect("it gets through");
    soon(other).await.expect("it gets through");
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn a_held_value_that_is_dropped_frees_its_lock() {
    let fleet = Fleet::start().await;
    let lock = name("host/kvm-1");
    drop(fleet.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free"));
    fleet.until(&lock, |lock| lock.is_none()).await;
}

#[tokio::test]
async fn the_same_attempt_takes_its_lock_a_second_time_and_keeps_it_until_both_are_released() {
    let fleet = Fleet::start().await;
    let (client, lock) = (fleet.worker(), name("pool/kvm-1/images"));
    let outer = client.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let inner = client.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is its own");
    assert_eq!(outer.fence(&lock), inner.fence(&lock));
    inner.release().await;
    assert!(fleet.operator().show(&lock).await.is_ok());
    outer.release().await;
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn a_break_is_refused_while_the_holder_lives() {
    let fleet = Fleet::start().await;
    let (operator, lock) = (fleet.operator(), name("device/kvm-1/0000:65:00.0"));
    let (stopped, _hand) = Clock::manual();
    let holder = fleet.worker().clock(stopped);
    let held = holder.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    fleet.hand.advance(Duration::from_secs(5));
    let fault = operator.break_(&lock).await.expect_err("it lives");
    assert_eq!(fault.entry.code, errors::locks::HOLDER_ALIVE.code);
    assert!(fault.text().contains("10 s left"), "{}", fault.text());
    held.release().await;
    let fault = operator.break_(&lock).await.expect_err("it is free");
    assert_eq!(fault.entry.code, errors::locks::LOCK_UNKNOWN.code);
}

#[tokio::test]
async fn ten_thousand_names_that_came_and_went_leave_nothing_behind() {
    let fleet = Fleet::start().await;
    let client = fleet.worker();
    for batch in 0..157_i64 {
        let names: Vec<_> = (0..64).map(|at| name(&format!("resource/{}", batch * 64 + at))).collect();
        client.acquire(&names, owner(batch), WAIT).await.expect("they are free").release().await;
    }
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn a_service_that_is_away_is_a_fault_of_its_own() {
    let mut fleet = Fleet::start().await;
    fleet.kill();
    let client = Client::new(&format!("http://user:hidden@{}", fleet.address), SecretString::from("hidden-token"));
    let fault = soon(client.acquire(&[name("host/a")], owner(1), Duration::ZERO)).await.expect_err("nobody is there");
    assert_eq!(fault.entry.code, errors::driver::LOCK_UNAVAILABLE.code);
    assert!(!format!("{fault:?} {}", fault.chain()).contains("hidden"), "{}", fault.chain());
}
