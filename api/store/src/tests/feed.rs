//! The feed: its order, that nothing is lost, and that those who wait are woken.

use super::world::{World, operator, worker};
use futures::future::join_all;
use model::EventSeq;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

crate::tests::suite! {
    under_many_writers_nothing_is_lost_and_nothing_comes_twice,
    a_task_that_has_gone_on_is_not_handed_out,
    a_reader_sees_only_its_project,
    one_who_waits_is_woken_by_a_commit,
    one_who_waits_is_woken_by_another_process,
    the_end_of_a_task_can_be_waited_for,
}

async fn under_many_writers_nothing_is_lost_and_nothing_comes_twice(world: World) {
    let fleet = world.fleet().await;
    let other = world.another().await;
    let creates = join_all((0..60).map(|number| {
        let store = if number % 3 == 0 { other.clone() } else { world.store.clone() };
        let wish = fleet.vm(&format!("vm-{number}"));
        async move { store.resource_create(wish, &operator(), None, None).await.unwrap().task_id }
    }));
    let take = |store: crate::Store| async move {
        let mut taken = Vec::new();
        while taken.len() < 60 {
            let events = store.feed_wait(7, Duration::from_millis(300)).await.unwrap();
            if events.is_empty() {
                break;
            }
            taken.extend(events);
        }
        taken
    };
    let (made, mine, others) = tokio::join!(creates, take(world.store.clone()), take(other.clone()));
    for taken in [&mine, &others] {
        assert!(taken.is_sorted_by_key(|event| event.seq));
    }
    let mut got: Vec<_> = mine.iter().chain(&others).filter_map(|event| event.task_id).collect();
    got.extend(world.feed().await);
    assert_eq!(got.len(), 60);
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), made.into_iter().collect());
    let events = world.store.events_after(EventSeq(0), 1000, None).await.unwrap();
    assert!(events.iter().map(|event| event.seq.0).eq(1..=120));
}

async fn a_task_that_has_gone_on_is_not_handed_out(world: World) {
    let fleet = world.fleet().await;
    let (first, second) = (world.vm(&fleet).await, world.vm(&fleet).await);
    world.claim(first.task_id).await.unwrap();
    assert_eq!(world.feed().await, [second.task_id]);
    assert!(world.feed().await.is_empty());
    let last = world.store.last_seq().await.unwrap();
    world.feed().await;
    assert_eq!(world.store.last_seq().await.unwrap(), last);
}

async fn a_reader_sees_only_its_project(world: World) {
    let mut fleet = world.fleet().await;
    world.vm(&fleet).await;
    let first = fleet.project.id;
    fleet.project = world.project().await;
    let other = world.vm(&fleet).await;
    let events = world.store.events_after(EventSeq(0), 100, Some(fleet.project.id)).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.resource_id == other.resource.id));
    assert_eq!(world.store.events_after(EventSeq(1), 100, Some(first)).await.unwrap().len(), 1);
    assert_eq!(world.store.events_after(EventSeq(0), 3, None).await.unwrap().len(), 3);
}

async fn one_who_waits_is_woken_by_a_commit(world: World) {
    let fleet = world.fleet().await;
    let began = Instant::now();
    let waits = world.store.feed_wait(10, Duration::from_secs(60));
    let (events, made) = tokio::join!(waits, world.vm(&fleet));
    assert_eq!(events.unwrap()[0].task_id, Some(made.task_id));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(world.store.feed_wait(10, Duration::ZERO).await.unwrap().is_empty());
}

async fn one_who_waits_is_woken_by_another_process(world: World) {
    let fleet = world.fleet().await;
    let other = world.another().await;
    // On SQLite the other is the same process after a restart: it has nothing to be woken by.
    if !other.inner.shared {
        return;
    }
    let waits = other.changed(EventSeq(0), Duration::from_secs(60));
    let (seq, _) = tokio::join!(waits, world.vm(&fleet));
    assert_eq!(seq, EventSeq(2));
}

async fn the_end_of_a_task_can_be_waited_for(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let early = world.store.task_settled(made.task_id, &operator(), Duration::ZERO).await.unwrap();
    assert!(!early.status.has_ended());
    let who = operator();
    let waits = world.store.task_settled(made.task_id, &who, Duration::from_secs(60));
    let (task, ()) = tokio::join!(waits, world.carry_out(made.task_id));
    assert!(task.unwrap().status.has_ended());
    assert!(world.store.assignment(made.task_id, &worker()).await.is_ok());
}
