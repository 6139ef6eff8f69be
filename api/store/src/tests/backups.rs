//! Backups expire, and a VM is made from one only where it can be read.

use super::world::{Fleet, World, code, operator};
use errors::iaas as codes;
use iaas::tenant::{Accepted, Create};
use model::backup::BackupSpec;
use model::resource::Spec;
use model::server::ServerSpec;
use model::vm::VmSpec;
use model::{ResourceId, ServerId, ServerType, State};
use serde_json::{Value, json};

crate::tests::suite! {
    a_backup_is_scrubbed_when_its_time_is_over,
    a_vm_is_made_from_a_backup_where_its_repository_can_be_read,
}

const REPOSITORY: &str = "drover@vault:/srv";

impl World {
    async fn kvm(&self, name: &str, backup: Value) -> ServerId {
        let spec = json!({"name": name, "type": ServerType::Kvm, "cores": 100, "ram_mb": 1 << 20, "gb": 1000,
            "settings": {"backup": backup}});
        let spec: ServerSpec = serde_json::from_value(spec).expect("a server's wish");
        self.store.server_create(spec).await.expect("a server").id
    }

    async fn make_on<S: Spec>(&self, fleet: &Fleet, spec: S) -> crate::refusal::Answer<Accepted<S>> {
        let wish = Create { project_id: fleet.project.id, name: "made".into(), spec };
        self.store.resource_create(wish, &operator(), None, None).await
    }

    /// A backup that is whole, of a VM on this server.
    async fn backup_on(&self, fleet: &Fleet, server: ServerId, repository: &str) -> ResourceId {
        let vm = VmSpec { server: Some(server), ..fleet.vm("origin").spec };
        let vm = self.make_on(fleet, vm).await.expect("a VM");
        self.carry_out(vm.task_id).await;
        let spec = json!({"vm": vm.resource.id, "repository": repository, "valid_hours": 24});
        let spec: BackupSpec = serde_json::from_value(spec).expect("a wish");
        let backup = self.make_on(fleet, spec).await.expect("a backup");
        self.carry_out(backup.task_id).await;
        backup.resource.id
    }

    async fn backup_now(&self, id: ResourceId) -> model::backup::Backup {
        self.store.resource_read(id, &operator()).await.expect("a backup")
    }
}

async fn a_backup_is_scrubbed_when_its_time_is_over(world: World) {
    let fleet = world.fleet().await;
    let server = world.kvm("kvm-1", json!({})).await;
    let id = world.backup_on(&fleet, server, "primary").await;
    world.pass(24 * 3600 - 10);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 0);
    world.pass(20);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 1);
    let backup = world.backup_now(id).await;
    assert_eq!(backup.state, State::Scrub);
    let task = world.task(backup.task_id.unwrap()).await;
    assert_eq!(task.asked_by, "retention");
    world.pass(20);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 0);
    world.carry_out(task.id).await;
    assert_eq!(world.backup_now(id).await.state, State::Closed);
}

async fn a_vm_is_made_from_a_backup_where_its_repository_can_be_read(world: World) {
    let fleet = world.fleet().await;
    let first = world.kvm("kvm-1", json!({"secondary": REPOSITORY})).await;
    let second = world.kvm("kvm-2", json!({"secondary": REPOSITORY})).await;
    let here = world.backup_on(&fleet, first, "primary").await;
    let vault = world.backup_on(&fleet, first, "secondary").await;
    let wish = |backup, server| VmSpec { backup: Some(backup), server, ..fleet.vm("restored").spec };
    let made = async |backup, server| world.make_on(&fleet, wish(backup, server)).await;

    assert_eq!(made(here, None).await.unwrap().resource.server_id, first);
    assert_eq!(code(made(here, Some(second)).await), codes::BACKUP_OUT_OF_REACH.code);
    let there = made(vault, Some(second)).await.unwrap();
    assert_eq!(there.resource.server_id, second);
    let given = world.store.assignment(there.task_id, &operator()).await.unwrap().backup;
    assert_eq!(given.map(|backup| backup.id), Some(vault));

    let asked: Accepted<BackupSpec> =
        world.store.resource_ask(here, State::Scrub, &operator(), None, false).await.unwrap();
    assert_eq!(code(made(here, None).await), codes::BACKUP_UNUSABLE.code);
    world.carry_out(asked.task_id).await;
    assert_eq!(code(made(here, None).await), codes::BACKUP_UNUSABLE.code);
}
