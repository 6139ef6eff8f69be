//! VMs on a simulated Hyper-V host: each mistake that drivers of such hosts are known for, and what is done instead.

use crate::rig::vm_hyperv_rig;
use base64::{Engine, prelude::BASE64_STANDARD};
use cmdlets::{Problem, Request};
use commands::hyperv::{checkpoint, vm};
use hosts::{Command, Fences, Host};
use model::image::{Firmware, Format, ImageSpec};
use model::secret::Secret;
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, TaskId, windows};
use serde_json::json;
use std::sync::Arc;
use testkit::Fleet;
use testkit::fakes::hyperv::{self, Fault, Guests, Hyperv, Power, Process, Side, What};
use testkit::fleet::{image, server};

const NAME: &str = "drover-1";
const VM: ResourceId = ResourceId(1);

struct House {
    host: Arc<Hyperv>,
    fleet: Fleet,
}

fn vhdx(host: &Hyperv) -> ImageSpec {
    let (bytes, source) = (hyperv::vhdx(1), r"D:\images\tiny.vhdx");
    host.add_file(source, &bytes);
    let (format, firmware) = (Format::Vhdx, Firmware::Uefi);
    ImageSpec { source: source.into(), sha256: hyperv::sha256(&bytes), format, firmware, ..image() }
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ImageSpec)) -> Self {
        let host = Arc::new(Hyperv::new("host-1"));
        let mut image = vhdx(&host);
        change(&mut image);
        let mut spec = server("host-1", ServerType::Hyperv);
        (spec.settings.shutdown_secs, spec.settings.hyperv.first_boot_secs) = (2, 2);
        let mut fleet = Fleet::setup().lease_secs(3).image(image).host(spec, Some(host.clone())).start().await;
        fleet.work();
        Self { host, fleet }
    }

    fn wish(&self) -> VmSpec {
        (vm_hyperv_rig().wish)(&self.fleet, None)
    }

    async fn asked(&self) -> TaskId {
        self.fleet.create("web", self.wish()).await.task_id
    }

    async fn built(&self) {
        self.asked().await;
        self.fleet.reaches::<VmSpec>(VM, State::Running).await;
    }

    async fn goes(&self, ask: State, into: State) {
        self.fleet.ask::<VmSpec>(VM, ask).await;
        self.fleet.reaches::<VmSpec>(VM, into).await;
    }

    /// Somebody's hand on the host.
    async fn by_hand<T>(&self, command: Command<T>) -> T {
        let output = self.host.run_under(&Fences::new(Hyperv::STORAGE), &command.invocation).await.expect("it is done");
        (command.read)(&output).expect("it is read")
    }

    async fn id(&self) -> String {
        self.by_hand(vm::named(NAME)).await.pop().expect("the VM").id
    }

    /// Where the first request of a cmdlet stands among those that acted.
    fn first(&self, cmdlet: &str) -> Option<usize> {
        self.host.transcript().iter().position(|line| line.split(' ').any(|word| word == cmdlet))
    }

    async fn ends(self) {
        self.host.nothing_was_refused();
        self.fleet.stop().await;
    }
}

fn problem() -> Problem {
    serde_json::from_value(json!({
        "error": "OperationFailed,Microsoft.HyperV", "category": "InvalidResult", "type": "VirtualizationException",
        "text": "The guest's own words.",
    }))
    .expect("a problem")
}

/// 1: that a job ended was taken for success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_failed_is_read_and_the_guest_asked_again() {
    let house = House::new().await;
    house.built().await;
    house.host.order(Fault::new("Stop-VM", 1, What::JobFails(problem())));
    house.goes(State::Quiesce, State::Quiesced).await;
    assert_eq!(house.host.state(NAME), Some(Power::Off));
    assert!(house.host.requests().iter().any(|line| line.contains("Receive-Job")), "its error was read");
    house.ends().await;
}

/// 2: a VM that was there was taken for one that was built.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_behind_new_vm_leaves_no_bare_vm() {
    let undisturbed = House::new().await;
    undisturbed.built().await;
    let wanted = undisturbed.host.words();
    undisturbed.ends().await;
    for process in [Process::Dies, Process::Survives] {
        let house = House::new().await;
        house.host.order(Fault::new("New-VM", 1, What::Cut(Side::After, process)));
        house.built().await;
        assert_eq!(house.host.words(), wanted);
        house.ends().await;
    }
}

/// 4: a VM that was gone was taken for one that was removed, with its files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrub_removes_the_folder_of_a_vm_that_is_gone() {
    let house = House::new().await;
    house.built().await;
    house.goes(State::Quiesce, State::Quiesced).await;
    house.by_hand(vm::remove(&house.id().await)).await;
    // A disk that the host cannot read, as a power cut leaves one that was being copied.
    let torn = house.host.folder().join(format!("disk/D/drover/vms/{VM}/more.part.vhdx"));
    std::fs::write(&torn, b"half of it").expect("the VM's folder is there");
    house.goes(State::Scrub, State::Closed).await;
    assert!(!torn.exists());
    let left: Vec<_> = house.host.words().into_keys().filter(|key| key.contains("/vms/1")).collect();
    assert!(left.is_empty(), "{left:#?}");
    house.ends().await;
}

/// 5: disks were removed under checkpoints that were then merged into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrub_merges_first_and_removes_files_last() {
    let house = House::new().await;
    house.built().await;
    let id = house.id().await;
    for name in ["one", "two"] {
        house.by_hand(checkpoint::take(&id, name)).await;
    }
    house.goes(State::Scrub, State::Closed).await;
    let order = ["Remove-VMSnapshot", "Remove-VM", "Remove-Item"].map(|cmdlet| {
        let lines = house.host.transcript();
        lines.iter().rposition(|line| line.split(' ').any(|word| word == cmdlet)).expect(cmdlet)
    });
    assert!(order.is_sorted(), "{order:?}");
    let left: Vec<_> = house.host.words().into_keys().filter(|key| key.contains("/vms/1")).collect();
    assert!(left.is_empty(), "{left:#?}");
    house.ends().await;
}

/// 6: a folder was removed while a disk in it was open on the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_the_host_has_mounted_is_let_go_before_its_folder_is_removed() {
    let house = House::new().await;
    house.built().await;
    house.goes(State::Quiesce, State::Quiesced).await;
    let root = windows::disk(Hyperv::STORAGE, VM, "root");
    house.host.mount(&root);
    house.goes(State::Scrub, State::Closed).await;
    let let_go = house.first("Dismount-VHD").expect("it is let go");
    let removed = house.host.transcript().iter().rposition(|line| line.contains("Remove-Item"));
    assert!(removed.is_some_and(|removed| let_go < removed), "let go first");
    assert!(!house.host.words().keys().any(|key| key.starts_with("mounted")));
    house.ends().await;
}

/// 7 and 8: another file was removed than the one that was meant, and that before it was taken out of the VM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_is_taken_out_before_exactly_its_file_is_removed() {
    let house = House::new().await;
    house.built().await;
    let disk = |name: &str| house.host.file(&windows::disk(Hyperv::STORAGE, VM, name)).is_some();
    assert!(disk("root") && disk("old"));
    let kept = json!([{ "name": "root", "gb": 1, "primary": true }]);
    house.fleet.change::<VmSpec>(VM, json!({ "disks": kept })).await;
    house.fleet.reaches::<VmSpec>(VM, State::Running).await;
    assert!(disk("root") && !disk("old"));
    let lines = house.host.transcript();
    let removed = lines.iter().position(|line| line.contains("Remove-Item") && line.contains(r"\old.vhdx"));
    assert!(house.first("Remove-VMHardDiskDrive").is_some_and(|out| removed.is_some_and(|removed| out < removed)));
    house.ends().await;
}

/// 9: the password was in clear in four places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrators_password_is_in_no_command_line_file_left_behind_or_record_of_a_task() {
    let windows_server = |image: &mut ImageSpec| (image.os, image.cloud_init) = ("win2k22".into(), false);
    let house = House::with(windows_server).await;
    let canary = "Canary-7-password";
    let veiled: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for text in [canary.to_owned(), BASE64_STANDARD.encode(&veiled[..30])] {
        house.host.watch(&text);
    }
    let mut wish = house.wish();
    (wish.userdata, wish.admin_password) = (None, Some(Secret::new(canary)));
    let task = house.fleet.create("web", wish).await.task_id;
    house.fleet.reaches::<VmSpec>(VM, State::Running).await;
    assert!(house.host.told(NAME).is_some(), "the guest has read its answers");
    assert_eq!(house.host.file(&windows::settings_disc(Hyperv::STORAGE, VM)), None);
    let task = house.fleet.client.task(task, Default::default()).await.expect("the task");
    let told = serde_json::to_string(&task).expect("JSON") + &house.host.transcript().concat();
    assert!(!told.contains("Canary"), "{told}");
    house.ends().await;
}

/// 10: what a cmdlet said was dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cmdlet_says_stands_in_the_error() {
    let house = House::new().await;
    house.host.order(Fault::new("Set-VMFirmware", 1, What::Error(Side::Before, problem())));
    house.asked().await;
    let failed = house.fleet.reaches::<VmSpec>(VM, State::Unresourced).await;
    let error = failed.error.expect("an error");
    assert!(error.text.contains("The guest's own words"), "{error:?}");
    house.ends().await;
}

/// 11: a guest without integration services was waited for without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_guest_is_waited_for_no_longer_than_it_may_take() {
    let house = House::new().await;
    house.host.guests(Guests { are_mute: true, ..Guests::default() });
    house.built().await;
    assert_eq!(house.host.file(&windows::settings_disc(Hyperv::STORAGE, VM)), None, "its disc is gone all the same");
    house.ends().await;
}

/// 12: a foreign VM of the right name was destroyed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_of_our_name_without_our_mark_is_never_touched() {
    let house = House::new().await;
    house.host.add_vm(NAME, "the accountants'");
    let others =
        |house: &House| house.host.words().into_iter().filter(|(key, _)| key.starts_with(NAME)).collect::<Vec<_>>();
    let before = others(&house);
    house.asked().await;
    let failed = house.fleet.reaches::<VmSpec>(VM, State::Unresourced).await;
    assert_eq!(failed.error.expect("an error").code, "vm_hyperv_build_2140");
    assert_eq!(others(&house), before, "it was touched");
    house.host.add_vm(NAME, "the gardeners'");
    let before = others(&house);
    house.fleet.ask::<VmSpec>(VM, State::Scrub).await;
    let failed = house.fleet.reaches::<VmSpec>(VM, State::Unresourced).await;
    assert!(failed.error.expect("an error").code.ends_with("_2141"));
    assert_eq!(others(&house), before, "one of them was touched");
    house.ends().await;
}

/// 14: a guest was stopped for every change, and waited for without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_stopped_only_when_it_must_and_then_within_its_limit() {
    let house = House::new().await;
    house.built().await;
    let grown =
        json!([{ "name": "root", "gb": 3, "primary": true }, { "name": "old", "gb": 1 }, { "name": "new", "gb": 1 }]);
    house.fleet.change::<VmSpec>(VM, json!({ "disks": grown, "nics": [{ "segment": "store" }] })).await;
    house.fleet.reaches::<VmSpec>(VM, State::Running).await;
    assert_eq!(house.first("Stop-VM"), None, "{:#?}", house.host.transcript());
    house.host.guests(Guests { ignore_shutdown: true, ..Guests::default() });
    house.fleet.change::<VmSpec>(VM, json!({ "cpu": 2 })).await;
    house.fleet.reaches::<VmSpec>(VM, State::Running).await;
    let lines = house.host.transcript();
    assert!(lines.iter().any(|line| line.contains("Stop-VM") && line.contains("-TurnOff")), "{lines:#?}");
    house.ends().await;
}

/// 15: what removes asked back, which without a person is an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_removes_asks_back() {
    let house = House::new().await;
    house.built().await;
    house.by_hand(checkpoint::take(&house.id().await, "by hand")).await;
    house.goes(State::Scrub, State::Closed).await;
    let mut removers = 0;
    for line in house.host.requests() {
        let request: Request = serde_json::from_str(&line).expect("a request");
        for step in &request.steps {
            let cmdlets::Step::Call { cmd, args } = step else { continue };
            if cmd.starts_with("Remove-") {
                removers += 1;
                assert_eq!(args.get("Confirm"), Some(&false.into()), "{line}");
            }
        }
    }
    assert!(removers > 3, "{removers}");
    house.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_vm_shows_no_drift_and_a_changed_one_does() {
    let house = House::new().await;
    house.built().await;
    let look = async || {
        let asked = house.fleet.client.drift_act(VM, model::drift::DriftPolicy::Report).await.expect("it may be asked");
        house.fleet.ended(asked.task_id.expect("a task")).await;
        house.fleet.client.read::<VmSpec>(VM).await.expect("the VM").drift
    };
    assert_eq!(look().await, None);
    house.host.power(NAME, Power::Off);
    assert_eq!(look().await.expect("it is off").steps, ["power on"]);
    house.by_hand(vm::set_processors(&house.id().await, 4)).await;
    let found = look().await.expect("it has more processors");
    assert_eq!(found.actual, Some(json!({ "cpu": 4, "ram_mb": 256 })), "{found:?}");
    house.ends().await;
}
