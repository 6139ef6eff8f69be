//! The roles apart, as processes of the shipped binary over a real RabbitMQ and a real PostgreSQL: each is killed in turn with
//! work in flight, and every resource ends where it was asked to go.

use jiff::{SignedDuration, Timestamp};
use model::State;
use model::task::TaskStatus;
use model::vm::{PhantomScript, VmSpec};
use model::{ResourceId, ServerType, TaskId};
use secrecy::SecretString;
use std::time::{Duration, Instant};
use testkit::fleet::{server, vm};
use testkit::roles::ROLES;
use testkit::{LIMIT, Roles, eventually};

/// Until work goes on: a lease of 15 s and the sweep, by default settings.
const RECOVERY: SignedDuration = SignedDuration::from_secs(20);

/// A VM whose build takes a second and more.
async fn create(fleet: &Roles, name: &str) -> (ResourceId, TaskId) {
    let mut spec = vm(&fleet.image);
    spec.userdata = Some("#cloud-config\npassword: userdata-canary\n".into());
    spec.phantom = Some(PhantomScript { delay_ms: 400, ..PhantomScript::default() });
    fleet.create(name, spec).await
}

/// Four builds, the first of them under way.
async fn load(fleet: &Roles, name: &str) -> Vec<(ResourceId, TaskId)> {
    let mut made = Vec::new();
    for n in 0..4 {
        made.push(create(fleet, &format!("{name}-{n}")).await);
    }
    fleet.is_in(made[0].0, &[State::Building, State::Running], LIMIT).await;
    made
}

/// Every VM runs, and the attempt that made it run began in time.
async fn all_run(fleet: &Roles, made: &[(ResourceId, TaskId)], what: &str) {
    let (killed_at, since) = (Timestamp::now(), Instant::now());
    for (id, _) in made {
        fleet.is_in(*id, &[State::Running], LIMIT).await;
    }
    let ended = since.elapsed();
    let mut last = SignedDuration::ZERO;
    for (_, task) in made {
        let task = fleet.client.task(*task, Duration::ZERO).await.expect("the task");
        let begun = task.steps.iter().find(|step| step.attempt == task.attempts).expect("steps").started_at;
        last = last.max(begun.duration_since(killed_at));
    }
    println!(
        "{what} killed: the last goes on after {:.1} s, all run after {:.1} s",
        last.as_secs_f64(),
        ended.as_secs_f64()
    );
    assert!(last < RECOVERY, "{what} killed: work goes on after {last:?}");
}

#[tokio::test]
async fn real_fleet_each_role_is_killed_in_turn_and_every_vm_runs() {
    let mut fleet = Roles::start(server("host-1", ServerType::Phantom)).await;
    let (first, _) = create(&fleet, "first").await;
    fleet.is_in(first, &[State::Running], LIMIT).await;
    for role in ROLES {
        let made = load(&fleet, role).await;
        fleet.kill(role);
        all_run(&fleet, &made, role).await;
    }
    let made = load(&fleet, "broker").await;
    fleet.broker.restart();
    all_run(&fleet, &made, "broker").await;

    // What is secret is in no log, and in no dead letter.
    for role in ROLES {
        let log = fleet.log(role);
        assert!(!log.is_empty(), "{role} logs nothing");
        let shown: Vec<&str> = log.lines().filter(|line| line.contains("canary") || line.contains("drv_")).collect();
        assert!(shown.is_empty(), "{role} logs a secret: {shown:?}");
    }
    let queue = queue::Queue::rabbitmq(SecretString::from(fleet.broker.url.clone())).await.expect("the url is one");
    let letters = eventually(LIMIT, "the dead letters are listed", async || queue.dead_list(1000).await).await;
    let shown = serde_json::to_string(&letters).expect("letters");
    assert!(!shown.contains("canary") && !shown.contains("drv_"), "a dead letter holds a secret: {shown}");
}

/// Stopped past its lease while another one finishes, and continued: it is refused, and says so.
#[tokio::test]
async fn real_fleet_a_paused_worker_is_refused_when_it_comes_back() {
    let mut fleet = Roles::start(server("host-1", ServerType::Phantom)).await;
    let (vm, task) = create(&fleet, "paused").await;
    fleet.is_in(vm, &[State::Building], LIMIT).await;
    fleet.signal("worker", "-STOP");
    fleet.worker("second", &[]);
    fleet.is_in(vm, &[State::Running], LIMIT).await;
    let settled = fleet.client.read::<VmSpec>(vm).await.expect("the VM");
    fleet.signal("worker", "-CONT");
    eventually(LIMIT, "the late worker says that it is superseded", async || {
        let log = fleet.log("worker");
        if log.contains("superseded") { Ok(()) } else { Err(log) }
    })
    .await;
    let ended = fleet.client.task(task, Duration::ZERO).await.expect("the task");
    assert_eq!((ended.status, ended.attempts, ended.lost), (TaskStatus::Succeeded, 2, 1), "{ended:#?}");
    let now = fleet.client.read::<VmSpec>(vm).await.expect("the VM");
    assert_eq!((now.state, now.version), (settled.state, settled.version), "the late one wrote");
    // It goes on as a worker.
    fleet.terminate("second").await;
    let (next, _) = create(&fleet, "next").await;
    fleet.is_in(next, &[State::Running], LIMIT).await;
}

#[tokio::test]
async fn real_fleet_a_worker_is_ready_while_it_consumes_and_reads_its_configuration_again() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("drover.toml");
    let configure = |text: &str| std::fs::write(&file, text).expect("the configuration");
    configure("[worker]\nper_host = 2\n");
    let path = file.display().to_string();
    let fleet = Roles::start_with(server("host-1", ServerType::Phantom), &[("CONFIG", &path)]).await;
    let ready = async |wanted: u16| {
        eventually(LIMIT, &format!("/readyz answers {wanted}"), async || {
            let (status, text) = fleet.page("worker", "/readyz?verbose").await;
            if status == wanted { Ok(text) } else { Err(text) }
        })
        .await
    };
    ready(200).await;
    fleet.broker.restart();
    let said = ready(503).await;
    assert!(said.contains("queue") || said.contains("consumers"), "{said}");
    assert_eq!(fleet.page("worker", "/livez").await.0, 200, "a broker that is away is no reason to restart the worker");
    ready(200).await;

    let says = async |what: &str| {
        eventually(LIMIT, &format!("the worker says {what:?}"), async || {
            let log = fleet.log("worker");
            if log.contains(what) { Ok(()) } else { Err(log) }
        })
        .await;
    };
    configure("[worker]\nper_host = 3\n");
    fleet.signal("worker", "-HUP");
    says("limits reloaded").await;
    configure("[worker]\nper_hosts = 3\n");
    fleet.signal("worker", "-HUP");
    says("the old one stays").await;
    let (vm, _) = create(&fleet, "after").await;
    fleet.is_in(vm, &[State::Running], LIMIT).await;
    let metrics = fleet.page("worker", "/metrics").await.1;
    assert!(metrics.contains("drover_tasks_total{"), "{metrics}");
}

#[tokio::test]
async fn real_fleet_a_message_that_cannot_be_read_is_listed_shown_and_put_back() {
    let fleet = Roles::start(server("host-1", ServerType::Phantom)).await;
    let queue = queue::Queue::rabbitmq(SecretString::from(fleet.broker.url.clone())).await.expect("the url is one");
    let body = format!("no message {}", std::process::id());
    queue.publish_raw("host-1", body.as_bytes()).await.expect("the publish is confirmed");
    // Other tests may have left letters of their own.
    let own = async || {
        eventually(LIMIT, "the dead letter is listed", async || {
            let listed = fleet.command(&["queue", "dead", "list", "--limit", "1000"]);
            let letters = listed.as_array().cloned().unwrap_or_default();
            letters.into_iter().find(|letter| letter["body"] == body.as_str()).ok_or(listed)
        })
        .await
    };
    let letter = own().await;
    let id = letter["id"].as_str().expect("an id").to_owned();
    assert_eq!(letter["host"], "host-1");
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("queue_")), "{letter:#}");
    assert_eq!(fleet.command(&["queue", "dead", "show", &id]), letter);
    fleet.command(&["queue", "dead", "redrive", &id]);
    // It comes back as a letter of its own: it is no better than before.
    let again = eventually(LIMIT, "it is buried again", async || {
        let letter = own().await;
        if letter["id"] == id.as_str() { Err(letter) } else { Ok(letter) }
    })
    .await;
    assert_eq!(again["body"], letter["body"]);
    // The worker goes on.
    let (vm, _) = create(&fleet, "after").await;
    fleet.is_in(vm, &[State::Running], LIMIT).await;
}
