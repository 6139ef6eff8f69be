//! Several services on the same PostgreSQL registers. Without the URL in `DROVER_TEST_POSTGRES` there is nothing to run on.

use crate::fleet::{Fleet, WAIT, name, owner, soon};
use crate::in_background;
use locks::{Client, Clock, Place};
use model::Fence;
use secrecy::SecretString;
use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// Of its own, and gone afterwards.
struct Database {
    admin: String,
    name: String,
    url: String,
}

impl Database {
    async fn create() -> Option<Self> {
        let Ok(admin) = std::env::var("DROVER_TEST_POSTGRES") else {
            eprintln!("skipped: DROVER_TEST_POSTGRES is not set");
            return None;
        };
        let name = format!("locks_{}", uuid::Uuid::new_v4().simple());
        let mut url: url::Url = admin.parse().expect("a URL");
        url.set_path(&name);
        let database = Self { admin, name, url: url.into() };
        database.say(&database.admin, format!("CREATE DATABASE {}", database.name)).await;
        Some(database)
    }

    async fn say(&self, url: &str, statement: String) {
        let mut connection = PgConnection::connect(url).await.expect("the database");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("it is done");
    }

    async fn service(&self) -> Fleet {
        // By the machine's clock: what is waited for here is another process.
        let (_, hand) = Clock::manual();
        Fleet::start_at(Place::Postgres(self.url.clone()), "127.0.0.1:0", Clock::default(), hand).await
    }

    async fn gone(self) {
        self.say(&self.admin, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

#[tokio::test]
async fn one_line_over_all_postgres_services() {
    let Some(database) = Database::create().await else { return };
    let services = [database.service().await, database.service().await, database.service().await];
    let lock = name("host/kvm-1");
    let mut held = services[0].worker().acquire(std::slice::from_ref(&lock), owner(0), WAIT).await.expect("it is free");
    let mut waiting = Vec::new();
    for task in 1..=9 {
        let service = &services[task as usize % 3];
        waiting.push(in_background(service.worker(), task, &["host/kvm-1"]));
        // Every one sees the same line.
        for service in &services {
            service.until_waiters(&lock, task as usize).await;
        }
    }
    let shown = services[1].operator().show(&lock).await.expect("it is held");
    let line: Vec<i64> = shown.waiters.iter().map(|waiter| waiter.owner.task.0).collect();
    assert_eq!(line, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut last = held.fence(&lock);
    for next in waiting {
        held.release().await;
        held = soon(next).await.expect("no panic").expect("its turn, whoever it asked");
        assert!(held.fence(&lock) > last);
        last = held.fence(&lock);
    }
    held.release().await;
    assert!(services[2].locks.is_idle().await);
    database.gone().await;
}

#[tokio::test]
async fn a_client_goes_on_at_another_postgres_service_and_keeps_its_lock_and_its_place() {
    let Some(database) = Database::create().await else { return };
    let (mut one, other) = (database.service().await, database.service().await);
    let urls = format!("{},{}", one.url(), other.url());
    let client = |lease| Client::new(&urls, SecretString::from(crate::fleet::WORKER)).lease(Duration::from_secs(lease));
    let lock = name("resource/7");
    let held = client(3).acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let next = in_background(client(30), 2, &["resource/7"]);
    other.until_waiters(&lock, 1).await;
    one.kill();
    drop(one);
    // Longer than its lease: renewed at the other one.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!held.lost().is_cancelled());
    let shown = other.operator().show(&lock).await.expect("it is held");
    assert_eq!((shown.holders[0].owner.task.0, shown.waiters.len()), (1, 1));
    held.release().await;
    soon(next).await.expect("no panic").expect("its turn").release().await;
    database.gone().await;
}

#[tokio::test]
async fn a_postgres_service_that_has_died_inside_is_buried_at_once() {
    let Some(database) = Database::create().await else { return };
    let one = database.service().await;
    let lock = name("resource/7");
    let held = one.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    // What a dead one leaves: its flag, and a member whose connection is gone.
    let left = "UPDATE locks_member SET backend = 0; SELECT 1";
    database.say(&database.url, left.into()).await;
    let other = database.service().await;
    let shown = other.operator().show(&lock).await.expect("it is held");
    assert_eq!(Some(shown.fence), held.fence(&lock));
    held.release().await;
    other.until(&lock, |lock| lock.is_none()).await;
    database.gone().await;
}

#[tokio::test]
async fn a_service_says_when_its_postgres_is_away() {
    let Some(database) = Database::create().await else { return };
    let one = database.service().await;
    one.locks.check().await.expect("it answers");
    database.say(&database.admin, format!("DROP DATABASE {} WITH (FORCE)", database.name)).await;
    let fault = soon(async {
        loop {
            if let Err(fault) = one.locks.check().await {
                return fault;
            }
        }
    })
    .await;
    assert_eq!(fault.entry.code, errors::locks::REGISTERS_AWAY.code);
    let refused = one.worker().acquire(&[name("host/a")], owner(1), Duration::ZERO).await.expect_err("they are away");
    assert_eq!(refused.entry.category, errors::Category::Unavailable, "{}", refused.chain());
}

/// Its journal's newest entry is old, and the time has gone on at the one that was idle.
#[tokio::test]
async fn a_lease_from_a_postgres_service_that_began_late_is_as_long_as_any() {
    let Some(database) = Database::create().await else { return };
    let idle = database.service().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let late = database.service().await;
    let lock = name("resource/7");
    // A holder whose lease would be over by the idle one's time, had the late one another.
    let holder = late.worker().lease(Duration::from_secs(2));
    let held = holder.acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    for _ in 0..20 {
        let fault = idle.worker().acquire(std::slice::from_ref(&lock), owner(2), Duration::ZERO).await;
        assert_eq!(fault.expect_err("its holder lives").entry.code, errors::locks::LOCK_TIMEOUT.code);
    }
    assert!(!held.lost().is_cancelled());
    held.release().await;
    database.gone().await;
}

/// As if one service had been stopped inside for so long that the places after its own are compacted away.
#[tokio::test]
async fn a_postgres_service_that_slept_through_a_compaction_adds_nothing() {
    let Some(database) = Database::create().await else { return };
    let (late, other) = (database.service().await, database.service().await);
    let lock = name("resource/7");
    late.worker().acquire(&[name("host/a")], owner(1), WAIT).await.expect("it is free").release().await;
    // The places after the one it has applied are taken, and gone.
    let slept = "INSERT INTO locks_table SELECT 1, max(seq) + 5000, '{\"lines\":{},\"requests\":{},\"last_ticket\":1,\
                 \"last_fence\":9000000000000000,\"now\":{\"secs\":0,\"nanos\":0}}' FROM locks_journal;
                 UPDATE locks_journal SET seq = seq + 5000";
    database.say(&database.url, slept.into()).await;
    let held = late.worker().acquire(std::slice::from_ref(&lock), owner(2), WAIT).await.expect("it is free");
    assert!(held.fence(&lock) > Some(Fence(9_000_000_000_000_000)), "it has read what it slept through: {held:?}");
    let fault = other.worker().acquire(std::slice::from_ref(&lock), owner(3), Duration::ZERO).await;
    assert_eq!(fault.expect_err("it is held").entry.code, errors::locks::LOCK_TIMEOUT.code);
    held.release().await;
    database.gone().await;
}

/// As if one service had been stopped inside for longer than it may: the others put it out, and it does not know.
#[tokio::test]
async fn a_postgres_service_that_was_put_out_grants_nothing_that_another_has_granted() {
    let Some(database) = Database::create().await else { return };
    let (late, other) = (database.service().await, database.service().await);
    let lock = name("resource/7");
    for round in 0..10 {
        // The late one has the turn, and keeps it until another wants it.
        late.worker().acquire(&[name("host/a")], owner(1), WAIT).await.expect("it is free").release().await;
        database.say(&database.url, "DELETE FROM locks_member; DELETE FROM locks_register".into()).await;
        let held = other.worker().acquire(std::slice::from_ref(&lock), owner(2), WAIT).await.expect("it is free");
        let fault = late.worker().acquire(std::slice::from_ref(&lock), owner(3), Duration::ZERO).await;
        let fault = fault.expect_err("the other has granted it");
        assert_eq!(fault.entry.code, errors::locks::LOCK_TIMEOUT.code, "round {round}: {}", fault.chain());
        held.release().await;
    }
    database.gone().await;
}

#[tokio::test]
async fn a_postgres_service_that_begins_reads_the_kept_table_and_what_came_after_it() {
    let Some(database) = Database::create().await else { return };
    let one = database.service().await;
    let lock = name("resource/7");
    let held = one.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    // More batches than are kept one by one.
    let client = one.worker();
    for _ in 0..700 {
        client.acquire(&[name("host/a")], owner(2), WAIT).await.expect("it is free").release().await;
    }
    let mut connection = PgConnection::connect(&database.url).await.expect("the database");
    let batches: i64 =
        sqlx::query_scalar("SELECT count(*) FROM locks_journal").fetch_one(&mut connection).await.expect("it counts");
    assert!(batches < 1_100, "{batches} batches are kept");
    let other = database.service().await;
    let shown = other.operator().show(&lock).await.expect("it is held");
    assert_eq!(Some(shown.fence), held.fence(&lock));
    held.release().await;
    database.gone().await;
}

#[tokio::test]
async fn a_postgres_service_whose_connections_were_cut_goes_on_by_itself() {
    let Some(database) = Database::create().await else { return };
    let one = database.service().await;
    let lock = name("resource/7");
    let held = one.worker().acquire(std::slice::from_ref(&lock), owner(1), WAIT).await.expect("it is free");
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
    database.say(&database.admin, cut).await;
    let other = one.worker().acquire(&[name("host/a")], owner(2), WAIT).await.expect("it is free");
    let shown = one.operator().show(&lock).await.expect("it is held");
    assert_eq!(Some(shown.fence), held.fence(&lock));
    other.release().await;
    held.release().await;
    assert!(one.locks.is_idle().await);
    database.gone().await;
}
