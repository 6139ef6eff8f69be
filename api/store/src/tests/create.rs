//! Creates: what they store, what they refuse, and that room is never given twice.

use super::world::{World, code, key, operator, refusal, tenant, trace};
use errors::iaas as codes;
use futures::future::join_all;
use iaas::tenant::Accepted;
use model::event::EventKind;
use model::task::TaskStatus;
use model::vm::VmSpec;
use model::{EventSeq, Kind, ResourceType, ServerId, ServerType, State, Verb};

crate::tests::suite! {
    a_create_stores_row_task_history_and_events_together,
    fifty_creates_at_once_never_take_the_same_room,
    two_processes_never_take_the_same_room,
    a_refusal_lists_every_server_with_its_failing_check,
    a_wish_is_checked_against_its_image_project_and_server,
    a_key_gives_the_first_answer_again_for_a_day,
    a_project_has_one_router_until_it_is_closed,
    a_dry_run_says_where_and_stores_nothing,
    a_snapshot_stands_beside_its_vm_of_the_same_project,
}

async fn a_create_stores_row_task_history_and_events_together(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    assert_eq!((made.resource.state, made.resource.kind), (State::Requested, Kind::VmPhantom));
    assert_eq!(made.task_url, format!("/v1/tasks/{}", made.task_id));
    assert_eq!(made.resource.spec.nics[0].mac.as_deref(), Some("52:54:00:00:10:00"));
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));

    let read = world.store.resource_read::<VmSpec>(made.resource.id, &operator()).await.unwrap();
    assert_eq!(read, made.resource);
    let task = world.task(made.task_id).await;
    assert_eq!((task.status, task.verb, task.asked_by.as_str()), (TaskStatus::Queued, Verb::Build, "olga"));
    assert_eq!(task.waiting_for.unwrap().reason, "worker of phantom-1, never seen");
    let history = world.store.resource_history(ResourceType::Vm, read.id, &operator()).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].from, history[0].into, history[0].by.as_str()), (None, State::Requested, "olga"));
    let events = world.store.events_after(EventSeq(0), 10, None).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| (event.seq.0, event.event)).collect();
    assert_eq!(kinds, [(1, EventKind::ResourceChanged), (2, EventKind::TaskQueued)]);
    assert_eq!(events[1].traceparent, trace());
    let counts = (world.store.resources_by_state().await.unwrap(), world.store.tasks_by_status().await.unwrap());
    assert_eq!(counts.0, [(Kind::VmPhantom, State::Requested, 1)]);
    assert_eq!(counts.1, [(Kind::VmPhantom, TaskStatus::Queued, 1)]);
}

async fn fifty_creates_at_once_never_take_the_same_room(world: World) {
    let mut fleet = world.fleet().await;
    let patch = serde_json::json!({"cores": 20});
    fleet.server = world.store.server_change(fleet.server.id, fleet.server.version, &patch).await.unwrap();
    world.server("phantom-2", ServerType::Phantom, (10, 102_400, 1000)).await;
    let creates = (0..50).map(|number| {
        let (store, wish) = (world.store.clone(), fleet.vm(&format!("vm-{number}")));
        async move { store.resource_create(wish, &operator(), None, None).await }
    });
    let answers = join_all(creates).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 30);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(code(answer), codes::NO_PLACE.code);
    }
    let servers = world.store.server_list(None, None).await.unwrap().items;
    let used: Vec<_> = servers.iter().map(|server| (server.used.cores, server.spec.cores)).collect();
    assert_eq!(used, [(20, 20), (10, 10)]);
}

async fn two_processes_never_take_the_same_room(world: World) {
    let fleet = world.fleet().await;
    let patch = serde_json::json!({"cores": 15});
    world.store.server_change(fleet.server.id, fleet.server.version, &patch).await.unwrap();
    let other = world.another().await;
    let creates = (0..40).map(|number| {
        let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
        let wish = fleet.vm(&format!("vm-{number}"));
        async move { store.resource_create(wish, &operator(), None, None).await }
    });
    let answers = join_all(creates).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 15);
    assert_eq!(world.used(&fleet).await.0, 15);
    // The numbers of both processes' events are one row, without gaps.
    let events = world.store.events_after(EventSeq(0), 1000, None).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event.seq.0).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
}

async fn a_refusal_lists_every_server_with_its_failing_check(world: World) {
    let fleet = world.fleet().await;
    world.server("router-1", ServerType::Router, (8, 1024, 10)).await;
    let small = world.server("kvm-1", ServerType::Kvm, (8, 512, 100)).await;
    let off = world.server("kvm-2", ServerType::Kvm, (8, 4096, 100)).await;
    let patch = serde_json::json!({"enabled": false});
    world.store.server_change(off.id, off.version, &patch).await.unwrap();
    let mut wish = fleet.vm("large");
    wish.spec.cpu = 101;
    wish.spec.labels.insert("disk".into(), "ssd".into());
    let refused = refusal(world.store.resource_create(wish.clone(), &operator(), None, None).await);
    let checks: Vec<_> = refused.checks.iter().map(|check| (check.server.as_str(), check.check.as_str())).collect();
    assert_eq!(
        checks,
        [("phantom-1", "label disk"), ("router-1", "type"), ("kvm-1", "label disk"), ("kvm-2", "enabled")]
    );
    wish.spec.labels.clear();
    wish.spec.server = Some(small.id);
    let refused = refusal(world.store.resource_create(wish, &operator(), None, None).await);
    assert_eq!(refused.fault.entry.code, codes::SERVER_UNFIT.code);
    assert_eq!(refused.to_string(), "Server kvm-1 does not fit: kvm-1: cores wanted 101, found 8 free of 8.");
    assert_eq!(world.used(&fleet).await, (0, 0, 0));
}

async fn a_wish_is_checked_against_its_image_project_and_server(world: World) {
    let fleet = world.fleet().await;
    let create = |change: fn(&mut iaas::tenant::Create<VmSpec>)| {
        let mut wish = fleet.vm("web-1");
        change(&mut wish);
        let store = world.store.clone();
        async move { code(store.resource_create(wish, &operator(), None, None).await) }
    };
    assert_eq!(create(|wish| wish.project_id.0 = 99).await, codes::NOT_FOUND.code);
    assert_eq!(create(|wish| wish.spec.image.0 = 99).await, codes::NOT_FOUND.code);
    assert_eq!(create(|wish| wish.spec.server = Some(ServerId(99))).await, codes::NOT_FOUND.code);
    assert_eq!(create(|wish| wish.spec.disks[0].gb = 4).await, codes::IMAGE_TOO_LARGE.code);
    assert_eq!(create(|wish| wish.spec.disks[0].gb = u64::MAX).await, codes::SPEC_INVALID.code);
    assert_eq!(create(|wish| wish.spec.cpu = 0).await, codes::SPEC_INVALID.code);
    assert_eq!(create(|wish| wish.name = "\0".into()).await, codes::SPEC_INVALID.code);
    let patch = serde_json::json!({"cloud_init": false});
    world.store.image_change(fleet.image.id, fleet.image.version, &patch).await.unwrap();
    assert_eq!(create(|wish| wish.spec.userdata = Some("x".into())).await, codes::IMAGE_NO_USERDATA.code);
    let other = world.project().await;
    let stranger = tenant(&other);
    let answer = world.store.resource_create(fleet.vm("web-1"), &stranger, None, None).await;
    assert_eq!(code(answer), codes::NOT_YOURS.code);
    let made = world.vm(&fleet).await;
    assert_eq!(code(world.store.resource_read::<VmSpec>(made.resource.id, &stranger).await), codes::NOT_YOURS.code);
    assert_eq!(code(world.store.task_read(made.task_id, &stranger).await), codes::NOT_YOURS.code);
    let list = world.store.resource_list::<VmSpec>(&Default::default(), &stranger).await.unwrap();
    assert!(list.items.is_empty());
}

async fn a_key_gives_the_first_answer_again_for_a_day(world: World) {
    let fleet = world.fleet().await;
    let who = operator();
    let create = |hash| world.store.resource_create(fleet.vm("web-1"), &who, None, key("k", hash));
    // Two at once, in one transaction, and one later.
    let (first, second) = tokio::join!(create("a"), create("a"));
    let (first, second): (Accepted<VmSpec>, Accepted<VmSpec>) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    assert_eq!(create("a").await.unwrap(), first);
    assert_eq!(code(create("b").await), codes::IDEMPOTENCY_MISMATCH.code);
    world.pass(24 * 3600);
    assert_ne!(create("b").await.unwrap().resource.id, first.resource.id);
    assert_eq!(world.used(&fleet).await.0, 2);
}

async fn a_project_has_one_router_until_it_is_closed(world: World) {
    let fleet = world.fleet().await;
    let router = world.router(&fleet).await;
    let wish = iaas::tenant::Create {
        project_id: fleet.project.id,
        name: "second".into(),
        spec: model::virtual_router::VirtualRouterSpec::default(),
    };
    let answer = world.store.resource_create(wish.clone(), &operator(), None, None).await;
    assert_eq!(refusal(answer).to_string(), "Project 1 already has virtual router 1.");
    world.store.task_cancel(router.task_id, &operator()).await.unwrap();
    // Two at once: one of them.
    let who = operator();
    let create = || world.store.resource_create(wish.clone(), &who, None, None);
    let (first, second) = tokio::join!(create(), create());
    assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

async fn a_dry_run_says_where_and_stores_nothing(world: World) {
    let fleet = world.fleet().await;
    let placement = world.store.resource_place(fleet.vm("web-1"), &operator()).await.unwrap();
    assert_eq!((placement.host.as_str(), placement.kind), ("phantom-1", Kind::VmPhantom));
    assert_eq!(world.used(&fleet).await, (0, 0, 0));
    assert_eq!(world.store.last_seq().await.unwrap(), EventSeq(0));
    let made = world.vm(&fleet).await;
    assert_eq!(made.resource.id.0, 1);
}

async fn a_snapshot_stands_beside_its_vm_of_the_same_project(world: World) {
    let mut fleet = world.fleet().await;
    fleet.server = world.server("kvm-1", ServerType::Kvm, (8, 4096, 100)).await;
    world.server("kvm-2", ServerType::Kvm, (8, 8192, 100)).await;
    let mut wish = fleet.vm("web-1");
    wish.spec.server = Some(fleet.server.id);
    let vm = world.store.resource_create(wish, &operator(), None, None).await.unwrap();
    let spec = model::snapshot::SnapshotSpec { vm: vm.resource.id, parent: None, remove_subtree: false };
    let wish = iaas::tenant::Create { project_id: fleet.project.id, name: "before".into(), spec };
    let snapshot = world.store.resource_create(wish.clone(), &operator(), None, None).await.unwrap();
    assert_eq!((snapshot.resource.kind, snapshot.resource.host.as_str()), (Kind::SnapshotKvm, "kvm-1"));
    let assignment = world.store.assignment(snapshot.task_id, &super::world::worker()).await.unwrap();
    assert_eq!(assignment.related.len(), 1);
    assert_eq!(assignment.related[0].id, vm.resource.id);
    let other = iaas::tenant::Create { project_id: world.project().await.id, ..wish };
    assert_eq!(code(world.store.resource_create(other, &operator(), None, None).await), codes::NOT_YOURS.code);
}
