//! Orphans on a simulated Hyper-V host: planted by hand among living things and other people's.

use crate::planted::{Key, done, ended, keys, nobody, orphans, survey};
use crate::rig::hyperv_vm;
use crate::simulated::Ground;
use commands::hyperv::{checkpoint, disk, file, vhd, vm};
use hosts::{Command, Fences, Host};
use iaas::tenant::AskErrand;
use model::errand::{Orphan, Sort};
use model::vm::VmSpec;
use model::{ResourceId, State, windows};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use testkit::fakes::hyperv::{Hyperv, Power};

/// That of the fleets in tests.
const REGION: &str = "test";

/// A host on which somebody plants by hand.
pub struct Plot {
    host: Arc<dyn Host>,
}

impl Plot {
    pub fn on(host: Arc<dyn Host>) -> Self {
        Self { host }
    }

    async fn run<T>(&self, command: Command<T>) -> T {
        let output = self.host.run_under(&Fences::new(Hyperv::STORAGE), &command.invocation).await;
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", command.invocation.line()));
        (command.read)(&output).unwrap_or_else(|why| panic!("{}: {why}", command.invocation.line()))
    }

    async fn put(&self, path: &str) {
        self.host.put(path, &[7; 5000], 0o600).await.expect("it is written");
    }

    async fn id(&self, name: &str) -> String {
        self.run(vm::named(name)).await.pop().expect("the VM is there").id
    }

    /// A VM with a disk of its own in this folder, without a note.
    async fn bare_vm(&self, name: &str, folder: &str) -> String {
        let disk = format!(r"{folder}\root.vhdx");
        self.run(file::make_folder(folder)).await;
        self.run(vhd::make(&disk, 1)).await;
        self.run(vm::make(&vm::New { name, folder, ram_mb: 64, disk: &disk })).await.expect("its identifier")
    }

    pub async fn vm(&self, id: ResourceId, runs: bool) -> Key {
        let (name, folder) = (windows::vm(id), windows::vm_folder(Hyperv::STORAGE, id));
        let vm = self.bare_vm(&name, &folder).await;
        self.run(vm::mark(&vm, &windows::mark(REGION, id), &folder)).await;
        if runs {
            self.run(vm::start(&vm)).await;
        }
        (Sort::Domain, name)
    }

    pub async fn folder(&self, id: ResourceId, files: &[&str]) -> Key {
        let folder = windows::vm_folder(Hyperv::STORAGE, id);
        self.run(file::make_folder(&folder)).await;
        for file in files {
            self.put(&format!(r"{folder}\{file}")).await;
        }
        (Sort::Disk, id.to_string())
    }

    pub async fn export(&self, vm: ResourceId, id: ResourceId, is_whole: bool) -> Key {
        let whole = windows::backup(&windows::backups(Hyperv::STORAGE), vm, id);
        let folder = if is_whole { whole } else { windows::part(&whole) };
        self.put(&format!(r"{folder}\drover-{vm}\Virtual Hard Disks\root.vhdx")).await;
        if is_whole {
            self.put(&format!(r"{folder}\manifest.json")).await;
        }
        (Sort::Backup, format!("primary/{vm}/{}", if is_whole { id.to_string() } else { format!("{id}.part") }))
    }

    pub async fn checkpoint(&self, vm: &str, snapshot: ResourceId) -> Key {
        let name = windows::checkpoint(snapshot);
        self.run(checkpoint::take(&self.id(vm).await, &name)).await;
        (Sort::Checkpoint, format!("{vm}/{name}"))
    }

    /// What is not drover's, however near it is; no survey may name any of it.
    async fn others(&self) {
        let folder = |number| windows::vm_folder(Hyperv::STORAGE, nobody(number));
        // In a folder that could be drover's, of a name that could be.
        self.bare_vm("the gardeners'", &folder(-1)).await;
        let theirs = self.bare_vm("drover-8998", &format!(r"{}\theirs", Hyperv::STORAGE)).await;
        self.run(vm::set_owner(&theirs, "kept for the auditors", "Nothing")).await;
        // Another region's.
        let elsewhere = self.bare_vm("drover-8997", &format!(r"{}\elsewhere", Hyperv::STORAGE)).await;
        self.run(vm::set_owner(&elsewhere, &windows::mark("elsewhere", nobody(-3)), "Nothing")).await;
        self.run(checkpoint::take(&elsewhere, "drover-8996")).await;
        for path in
            [r"vms\notes.txt", r"vms\letters\one.txt", r"backups\photos\2024\cat.jpg", r"backups\12\34\letter.txt"]
        {
            self.put(&format!(r"{}\{path}", Hyperv::STORAGE)).await;
        }
    }
}

/// Forty: VMs, folders, exports and checkpoints.
async fn plant(plot: &Plot, ground: &Ground) -> BTreeSet<Key> {
    let mut planted = BTreeSet::new();
    for number in 0..10 {
        planted.insert(
            plot.folder(
                nobody(number),
                [&["root.vhdx", "settings.iso"][..], &[], &["root.part.vhdx"]][number as usize % 3],
            )
            .await,
        );
        let vm = if number < 5 { ground.vm } else { nobody(number) };
        planted.insert(plot.export(vm, nobody(100 + number), number % 3 > 0).await);
        if number > 0 {
            planted.insert(plot.vm(nobody(200 + number), number < 3).await);
        }
        let on = if number < 8 { ground.name() } else { windows::vm(nobody(200 + number)) };
        planted.insert(plot.checkpoint(&on, nobody(300 + number)).await);
    }
    // One that an attempt was lost over before it was marked.
    let lost = nobody(200);
    plot.bare_vm(&windows::vm(lost), &windows::vm_folder(Hyperv::STORAGE, lost)).await;
    planted.insert((Sort::Domain, windows::vm(lost)));
    planted
}

/// What is on the host, but for the folders of the quarantine themselves, and the power of those that were planted.
fn words(host: &Hyperv) -> BTreeMap<String, String> {
    let mut words = host.words();
    words.retain(|word, what| {
        let is_planted = word.starts_with("drover-9") && word.ends_with("/power");
        let is_emptied = word.contains("/quarantine") && what == "empty folder";
        !is_planted && !is_emptied
    });
    words
}

fn all(orphans: &[Orphan], ask: fn(&Orphan) -> AskErrand) -> Vec<AskErrand> {
    // Checkpoints first: they go with their VM.
    let (first, last): (Vec<_>, Vec<_>) = orphans.iter().partition(|orphan| orphan.found.sort == Sort::Checkpoint);
    first.into_iter().chain(last).map(ask).collect()
}

#[tokio::test]
async fn all_that_was_planted_is_found_and_nothing_else_and_all_of_it_can_go_and_come_back() {
    let ground = Ground::new().await;
    let fleet = &ground.fleet;
    ground.take().await;
    ground.back_up().await;
    let plot = Plot::on(ground.host.clone());
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, [], "before anything was planted");
    plot.others().await;
    ground.by_hand(checkpoint::take(&plot.id(&ground.name()).await, "before the upgrade")).await;
    let before = words(&ground.host);
    let planted = plant(&plot, &ground).await;
    assert_eq!(planted.len(), 40);
    let with_orphans = words(&ground.host);
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "found on the left, planted on the right");

    done(fleet, all(&found, |orphan| AskErrand::Quarantine { orphan: orphan.id })).await;
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "what is in quarantine is found there");
    assert!(found.iter().all(|orphan| orphan.found.aside && orphan.set_aside_at.is_some()), "{found:#?}");
    assert_eq!(ground.host.state("drover-9201"), Some(Power::Off), "what ran is off");
    assert_eq!(ground.host.state(&ground.name()), Some(Power::Running), "a VM with a record is not");
    ground.host.reboot();
    assert_eq!(ground.host.state("drover-9201"), Some(Power::Off), "and stays off");

    done(fleet, all(&found, |orphan| AskErrand::Restore { orphan: orphan.id })).await;
    let restored = words(&ground.host);
    for (word, what) in &with_orphans {
        match word.as_str() {
            // It is marked now.
            "drover-9200/settings" => {
                assert!(restored[word].starts_with(&windows::mark(REGION, nobody(200))), "{}", restored[word])
            }
            _ => assert_eq!(restored.get(word), Some(what), "{word} is as it was"),
        }
    }
    assert_eq!(restored.len(), with_orphans.len());
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert!(found.iter().all(|orphan| !orphan.found.aside), "{found:#?}");

    // What is in its place is not purged, unless it is said to be.
    let refused = fleet.client.errand_ask(&AskErrand::Purge { orphan: found[0].id, now: false }).await;
    assert!(refused.unwrap_err().to_string().contains("not in quarantine"));
    let (now, later) = found.split_at(20);
    done(fleet, all(later, |orphan| AskErrand::Quarantine { orphan: orphan.id })).await;
    done(fleet, all(later, |orphan| AskErrand::Purge { orphan: orphan.id, now: false })).await;
    assert_eq!(keys(&orphans(fleet).await), keys(now));
    done(fleet, all(now, |orphan| AskErrand::Purge { orphan: orphan.id, now: true })).await;
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, []);
    assert_eq!(words(&ground.host), before, "left on the left, as it was before on the right");
    ground.stop().await;
}

#[tokio::test]
async fn what_somebody_removed_changed_or_took_into_use_is_left_alone() {
    let ground = Ground::new().await;
    let fleet = &ground.fleet;
    let plot = Plot::on(ground.host.clone());
    for number in 1..3 {
        plot.vm(nobody(number), false).await;
    }
    let disks = [3, 4].map(|number| windows::disk(Hyperv::STORAGE, nobody(number), "root"));
    for (number, disk) in (3..).zip(&disks) {
        plot.folder(nobody(number), &[]).await;
        plot.run(vhd::make(disk, 1)).await;
    }
    survey(fleet).await;
    let mut found = orphans(fleet).await;
    found.sort_by_key(|orphan| orphan.found.resource);
    plot.run(vm::remove(&plot.id(&windows::vm(nobody(1))).await)).await;
    plot.run(vm::set_owner(&plot.id(&windows::vm(nobody(2))).await, "the gardeners'", "Nothing")).await;
    let other = plot.bare_vm("other", &format!(r"{}\other", Hyperv::STORAGE)).await;
    let above = format!(r"{}\other\above.vhdx", Hyperv::STORAGE);
    plot.run(vhd::make_on(&above, &disks[1])).await;
    plot.run(disk::add(&other, &disks[0], 1)).await;
    plot.run(disk::add(&other, &above, 2)).await;
    let before = words(&ground.host);
    let errands = ended(fleet, all(&found, |orphan| AskErrand::Quarantine { orphan: orphan.id })).await;
    let codes: Vec<_> = errands.iter().map(|errand| errand.error.as_ref().map(|error| error.code.as_str())).collect();
    let wanted = ["2200", "2201", "2202", "2202"].map(|code| format!("errand_quarantine_{code}"));
    assert_eq!(codes, wanted.each_ref().map(|code| Some(code.as_str())));
    assert_eq!(words(&ground.host), before, "something was touched");
    survey(fleet).await;
    // What is left of the first one, without its VM; and what another's disk stands on.
    let left = [1, 4].map(|number| (Sort::Disk, nobody(number).to_string()));
    assert_eq!(keys(&orphans(fleet).await), BTreeSet::from(left));
    ground.stop().await;
}

#[tokio::test]
async fn no_driver_takes_a_vm_in_quarantine_for_its_own() {
    let ground = Ground::new().await;
    let fleet = &ground.fleet;
    let next = ResourceId(ground.vm.0 + 1);
    Plot::on(ground.host.clone()).vm(next, false).await;
    survey(fleet).await;
    let found = orphans(fleet).await;
    done(fleet, all(&found, |orphan| AskErrand::Quarantine { orphan: orphan.id })).await;
    let built = fleet.create("next", hyperv_vm(fleet)).await.resource.id;
    assert_eq!(built, next);
    let failed = fleet.reaches::<VmSpec>(next, State::Unresourced).await;
    assert!(failed.error.expect("an error").code.ends_with("_2140"));
    ground.stop().await;
}
