//! What a service that begins again has kept.

use crate::fleet::{Fleet, WAIT, name, owner, soon};
use crate::in_background;
use locks::{Clock, Place, Want};
use std::path::Path;
use std::time::Duration;

async fn start(folder: &Path) -> Fleet {
    let (clock, hand) = Clock::manual();
    Fleet::start_at(Place::File(folder.to_owned()), "127.0.0.1:0", clock, hand).await
}

/// As after a crash: begun again at the same address with what was on disk, and nothing of what the old one did while its
/// connections broke.
async fn restarted(mut fleet: Fleet, folder: &Path) -> Fleet {
    let (address, clock, hand) = (fleet.address.to_string(), fleet.clock.clone(), fleet.hand.clone());
    let copy = folder.join("after the crash");
    std::fs::create_dir(&copy).expect("room");
    std::fs::copy(folder.join("locks.log"), copy.join("locks.log")).expect("it is there");
    fleet.kill();
    drop(fleet);
    Fleet::start_at(Place::File(copy), &address, clock, hand).await
}

#[tokio::test]
async fn a_service_that_hands_over_leaves_everyone_in_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fleet = start(folder.path()).await;
    let lock = name("host/kvm-1");
    let held = fleet.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let next = in_background(fleet.worker(), 2, &["host/kvm-1"]);
    fleet.until_waiters(&lock, 1).await;
    let (address, clock, hand) = (fleet.address.to_string(), fleet.clock.clone(), fleet.hand.clone());
    fleet.locks.hand_over();
    fleet.kill();
    fleet.locks.close().await;
    drop(fleet);
    let fleet = Fleet::start_at(Place::File(folder.path().to_owned()), &address, clock, hand).await;
    assert_eq!(fleet.operator().show(&lock).await.expect("it is held").waiters.len(), 1);
    held.release().await;
    soon(next).await.expect("no panic").expect("its turn").release().await;
}

#[tokio::test]
async fn holders_waiters_in_their_order_and_fences_outlive_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let fleet = start(folder.path()).await;
    let lock = name("host/kvm-1");
    let held = fleet.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let mut waiting = Vec::new();
    for task in 2..=4 {
        waiting.push(in_background(fleet.worker(), task, &["host/kvm-1"]));
        fleet.until_waiters(&lock, task as usize - 1).await;
    }

    let fleet = restarted(fleet, folder.path()).await;
    let shown = fleet.operator().show(&lock).await.expect("it is held");
    assert_eq!((shown.holders[0].owner.task.0, Some(shown.fence)), (1, held.fence(&lock)));
    let line: Vec<i64> = shown.waiters.iter().map(|waiter| waiter.owner.task.0).collect();
    assert_eq!(line, [2, 3, 4]);

    fleet.hand.advance(Duration::from_secs(5));
    fleet.until(&lock, |lock| lock.is_some_and(|lock| lock.holders[0].lease_left_secs == 15)).await;
    assert!(!held.lost().is_cancelled(), "it was renewed at the service that began again");
    let mut last = held.fence(&lock);
    held.release().await;
    for next in waiting {
        let next = soon(next).await.expect("no panic").expect("its turn");
        assert!(next.fence(&lock) > last, "fences rise over the crash");
        last = next.fence(&lock);
        next.release().await;
    }
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn the_time_while_nobody_served_does_not_count_against_a_lease() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fleet = start(folder.path()).await;
    let lock = name("resource/7");
    let (stopped, _own_hand) = Clock::manual();
    let holder = fleet.worker().clock(stopped);
    let _held = holder.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    fleet.hand.advance(Duration::from_secs(10));
    let (address, clock, hand) = (fleet.address.to_string(), fleet.clock.clone(), fleet.hand.clone());
    fleet.kill();
    fleet.locks.close().await;
    drop(fleet);
    hand.advance(Duration::from_secs(1_000));
    let fleet = Fleet::start_at(Place::File(folder.path().to_owned()), &address, clock, hand).await;
    let shown = fleet.operator().show(&lock).await.expect("it is still held");
    assert_eq!(shown.holders[0].lease_left_secs, 15, "the whole lease");
    fleet.hand.advance(Duration::from_secs(15));
    fleet.until(&lock, |lock| lock.is_none()).await;
}

#[tokio::test]
async fn a_shared_hold_is_still_shared_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let fleet = start(folder.path()).await;
    let shared = [Want::shared(name("network/kvm-1/web"))];
    let one = fleet.worker().acquire(&shared, owner(1), WAIT).await.expect("it is free");
    let fleet = restarted(fleet, folder.path()).await;
    let two = fleet.worker().acquire(&shared, owner(2), WAIT).await.expect("it is shared");
    assert_eq!(one.fence(&shared[0].name), two.fence(&shared[0].name));
    let alone = fleet.worker().acquire(&[shared[0].name.clone()], owner(3), Duration::ZERO).await;
    assert_eq!(alone.expect_err("two share it").entry.code, errors::locks::LOCK_TIMEOUT.code);
    one.release().await;
    two.release().await;
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn a_folder_that_another_service_has_open_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _fleet = start(folder.path()).await;
    let other = locks::service(&crate::fleet::access(), &format!("file://{}", folder.path().display())).await;
    let fault = other.err().expect("it is open");
    assert_eq!(fault.entry.code, errors::locks::REGISTERS_AWAY.code);
    assert!(fault.text().contains("another process has it open"), "{}", fault.text());
}

#[tokio::test]
async fn registers_of_an_unknown_kind_are_refused_without_showing_their_password() {
    let fault = locks::service(&crate::fleet::access(), "mysql://user:hidden@db/locks").await.err().expect("unknown");
    assert_eq!(fault.entry.code, errors::locks::REGISTERS_URL.code);
    assert!(!fault.chain().contains("hidden"), "{}", fault.chain());
}
