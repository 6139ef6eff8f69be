//! Backups on a simulated Hyper-V host: what counts as one, what is left of one that did not end, and what comes out of it
//! again.

use crate::planted::ended;
use crate::rig::hyperv_vm;
use crate::simulated::Ground;
use cmdlets::Problem;
use commands::hyperv::file;
use iaas::tenant::{Accepted, AskErrand};
use model::backup::{BackupSpec, Export, Verified};
use model::task::TaskStatus;
use model::vm::VmSpec;
use model::{ResourceId, State, windows};
use testkit::fakes::hyperv::{Fault, Guests, Hyperv, Pace, Power, What};

fn problem(text: &str) -> Problem {
    Problem {
        error: "OperationFailed,Microsoft.HyperV.PowerShell.Commands.ExportVM".into(),
        category: "NotSpecified".into(),
        exception: "VirtualizationException".into(),
        text: text.into(),
    }
}

impl Ground {
    fn manifest(&self, backup: ResourceId) -> Export {
        let bytes = self.host.file(&format!(r"{}\manifest.json", self.path(backup))).expect("a manifest");
        serde_json::from_slice(&bytes).expect("it can be read")
    }

    async fn look_at(&self, backup: ResourceId) -> Verified {
        let acted = self.host.transcript();
        let errand = ended(&self.fleet, [AskErrand::Verify { backup, repository: None }]).await.remove(0);
        assert_eq!(self.host.transcript(), acted, "a verification has touched something");
        errand.verified.unwrap_or_else(|| panic!("{:?}", errand.error))
    }

    /// Changes one byte of a file, at its end.
    async fn damage(&self, path: &str) {
        let mut bytes = self.host.file(path).expect("the file");
        *bytes.last_mut().expect("a byte") ^= 1;
        self.host.overwrite(path, &bytes);
    }

    /// Nothing that was begun is there, and nobody works on it.
    fn nothing_is_unfinished(&self) {
        let left = self.left(".part");
        assert!(left.is_empty(), "{left:#?}");
    }
}

#[tokio::test]
async fn a_backup_is_a_manifest_over_what_was_exported() {
    let ground = Ground::new().await;
    let made = ground.back_up().await;
    let manifest = ground.manifest(made.id);
    let disks: Vec<_> = manifest.disks.iter().map(|disk| (disk.name.as_str(), disk.size >> 30)).collect();
    assert_eq!(disks, [("root", 1), ("data", 1)]);
    for file in &manifest.files {
        let bytes = ground.host.file(&format!(r"{}\{}", ground.path(made.id), file.path)).expect("the file");
        assert_eq!((file.bytes, &file.sha256), (bytes.len() as u64, &testkit::fakes::hyperv::sha256(&bytes)));
    }
    assert_eq!(manifest.files.len(), 4, "{:#?}", manifest.files);
    assert_eq!((&made.facts["kind"], &made.facts["consistency"]), (&"full".into(), &"data".into()));
    assert!(made.facts["chain"].as_array().is_some_and(Vec::is_empty));
    assert!(manifest.valid_until > manifest.made_at);
    assert_eq!(ground.host.state(&ground.name()), Some(Power::Running));
    ground.nothing_is_unfinished();
    ground.stop().await;
}

#[tokio::test]
async fn a_folder_that_is_there_is_no_backup() {
    let ground = Ground::new().await;
    let next = ResourceId(ground.vm.0 + 1);
    // As an export that was cut off leaves it, under either name.
    for folder in [ground.path(next), windows::part(&ground.path(next))] {
        let inside = format!(r"{folder}\{}\Virtual Hard Disks", ground.name());
        ground.by_hand(file::make_folder(&inside)).await;
    }
    let made = ground.back_up().await;
    assert_eq!(made.id, next);
    assert_eq!(ground.manifest(made.id).files.len(), 4);
    assert!(ground.look_at(made.id).await.is_whole());
    ground.nothing_is_unfinished();
    ground.stop().await;
}

#[tokio::test]
async fn a_guest_that_cannot_take_part_is_exported_as_after_a_power_cut_and_the_manifest_says_so() {
    let ground = Ground::new().await;
    ground.host.guests(Guests { refuse_production: true, ..Guests::default() });
    let made = ground.back_up().await;
    assert_eq!(made.facts["consistency"], "crash", "{:?}", made.facts);
    assert!(made.facts["why_crash"].as_str().is_some_and(|why| why.contains("take part")), "{:?}", made.facts);
    assert!(ground.look_at(made.id).await.is_whole());
    ground.stop().await;
}

#[tokio::test]
async fn a_job_that_failed_is_no_backup() {
    let ground = Ground::new().await;
    for _ in 0..2 {
        ground.host.order(Fault::new("Export-VM", 1, What::JobFails(problem("Auf dem Datenträger ist kein Platz."))));
    }
    let asked = ground.ask_backup().await;
    let failed = ground.fleet.reaches::<BackupSpec>(asked.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "backup_hyperv_build_2321", "{error:?}");
    assert!(error.text.contains("kein Platz"), "{error:?}");
    assert!(ground.left("/backups/").iter().all(|key| key.ends_with('/')), "{:#?}", ground.left("/backups/"));
    ground.stop().await;
}

#[tokio::test]
async fn no_room_is_told_before_anything_is_copied() {
    let ground = Ground::new().await;
    ground.host.leave_room('D', 100_000);
    let asked = ground.ask_backup().await;
    let failed = ground.fleet.reaches::<BackupSpec>(asked.resource.id, State::Unresourced).await;
    assert_eq!(failed.error.expect("it says why").code, "backup_hyperv_build_2320");
    assert!(!ground.host.transcript().iter().any(|line| line.contains("Export-VM")));
    ground.nothing_is_unfinished();
    ground.stop().await;
}

#[tokio::test]
async fn a_cancel_ends_the_job_and_takes_all_of_it_back() {
    let ground = Ground::new().await;
    ground.host.pace(Pace { job_ms: 1_000_000_000, ..Pace::default() });
    let asked = ground.ask_backup().await;
    ground.note(asked.task_id, "0 %").await;
    ground.fleet.client.task_cancel(asked.task_id).await.expect("the cancel is accepted");
    let ended = ground.fleet.ended(asked.task_id).await;
    assert_eq!(ended.status, TaskStatus::Cancelled, "{ended:#?}");
    assert!(ground.host.transcript().iter().any(|line| line.contains("Stop-Job")));
    ground.nothing_is_unfinished();
    ground.stop().await;
}

#[tokio::test]
async fn what_a_lost_worker_began_is_waited_for_and_made_anew() {
    let ground = Ground::idle().await;
    ground.host.pace(Pace { job_ms: 150_000, ..Pace::default() });
    let lost = ground.fleet.worker("worker-1", None);
    let asked = ground.ask_backup().await;
    ground.note(asked.task_id, " %").await;
    lost.kill();
    let worker = ground.fleet.worker("worker-2", None);
    ground.note(asked.task_id, "an earlier export").await;
    ground.host.pace(Pace::default());
    let made = ground.fleet.reaches::<BackupSpec>(asked.resource.id, State::Running).await;
    ground.nothing_is_unfinished();
    assert!(ground.look_at(made.id).await.is_whole());
    worker.terminate().await;
    ground.stop().await;
}

#[tokio::test]
async fn a_vm_that_is_off_is_backed_up_without_being_started() {
    let ground = Ground::new().await;
    ground.fleet.ask::<VmSpec>(ground.vm, State::Quiesce).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Quiesced).await;
    let made = ground.back_up().await;
    assert_eq!(made.facts["consistency"], "off");
    assert_eq!(ground.host.state(&ground.name()), Some(Power::Off));
    ground.stop().await;
}

#[tokio::test]
async fn a_scrub_takes_its_own_files_and_the_last_one_the_folder() {
    let ground = Ground::new().await;
    let (first, second) = (ground.back_up().await, ground.back_up().await);
    // Half of it was removed by an attempt that was lost.
    let folder = windows::gone(&ground.path(first.id));
    ground.by_hand(file::make_folder(&format!(r"{folder}\rest"))).await;
    ground.scrub::<BackupSpec>(first.id).await;
    assert!(ground.look_at(second.id).await.is_whole());
    assert!(ground.left("/backups/").iter().all(|key| key.contains(&format!("/{}/{}/", ground.vm, second.id))));
    ground.scrub::<BackupSpec>(second.id).await;
    let left = ground.left("/backups/");
    assert!(!left.iter().any(|key| key.contains(&format!("/backups/{}", ground.vm))), "{left:#?}");
    ground.stop().await;
}

/// A VM out of a backup.
async fn restored(ground: &Ground, backup: ResourceId) -> Accepted<VmSpec> {
    let wish = VmSpec { backup: Some(backup), ..hyperv_vm(&ground.fleet) };
    ground.fleet.create("restored", wish).await
}

#[tokio::test]
async fn what_the_guest_had_written_is_read_by_a_vm_that_is_made_from_it() {
    let ground = Ground::new().await;
    let name = ground.name();
    ground.host.write(&name, "letter", "before the snapshot");
    ground.take().await;
    // The disks stand on the checkpoint's now.
    ground.host.write(&name, "diary", "after the snapshot");
    let backup = ground.back_up().await;
    ground.host.write(&name, "letter", "later");
    let made = restored(&ground, backup.id).await;
    let vm = ground.fleet.reaches::<VmSpec>(made.resource.id, State::Running).await;
    let own = windows::vm(vm.id);
    let read = |block: &str| ground.host.read(&own, block);
    assert_eq!(read("letter").as_deref(), Some("before the snapshot"));
    assert_eq!(read("diary").as_deref(), Some("after the snapshot"));
    // Whole disks of its own, nothing of the original's.
    let folder = windows::vm_folder(Hyperv::STORAGE, vm.id).replace('\\', "/");
    let left = ground.left(&folder);
    assert!(!left.iter().any(|key| key.contains(".avhdx") || key.contains(".part")), "{left:#?}");
    assert!(!ground.left(&format!("{own}/snapshot")).iter().any(|_| true));
    assert!(ground.look_at(backup.id).await.is_whole());
    ground.stop().await;
}

#[tokio::test]
async fn a_plain_disk_comes_back_byte_for_byte_but_for_its_identity() {
    let ground = Ground::new().await;
    ground.host.write(&ground.name(), "letter", "as it was");
    let backup = ground.back_up().await;
    let made = restored(&ground, backup.id).await;
    let vm = ground.fleet.reaches::<VmSpec>(made.resource.id, State::Running).await;
    let manifest = ground.manifest(backup.id);
    for disk in &manifest.disks {
        let kept = ground.host.file(&format!(r"{}\{}", ground.path(backup.id), disk.file)).expect("the export");
        let found = ground.host.file(&windows::disk(Hyperv::STORAGE, vm.id, &disk.name)).expect("the disk");
        assert_eq!(plain(&found), plain(&kept), "{}", disk.name);
        assert_ne!(found, kept, "{} has the original's identity", disk.name);
    }
    ground.stop().await;
}

/// The content of a disk's file without its identity.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.split_once("\"identity\":\"").expect("an identity");
    format!("{head}{}", rest.split_once('"').expect("its end").1)
}

#[tokio::test]
async fn a_damaged_file_is_told_and_nothing_is_made_from_it() {
    let ground = Ground::new().await;
    let (damaged, whole) = (ground.back_up().await, ground.back_up().await);
    let manifest = ground.manifest(damaged.id);
    let file = &manifest.disks[1].file;
    let path = format!(r"{}\{file}", ground.path(damaged.id));
    ground.damage(&path).await;
    let verified = ground.look_at(damaged.id).await;
    let found: Vec<_> = verified.damaged().map(|(backup, file)| (backup, file.name.clone())).collect();
    assert_eq!(found, [(damaged.id, file.clone())]);
    assert!(verified.restorable.is_empty());
    assert!(ground.look_at(whole.id).await.is_whole());

    let made = restored(&ground, damaged.id).await;
    let failed = ground.fleet.reaches::<VmSpec>(made.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "vm_hyperv_build_2305", "{error:?}");
    assert!(error.text.contains(&path), "{error:?}");
    assert_eq!(ground.host.state(&windows::vm(made.resource.id)), None);
    ground.stop().await;
}
