//! A worker killed in the middle of a real backup: the next one waits for the very same job.

use crate::machine::{LIMIT, Machine, tell, virsh};
use iaas::tenant::{Accepted, Create};
use model::backup::{BackupSpec, Manifest, Repository};
use model::image::Image;
use model::task::Task;
use model::{ResourceId, State, TaskId, names};
use std::time::Duration;
use testkit::real::{run, small, tiny};
use testkit::{Roles, eventually};

async fn task(fleet: &Roles, id: TaskId, what: &str, is: impl Fn(&Task) -> bool) -> Task {
    eventually(LIMIT, what, async || {
        let task = fleet.client.task(id, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        if is(&task) { Ok(task) } else { Err(format!("{task:?}")) }
    })
    .await
}

fn begun_at(vm: ResourceId, backup: ResourceId) -> String {
    let xml = virsh(&["checkpoint-dumpxml", &names::domain(vm), &names::checkpoint(backup), "--no-domain"]);
    let at = xml.split_once("<creationTime>").and_then(|(_, rest)| rest.split_once('<'));
    at.expect("when it was made").0.to_owned()
}

#[tokio::test]
async fn real_backup_of_a_worker_that_is_killed_is_carried_on_by_the_next() {
    let machine = Machine::new();
    let mut server = machine.server();
    server.settings.backup.bandwidth_mb = 8;
    let mut fleet = Roles::start(server).await;
    let image: Image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    let (vm, _) = fleet.create("origin", small(&image, "t1", "10.77.0.5/24")).await;
    machine.says(vm, "drover-guest ready", 1).await;
    let _console = tell(vm, "write root 0 40 apples");
    machine.says(vm, "drover-guest wrote=apples", 1).await;
    let (disk, copies) = (names::disk(&machine.storage(), vm, "root"), tempfile::TempDir::new().expect("a folder"));
    let seen = copies.path().join("root.raw").display().to_string();
    run("qemu-img", &["convert", "-U", "-O", "raw", &disk, &seen]);

    let spec = BackupSpec { vm, repository: Repository::Primary, valid_hours: 24 };
    let wish = Create { project_id: fleet.project.id, name: "killed".into(), spec };
    let asked: Accepted<BackupSpec> = fleet.client.create(&wish, "killed").await.expect("the create is accepted");
    let id = asked.resource.id;
    let copies =
        |task: &Task| task.steps.last().and_then(|step| step.note.clone()).is_some_and(|note| note.contains(" % of "));
    task(&fleet, asked.task_id, "the job runs", copies).await;
    let begun = begun_at(vm, id);
    fleet.kill("worker");
    let ended = task(&fleet, asked.task_id, "the task ends", |task| task.status.has_ended()).await;
    assert_eq!((ended.attempts, ended.lost, ended.error.clone()), (2, 1, None), "{ended:#?}");

    let folder = names::backup(&names::backups(&machine.storage()), vm, id);
    let manifest = std::fs::read(format!("{folder}/manifest.json")).expect("the manifest");
    let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
    assert_eq!(manifest.made_at.as_second().to_string(), begun, "another job was begun");
    run("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &seen, &format!("{folder}/root.qcow2")]);
    let left = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(left, 2, "the disk and the manifest");

    let scrub: Accepted<BackupSpec> = fleet.client.ask(id, State::Scrub, false).await.expect("the scrub is accepted");
    let ended = task(&fleet, scrub.task_id, "the scrub ends", |task| task.status.has_ended()).await;
    assert_eq!(ended.error, None, "{ended:#?}");
    assert_eq!(virsh(&["checkpoint-list", &names::domain(vm), "--name"]).trim(), "");
    let _: Accepted<model::vm::VmSpec> =
        fleet.client.ask(vm, State::Scrub, false).await.expect("the scrub is accepted");
    fleet.is_in(vm, &[State::Closed], LIMIT).await;
    machine.is_as_before();
}
