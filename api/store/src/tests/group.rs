//! Many operations in one transaction; restarts; databases that are newer, or gone.

use super::world::{World, code, operator, run};
use crate::{Limits, Store};
use errors::operate;
use futures::future::join_all;
use iaas::fleet::Outcome;
use model::vm::VmSpec;
use model::{EventSeq, State};

crate::tests::suite! {
    one_refused_operation_does_not_touch_its_neighbours,
    a_restart_goes_on_where_it_was,
    a_newer_schema_is_refused,
    after_an_outage_the_next_operation_works,
    an_operation_that_panics_does_not_touch_its_neighbours,
    a_lost_connection_is_made_anew,
    two_that_start_at_once_on_an_empty_database_both_start,
    what_is_asked_on_a_timer_finds_its_index,
}

async fn one_refused_operation_does_not_touch_its_neighbours(world: World) {
    let fleet = world.fleet().await;
    // All are sent before the writer can take the first: they share transactions.
    let creates = (0..30).map(|number| {
        let mut wish = fleet.vm(&format!("vm-{number}"));
        if number % 3 == 0 {
            wish.spec.cpu = 200;
        }
        let store = world.store.clone();
        async move { store.resource_create(wish, &operator(), None, None).await.is_ok() }
    });
    let answers = join_all(creates).await;
    for (number, accepted) in answers.iter().enumerate() {
        assert_eq!(*accepted, number % 3 != 0, "create {number}");
    }
    assert_eq!(world.used(&fleet).await, (20, 20 * 1024, 200));
    let list = world.store.resource_list::<VmSpec>(&Default::default(), &operator()).await.unwrap();
    assert!(list.items.iter().map(|vm| vm.id.0).eq(1..=20));
    let events = world.store.events_after(EventSeq(0), 1000, None).await.unwrap();
    assert!(events.iter().map(|event| event.seq.0).eq(1..=40));
    let tasks = world.store.task_list(&Default::default(), &operator()).await.unwrap();
    assert!(tasks.items.iter().map(|task| task.id.0).eq(1..=20));
}

async fn a_restart_goes_on_where_it_was(mut world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let waits = world.vm(&fleet).await;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    world.wait_for(waits.task_id, None, Some(made.resource.id)).await.unwrap();
    let before = world.task(waits.task_id).await;
    world.store.close().await;
    assert_eq!(code(world.store.server_list(None, None).await), operate::STORE_UNAVAILABLE.code);
    assert_eq!(code(world.store.sweep("d1").await), operate::STORE_UNAVAILABLE.code);

    world.store = world.another().await;
    assert_eq!(world.task(waits.task_id).await, before);
    world.settle(made.task_id, fence, Outcome::Succeeded).await.unwrap();
    assert_eq!(world.state(made.resource.id).await, State::Running);
    assert_eq!(world.feed().await, [waits.task_id]);
    let next = world.vm(&fleet).await;
    assert_eq!((next.resource.id.0, next.task_id.0), (3, 3));
    assert_eq!(world.used(&fleet).await.0, 3);
}

async fn a_newer_schema_is_refused(world: World) {
    world.store.close().await;
    run(&world.url, "UPDATE schema_version SET version = 99".into()).await;
    let refused = Store::open(&world.url, Limits::default()).await.err().unwrap();
    assert_eq!(refused.fault.entry.code, operate::STORE_NEWER.code);
    assert_eq!(refused.to_string(), "The database has schema 99, this drover knows 7.");
    assert_eq!(
        code(Store::open("mysql://x:secret@y/z", Limits::default()).await.map(|_| ())),
        operate::STORE_UNAVAILABLE.code
    );
}

async fn after_an_outage_the_next_operation_works(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    run(&world.url, "ALTER TABLE history RENAME TO gone".into()).await;
    // The failing statement belongs to one operation; all that share its transaction fail with it, and store nothing.
    let who = operator();
    let creates = join_all((0..5).map(|_| world.store.resource_create(fleet.vm("x"), &who, None, None)));
    for answer in creates.await {
        let refused = super::world::refusal(answer);
        assert_eq!(refused.fault.entry.code, operate::STORE_UNAVAILABLE.code);
        assert!(!refused.fault.chain().contains("history"), "{}", refused.fault.chain());
    }
    run(&world.url, "ALTER TABLE gone RENAME TO history".into()).await;
    assert_eq!(world.used(&fleet).await.0, 1);
    let next = world.vm(&fleet).await;
    assert_eq!(next.resource.id.0, made.resource.id.0 + 1);
    world.carry_out(made.task_id).await;
}

async fn an_operation_that_panics_does_not_touch_its_neighbours(world: World) {
    let fleet = world.fleet().await;
    let panics = world.store.write(|unit| {
        Box::pin(async move {
            unit.counters.event += 7;
            unit.projects.clear();
            assert_eq!(unit.counters.task, 99, "a defect to rehearse");
            Ok(())
        })
    });
    let (panicked, before, after) = tokio::join!(panics, world.vm(&fleet), world.vm(&fleet));
    assert_eq!(code(panicked), errors::iaas::UNEXPECTED.code);
    assert_eq!((before.resource.id.0, after.resource.id.0), (1, 2));
    let events = world.store.events_after(EventSeq(0), 1000, None).await.unwrap();
    assert!(events.iter().map(|event| event.seq.0).eq(1..=4));
}

async fn a_lost_connection_is_made_anew(world: World) {
    let fleet = world.fleet().await;
    world.vm(&fleet).await;
    if !world.store.inner.shared {
        return;
    }
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&world.url, sql.into()).await;
    assert_eq!(world.vm(&fleet).await.resource.id.0, 2);
}

async fn two_that_start_at_once_on_an_empty_database_both_start(world: World) {
    world.store.close().await;
    let url = if world.store.inner.shared {
        run(&world.url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public".into()).await;
        world.url.clone()
    } else {
        format!("{}.second", world.url)
    };
    let opens = join_all((0..4).map(|_| Store::open(&url, Limits::default())));
    for store in opens.await {
        assert_eq!(store.unwrap().last_seq().await.unwrap(), EventSeq(0));
    }
}

/// SQLite says how it would go about a statement.
async fn what_is_asked_on_a_timer_finds_its_index(world: World) {
    if world.store.inner.shared {
        return;
    }
    let queued = format!("SELECT t.seq FROM events t {}", crate::feed::QUEUED);
    let lists = "SELECT t.id FROM tasks t WHERE t.id > $1 AND t.status = $2 AND t.host = $3 ORDER BY t.id LIMIT $4";
    let asked = [
        crate::sweep::DUE_TASKS,
        crate::sweep::DUE_RESOURCES,
        crate::journal::WAITS,
        crate::feed::HAS_QUEUED,
        &queued,
        lists,
        "SELECT t.seq FROM events t WHERE t.seq > $1 AND t.project_id = $3 ORDER BY t.seq LIMIT $2",
    ];
    for sql in asked {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        for row in sqlx::raw_sql(explain).fetch_all(world.store.pool()).await.unwrap() {
            let detail: String = sqlx::Row::try_get(&row, 3).unwrap();
            let scans = detail.starts_with("SCAN") && !detail.contains("INDEX") && detail != "SCAN c";
            assert!(!scans && !detail.contains("TEMP B-TREE"), "{sql}: {detail}");
        }
    }
}
