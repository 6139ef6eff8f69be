//! Chains of backups on a fake host: what stands on what, what is kept for whom, and what a backup refuses.

use hosts::HostError;
use iaas::tenant::Accepted;
use model::backup::{BackupSpec, Repository};
use model::resource::Resource;
use model::server::{BackupSettings, Server};
use model::snapshot::SnapshotSpec;
use model::task::{Task, TaskStatus};
use model::vm::VmSpec;
use model::{Kind, ResourceId, ServerType, State, TaskId, names};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::fakes::kvm::{self, Kvm};
use testkit::fleet::{image, server, vm};
use testkit::{Fleet, LIMIT, eventually};

/// A VM on a fake host, and a worker.
pub struct Ground {
    pub host: Arc<Kvm>,
    pub fleet: Fleet,
    pub vm: ResourceId,
    pub repository: String,
}

impl Ground {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(settings: impl FnOnce(&mut BackupSettings)) -> Self {
        let host = Arc::new(Kvm::new("host-1"));
        let mut image = image();
        let bytes = kvm::qcow2(1);
        host.add_file(&image.source, &bytes);
        image.sha256 = kvm::sha256(&bytes);
        let mut server = server("host-1", ServerType::Kvm);
        server.settings.backup.full_every = 3;
        settings(&mut server.settings.backup);
        let primary = server.settings.backup.primary.clone();
        if let Some(folder) = &primary {
            host.add_file(&format!("{folder}/lost+found"), b"");
        }
        let repository = primary.unwrap_or_else(|| names::backups(&server.settings.storage));
        let mut fleet = Fleet::setup().host(server, Some(host.clone())).image(image).lease_secs(15).start().await;
        fleet.work();
        let built: Accepted<VmSpec> = fleet.create("origin", vm(&fleet.image)).await;
        fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
        Self { host, fleet, vm: built.resource.id, repository }
    }

    pub async fn asks(&self) -> Accepted<BackupSpec> {
        let spec = BackupSpec { vm: self.vm, repository: Repository::Primary, valid_hours: 24 };
        self.fleet.create("backup", spec).await
    }

    pub async fn back_up(&self) -> Resource<BackupSpec> {
        let asked = self.asks().await;
        self.fleet.reaches::<BackupSpec>(asked.resource.id, State::Running).await
    }

    pub async fn scrub(&self, backup: ResourceId) {
        self.fleet.ask::<BackupSpec>(backup, State::Scrub).await;
        self.fleet.reaches::<BackupSpec>(backup, State::Closed).await;
    }

    fn has(&self, backup: ResourceId) -> bool {
        self.host.file(&format!("{}/root.qcow2", names::backup(&self.repository, self.vm, backup))).is_some()
    }

    /// Of the VM's domain.
    fn checkpoints(&self) -> Vec<String> {
        let mark = format!("{}/checkpoint ", names::domain(self.vm));
        self.host.words().into_keys().filter_map(|key| key.strip_prefix(&mark).map(str::to_owned)).collect()
    }

    async fn note(&self, task: TaskId, part: &str) -> Task {
        eventually(LIMIT, &format!("a step notes {part:?}"), async || {
            let task = self.fleet.client.task(task, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
            let noted = task.steps.iter().any(|step| step.note.as_ref().is_some_and(|note| note.contains(part)));
            if noted { Ok(task) } else { Err(format!("{task:?}")) }
        })
        .await
    }
}

fn kinds<'a>(backups: impl IntoIterator<Item = &'a Resource<BackupSpec>>) -> Vec<Value> {
    let fact = |backup: &Resource<BackupSpec>, name: &str| backup.facts.get(name).cloned().unwrap_or_default();
    backups.into_iter().map(|backup| json!([fact(backup, "kind"), fact(backup, "parent")])).collect()
}

#[tokio::test]
async fn a_chain_ends_where_the_settings_say_and_keeps_what_it_stands_on() {
    let ground = Ground::new().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(ground.back_up().await);
    }
    let [a, b, c, d] = made.iter().map(|backup| backup.id).collect::<Vec<_>>().try_into().expect("four");
    let wanted = [json!(["full", null]), json!(["incremental", a]), json!(["incremental", b]), json!(["full", null])];
    assert_eq!(kinds(&made), wanted);
    // The new chain has forgotten the old one's.
    assert_eq!(ground.checkpoints(), [names::checkpoint(d)]);

    ground.scrub(a).await;
    ground.scrub(c).await;
    assert_eq!([a, b, c, d].map(|id| ground.has(id)), [true, true, false, true]);
    ground.scrub(b).await;
    assert_eq!([a, b, c, d].map(|id| ground.has(id)), [false, false, false, true]);
    ground.scrub(d).await;
    let left: Vec<_> = ground.host.left().files.into_iter().filter(|file| file.contains(&ground.repository)).collect();
    assert_eq!(left, [format!("{}/", ground.repository)]);
    assert!(ground.checkpoints().is_empty());
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_broken_record_of_changes_makes_a_full_one_that_says_so() {
    let ground = Ground::new().await;
    ground.back_up().await;
    ground.host.break_bitmaps(&names::domain(ground.vm));
    let next = ground.back_up().await;
    assert_eq!(next.facts["kind"], "full");
    assert!(next.facts["why_full"].as_str().is_some_and(|why| why.contains("broken bitmap")), "{:?}", next.facts);
    assert_eq!(ground.back_up().await.facts["parent"], json!(next.id));
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_cancel_ends_the_job_at_once_and_takes_all_of_it_back() {
    let ground = Ground::new().await;
    ground.host.back_up_after(u32::MAX);
    let asked = ground.asks().await;
    ground.note(asked.task_id, "50 %").await;
    ground.fleet.client.task_cancel(asked.task_id).await.expect("the cancel is accepted");
    let ended = ground.fleet.ended(asked.task_id).await;
    assert_eq!(ended.status, TaskStatus::Cancelled, "{ended:#?}");
    assert!(ground.checkpoints().is_empty());
    let left = ground.host.left().files;
    assert!(!left.iter().any(|file| file.contains(".part")), "{left:#?}");
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_vm_that_is_off_is_backed_up_without_being_started() {
    let ground = Ground::new().await;
    ground.fleet.ask::<VmSpec>(ground.vm, State::Quiesce).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Quiesced).await;
    let off = ground.back_up().await;
    assert!(off.facts["why_full"].as_str().is_some_and(|why| why.contains("off")), "{:?}", off.facts);
    assert_eq!(ground.host.runs(&names::domain(ground.vm)), Some(false));
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_vm_is_made_from_a_backup_only_while_that_is_whole() {
    let ground = Ground::new().await;
    ground.back_up().await;
    let backup = ground.back_up().await;
    let wish = || VmSpec { backup: Some(backup.id), ..vm(&ground.fleet.image) };
    let made: Accepted<VmSpec> = ground.fleet.create("restored", wish()).await;
    ground.fleet.reaches::<VmSpec>(made.resource.id, State::Running).await;

    // One byte of the full one that it stands on.
    let parent = ResourceId(backup.facts["parent"].as_i64().expect("a parent"));
    let path = format!("{}/root.qcow2", names::backup(&ground.repository, ground.vm, parent));
    let mut bytes = ground.host.file(&path).expect("the file");
    *bytes.last_mut().expect("a byte") ^= 1;
    ground.host.add_file(&path, &bytes);
    let made: Accepted<VmSpec> = ground.fleet.create("damaged", wish()).await;
    let failed = ground.fleet.reaches::<VmSpec>(made.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, format!("{}_build_2305", Kind::VmKvm), "{error:?}");
    assert!(error.text.contains(&path), "{error:?}");
    ground.fleet.stop().await;
}

#[tokio::test]
async fn what_an_earlier_attempt_made_from_another_choice_is_made_anew() {
    let ground = Ground::new().await;
    let full = ground.back_up().await;
    // As a full one it was copied and sealed, while another one was published.
    let next = ResourceId(full.id.0 + 1);
    let part = names::backup_part(&ground.repository, ground.vm, next);
    let whole = names::backup(&ground.repository, ground.vm, full.id);
    let manifest = ground.host.file(&format!("{whole}/manifest.json")).expect("the manifest");
    ground.host.add_file(&format!("{part}/root.qcow2"), b"of another moment");
    ground.host.add_file(&format!("{part}/manifest.json"), &manifest);
    let record = json!({ "runs": true, "since": null, "refused": null, "disks": [], "written": [] });
    ground.host.add_file(&format!("{part}/plan.json"), record.to_string().as_bytes());
    let made = ground.back_up().await;
    assert_eq!((made.id, &made.facts["parent"]), (next, &json!(full.id)));
    let disk = ground.host.file(&format!("{}/root.qcow2", names::backup(&ground.repository, ground.vm, next)));
    assert!(disk.is_some_and(|bytes| bytes != b"of another moment"));

    // Off, a disk of it was packed, and the guest ran since.
    ground.fleet.ask::<VmSpec>(ground.vm, State::Quiesce).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Quiesced).await;
    let last = ResourceId(next.0 + 1);
    let part = names::backup_part(&ground.repository, ground.vm, last);
    ground.host.add_file(&format!("{part}/root.qcow2"), b"of another moment");
    let record = json!({ "runs": false, "since": null, "refused": null, "disks": [], "written": ["1.5"] });
    ground.host.add_file(&format!("{part}/plan.json"), record.to_string().as_bytes());
    assert_eq!(ground.back_up().await.id, last);
    let disk = ground.host.file(&format!("{}/root.qcow2", names::backup(&ground.repository, ground.vm, last)));
    assert!(disk.is_some_and(|bytes| bytes != b"of another moment"));
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_backup_is_on_its_disk_before_it_has_its_name() {
    let ground = Ground::new().await;
    let made = ground.back_up().await;
    let whole = names::backup(&ground.repository, ground.vm, made.id);
    let lines = ground.host.transcript();
    let at = |wanted: &str| lines.iter().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("{wanted}"));
    let renamed = at(&format!("mv -f {whole}.part {whole}"));
    let synced = at(&format!("sync -- {whole}.part/root.qcow2 {whole}.part/manifest.json {whole}.part"));
    let folder =
        lines.iter().rposition(|line| *line == format!("sync -- {}", names::backups_of(&ground.repository, ground.vm)));
    assert!(synced < renamed && folder.is_some_and(|folder| renamed < folder), "{lines:#?}");
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_damaged_manifest_is_in_nobodys_way_and_can_be_scrubbed() {
    let ground = Ground::new().await;
    let damage = |id: ResourceId| {
        let whole = names::backup(&ground.repository, ground.vm, id);
        ground.host.add_file(&format!("{whole}/manifest.json"), b"{");
    };
    let (a, b) = (ground.back_up().await.id, ground.back_up().await.id);
    damage(b);
    let c = ground.back_up().await;
    assert_eq!(c.facts["kind"], "full");
    assert!(c.facts["why_full"].as_str().is_some_and(|why| why.contains(&b.to_string())), "{:?}", c.facts);
    let d = ground.back_up().await;
    assert_eq!(d.facts["parent"], json!(c.id));
    // What stands under the newest one.
    damage(c.id);
    let e = ground.back_up().await;
    assert_eq!(e.facts["kind"], "full", "{:?}", e.facts);

    let all = [a, b, c.id, d.id, e.id];
    ground.scrub(a).await;
    assert!(ground.has(a), "the damaged ones may stand on it");
    ground.scrub(b).await;
    ground.scrub(c.id).await;
    assert_eq!(all.map(|id| ground.has(id)), [false, false, true, true, true]);
    ground.scrub(d.id).await;
    assert_eq!(all.map(|id| ground.has(id)), [false, false, false, false, true]);
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_revert_takes_the_records_of_changes_along_and_the_next_backup_is_full() {
    let ground = Ground::new().await;
    ground.back_up().await;
    let spec = SnapshotSpec { vm: ground.vm, parent: None, remove_subtree: false };
    let snapshot = ground.fleet.create("before", spec).await.resource.id;
    ground.fleet.reaches::<SnapshotSpec>(snapshot, State::Running).await;
    assert_eq!(ground.back_up().await.facts["kind"], "incremental", "a snapshot is in no backup's way");

    let asked = ground.fleet.ask::<SnapshotSpec>(snapshot, State::RunningUpdate).await;
    let reverted = ground.fleet.ended(asked.task_id).await;
    assert_eq!((reverted.status, reverted.error.clone()), (TaskStatus::Succeeded, None), "{reverted:#?}");
    assert_eq!(ground.host.runs(&names::domain(ground.vm)), Some(true));
    assert!(ground.checkpoints().is_empty());
    let next = ground.back_up().await;
    assert_eq!(next.facts["kind"], "full");
    assert!(next.facts["why_full"].as_str().is_some_and(|why| why.contains("not known")), "{:?}", next.facts);
    ground.fleet.ask::<SnapshotSpec>(snapshot, State::Scrub).await;
    ground.fleet.reaches::<SnapshotSpec>(snapshot, State::Closed).await;
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_repository_that_is_not_mounted_or_is_another_one_is_not_written_to() {
    let ground = Ground::with(|settings| settings.primary = Some("/mnt/vault".into())).await;
    let backup = ground.back_up().await;
    let id = format!("host-1-{}", backup.id);
    assert_eq!((&backup.facts["repository"], &backup.facts["repository_id"]), (&json!("primary"), &json!(id)));
    assert!(!backup.facts.contains_key("folder"), "{:?}", backup.facts);
    let marker = names::repository_marker("/mnt/vault", &id);
    assert!(ground.host.file(&marker).is_some());
    assert_eq!(ground.back_up().await.facts["repository_id"], json!(id));

    // The folder below the mount point, which is empty.
    ground.host.lose("/mnt/vault");
    ground.host.add_file("/mnt/vault/lost+found", b"");
    let refused = ground.asks().await;
    let failed = ground.fleet.ended(refused.task_id).await.error.expect("it fails");
    assert_eq!(failed.code, "backup_kvm_build_2309", "{failed:?}");
    assert!(failed.text.contains("not marked") && failed.remedy.contains(&marker), "{failed:?}");
    let scrub = ground.fleet.ask::<BackupSpec>(backup.id, State::Scrub).await;
    let failed = ground.fleet.ended(scrub.task_id).await.error.expect("it fails");
    assert_eq!(failed.code, "backup_kvm_scrub_2309", "{failed:?}");
    let left: Vec<_> = ground.host.left().files.into_iter().filter(|file| file.starts_with("/mnt/vault/")).collect();
    assert!(left.is_empty(), "{left:?}");

    // It is lost for good, and another folder takes its place by hand: what was in the old one is closed.
    ground.host.add_file(&marker, b"");
    let again = ground.fleet.client.task_retry(scrub.task_id).await.expect("it may be tried again");
    assert_eq!(ground.fleet.ended(again.id).await.error, None);
    let again = ground.fleet.client.task_retry(refused.task_id).await.expect("it may be tried again");
    assert_eq!(ground.fleet.ended(again.id).await.error, None);
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_backup_is_scrubbed_only_in_the_repository_that_has_it() {
    let ground = Ground::with(|settings| settings.primary = Some("/mnt/vault".into())).await;
    let backup = ground.back_up().await.id;
    let server = ground.fleet.servers[0].id.0;
    let server: Server = ground.fleet.client.record_read("servers", server).await.expect("the server");
    ground.host.add_file("/mnt/other/lost+found", b"");
    let settings = json!({ "settings": { "backup": { "primary": "/mnt/other" } } });
    let changed = ground.fleet.client.record_change::<Server>("servers", server.id.0, server.version, &settings).await;
    changed.expect("it is changed");
    let scrub = ground.fleet.ask::<BackupSpec>(backup, State::Scrub).await;
    let failed = ground.fleet.ended(scrub.task_id).await.error.expect("it fails");
    assert_eq!(failed.code, "backup_kvm_scrub_2309", "{failed:?}");
    // A new one begins a repository there.
    let next = ground.back_up().await;
    assert_eq!(
        (&next.facts["kind"], &next.facts["repository_id"]),
        (&json!("full"), &json!(format!("host-1-{}", next.id)))
    );
    assert!(ground.has(backup));
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_checkpoint_whose_deletion_fails_is_kept_and_said_so() {
    let ground = Ground::new().await;
    let backup = ground.back_up().await.id;
    let down = HostError::Failed {
        host: "host-1".into(),
        program: "virsh".into(),
        line: "virsh checkpoint-delete".into(),
        status: 1,
        stderr: "error: Disconnected from qemu:///system due to end of file".into(),
    };
    ground.host.fail_next(|line| line.contains("checkpoint-delete"), down);
    let asked = ground.fleet.ask::<BackupSpec>(backup, State::Scrub).await;
    let failed = ground.fleet.ended(asked.task_id).await;
    assert!(failed.error.is_some_and(|error| error.text.contains("end of file")));
    assert_eq!(ground.checkpoints(), [names::checkpoint(backup)]);
    let again = ground.fleet.client.task_retry(asked.task_id).await.expect("it may be tried again");
    assert_eq!(ground.fleet.ended(again.id).await.error, None);
    assert!(ground.checkpoints().is_empty());
    ground.fleet.stop().await;
}
