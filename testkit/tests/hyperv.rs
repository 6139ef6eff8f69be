//! The simulated Hyper-V host, asked as a driver asks it.

use commands::hyperv::{adapter, checkpoint, disk, dvd, file, job, vhd, vm};
use hosts::{Command, Effect, Fences, Host, HostError};
use std::sync::Arc;
use std::time::Duration;
use testkit::fakes::hyperv::{Fault, Guests, Hyperv, Pace, Power, Process, Side, What, vhdx};

const FOLDER: &str = r"D:\drover\vms\7";
const ROOT: &str = r"D:\drover\vms\7\root.vhdx";
const DISC: &str = r"D:\drover\vms\7\settings.iso";
const NAME: &str = "drover-7";

struct Asked {
    host: Hyperv,
    session: Arc<dyn Host>,
}

impl Asked {
    fn new() -> Self {
        let host = Hyperv::new("hyperv-1");
        host.add_file(r"D:\images\base.vhdx", &vhdx(1));
        let session = host.session().expect("it has one");
        Self { host, session }
    }

    async fn ask<T>(&self, command: Command<T>) -> Result<T, HostError> {
        let fences = Fences::new(Hyperv::STORAGE);
        let output = self.session.run_under(&fences, &command.invocation).await?;
        Ok((command.read)(&output).unwrap_or_else(|why| panic!("{}: {why}", command.invocation.line())))
    }

    async fn put(&self, path: &str, bytes: &[u8]) {
        self.session.put_under(&Fences::new(Hyperv::STORAGE), path, bytes, 0o600).await.expect("it is put");
    }

    async fn says<T>(&self, command: Command<T>) -> T {
        let line = command.invocation.line();
        self.ask(command).await.unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// What a driver would be told.
    async fn fails<T>(&self, command: Command<T>) -> String {
        let line = command.invocation.line();
        assert!(command.invocation.effect == Effect::Acts, "{line}");
        match self.ask(command).await {
            Ok(_) => panic!("{line} went well"),
            Err(error) => error.to_string(),
        }
    }

    async fn vm(&self) -> vm::Vm {
        self.says(vm::named(NAME)).await.pop().expect("the VM is there")
    }

    /// A VM with one adapter and a disc, off.
    async fn built(&self) -> String {
        self.says(file::make_folder(FOLDER)).await;
        let part = r"D:\drover\vms\7\root.part.vhdx";
        self.says(file::copy(r"D:\images\base.vhdx", part)).await;
        self.says(vhd::reset_identifier(part)).await;
        self.says(file::rename(part, ROOT)).await;
        let new = vm::New { name: NAME, folder: FOLDER, ram_mb: 512, disk: ROOT };
        let id = self.says(vm::make(&new)).await.expect("an identifier");
        self.says(vm::mark(&id, "drover/test/7", FOLDER)).await;
        for old in self.says(adapter::list(&id)).await {
            self.says(adapter::remove(&id, &old.id)).await;
        }
        let nic = self.says(adapter::add(&id, "eth0", "00:15:5d:00:70:00")).await.expect("an identifier");
        self.says(adapter::set_vlan(&id, &nic, 12)).await;
        self.says(adapter::connect(&id, &nic, "trunk")).await;
        self.put(DISC, b"mac 00:15:5d:00:70:00 address 10.1.0.5/24").await;
        self.says(dvd::add(&id, DISC, 63)).await;
        id
    }

    async fn started(&self) -> String {
        let id = self.built().await;
        self.says(vm::start(&id)).await;
        self.host.pass(Duration::from_secs(60));
        id
    }

    /// A checkpoint, for which no driver's request is named here.
    async fn checkpoint(&self, id: &str, name: &str) {
        let args = [("SnapshotName", name.into()), ("Passthru", true.into())];
        let request = cmdlets::Request::call("Get-VM", [("Id", id.into())]).then("Checkpoint-VM", args).props(["Id"]);
        self.says(commands::hyperv::acts(&request)).await;
    }
}

#[tokio::test]
async fn a_vm_lives_from_its_image_to_nothing() {
    let asked = Asked::new();
    let id = asked.started().await;
    let nics = asked.says(adapter::list(&id)).await;
    assert_eq!(
        (nics[0].addresses.as_slice(), nics[0].switch.as_deref()),
        (&["10.1.0.5".to_owned()][..], Some("trunk"))
    );
    assert_eq!(asked.says(vm::pulse(&id)).await.unwrap().heartbeat, "OkApplicationsUnknown");
    asked.says(dvd::eject(&id, DISC)).await;
    // A disc that is in no drive is nobody's.
    asked.session.remove_under(&Fences::new(Hyperv::STORAGE), DISC).await.unwrap();
    assert!(asked.fails(file::remove_tree(FOLDER)).await.contains("being used by another process"));
    asked.says(vm::turn_off(&id)).await;
    asked.says(vm::remove(&id)).await;
    asked.says(file::remove_tree(FOLDER)).await;
    assert_eq!(
        asked.host.words().into_iter().collect::<Vec<_>>(),
        [("D:/drover/vms/".to_owned(), "empty folder".to_owned())]
    );
}

#[tokio::test]
async fn a_cpu_is_only_changed_while_the_vm_is_off() {
    let asked = Asked::new();
    let id = asked.started().await;
    assert!(asked.fails(vm::set_processors(&id, 2)).await.contains("InvalidState"));
    asked.says(vm::set_memory(&id, 1024)).await;
    asked.says(vm::turn_off(&id)).await;
    asked.says(vm::set_processors(&id, 2)).await;
    let vm = asked.vm().await;
    assert_eq!((vm.cpu, vm.ram_mb), (2, 1024));
}

#[tokio::test]
async fn a_guest_shuts_down_in_its_own_time_and_a_deaf_one_in_five_minutes() {
    for (deaf, seconds) in [(false, 10), (true, 300)] {
        let asked = Asked::new();
        asked.host.pace(Pace { tick_ms: 0, ..Pace::default() });
        let id = asked.started().await;
        asked.host.guests(Guests { ignore_shutdown: deaf, ..Guests::default() });
        let job = asked.says(vm::shut_down(&id)).await.expect("a job");
        asked.host.pass(Duration::from_secs(seconds - 1));
        assert_eq!(asked.host.state(NAME), Some(Power::Running));
        assert_eq!(asked.says(job::state(job)).await.as_deref(), Some("Running"));
        asked.host.pass(Duration::from_secs(1));
        assert_eq!(asked.host.state(NAME), Some(Power::Off));
        assert_eq!(asked.says(job::state(job)).await.as_deref(), Some("Completed"));
    }
}

#[tokio::test]
async fn removed_checkpoints_are_merged_in_the_background_and_lose_nothing() {
    let asked = Asked::new();
    asked.host.pace(Pace { tick_ms: 0, ..Pace::default() });
    let id = asked.started().await;
    for (name, block) in [("drover-1", "one"), ("drover-2", "two"), ("drover-3", "three")] {
        asked.host.write(NAME, block, "written");
        asked.checkpoint(&id, name).await;
    }
    asked.host.write(NAME, "last", "written");
    let tree = asked.says(checkpoint::list(&id)).await;
    assert_eq!(tree[2].parent.as_ref(), Some(&tree[1].id));
    // The middle one alone: the third hangs on the first.
    let request = cmdlets::Request::call("Get-VM", [("Id", id.as_str().into())])
        .then("Get-VMSnapshot", [])
        .only("Id", &tree[1].id)
        .then("Remove-VMSnapshot", [("Confirm", false.into())]);
    asked.says(commands::hyperv::acts(&request)).await;
    asked.host.pass(Duration::from_secs(60));
    let now = asked.says(checkpoint::list(&id)).await;
    assert_eq!((now.len(), now[1].parent.as_ref()), (2, Some(&tree[0].id)));
    asked.says(checkpoint::remove_tree(&id, &tree[0].id)).await;
    assert!(asked.says(disk::list(&id)).await[0].path.ends_with(".avhdx"), "it takes time");
    assert!(asked.fails(vhd::resize(ROOT, 2)).await.contains("merged"));
    asked.host.pass(Duration::from_secs(60));
    assert_eq!(asked.says(disk::list(&id)).await[0].path, ROOT);
    for block in ["system", "one", "two", "three", "last"] {
        assert!(asked.host.read(NAME, block).is_some(), "{block} is lost");
    }
    assert!(!asked.host.words().keys().any(|path| path.ends_with("avhdx")), "{:#?}", asked.host.words());
}

#[tokio::test]
async fn a_restore_brings_back_what_was_and_forgets_what_came_after() {
    let asked = Asked::new();
    let id = asked.started().await;
    asked.host.write(NAME, "before", "written");
    asked.checkpoint(&id, "drover-1").await;
    asked.host.write(NAME, "after", "written");
    let request = cmdlets::Request::call("Get-VM", [("Id", id.as_str().into())])
        .then("Get-VMSnapshot", [])
        .only("Name", "drover-1")
        .then("Restore-VMSnapshot", [("Confirm", false.into())]);
    asked.says(commands::hyperv::acts(&request)).await;
    assert_eq!(asked.host.state(NAME), Some(Power::Off), "a production checkpoint comes back off");
    assert_eq!((asked.host.read(NAME, "before").is_some(), asked.host.read(NAME, "after")), (true, None));
}

#[tokio::test]
async fn what_is_not_as_documented_is_not_even_sent() {
    let asked = Asked::new();
    let id = asked.built().await;
    let vm = || cmdlets::Request::call("Get-VM", [("Id", id.as_str().into())]);
    let bad = [
        vm().then("Wait-VM", []),
        vm().then("Set-VMProcessor", [("Cores", 2.into())]),
        vm().then("Stop-VM", [("Force", true.into()), ("X", 1.into())]),
        vm().then("Remove-VM", [("Force", true.into())]),
    ];
    for request in &bad {
        let said = error(asked.ask(commands::hyperv::acts(request)).await);
        assert!(said.contains("is not sent"), "{}: {said}", request.words().join(" "));
    }
    asked.host.nothing_was_refused();
}

#[tokio::test]
async fn what_is_not_simulated_is_refused_and_remembered() {
    let asked = Asked::new();
    asked.host.watch("canary-password");
    let id = asked.built().await;
    asked.host.nothing_was_refused();
    let vm = || cmdlets::Request::call("Get-VM", [("Id", id.as_str().into())]);
    let remove = |path: &str| {
        let args = [("LiteralPath", path.into()), ("Recurse", true.into()), ("Confirm", false.into())];
        cmdlets::Request::call("Remove-Item", args)
    };
    let new = [("Path", r"D:\elsewhere\a.vhdx".into()), ("SizeBytes", (1_u64 << 30).into()), ("Dynamic", true.into())];
    let bad = [
        vm().then("Set-VMProcessor", [("RelativeWeight", 100.into())]),
        vm().then("Set-VM", [("Notes", "canary-password".into())]),
        cmdlets::Request::call("Get-VM", []).props(["Status"]),
        remove(r"C:\Windows"),
        remove(r"D:\drover"),
        remove(r"D:\images\base.vhdx"),
        cmdlets::Request::call("New-VHD", new),
    ];
    for (before, request) in bad.iter().enumerate() {
        let looks = commands::hyperv::looks(request, |_| Ok(()));
        let command = if request.looks() { looks } else { commands::hyperv::acts(request) };
        let said = error(asked.ask(command).await);
        assert!(said.contains("drover.refused"), "{}: {said}", request.words().join(" "));
        assert_eq!(asked.host.refused().len(), before + 1);
    }
}

fn error<T>(result: Result<T, HostError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_cut_before_leaves_nothing_and_a_cut_after_leaves_all() {
    for (side, process, wanted) in
        [(Side::Before, Process::Dies, 1), (Side::Before, Process::Survives, 4), (Side::After, Process::Dies, 4)]
    {
        let asked = Asked::new();
        let id = asked.built().await;
        asked.host.order(Fault::new("Set-VMProcessor", 1, What::Cut(side, process)));
        let cut = asked.ask(vm::set_processors(&id, 4)).await;
        assert!(matches!(cut, Err(HostError::Lost { .. })), "{cut:?}");
        assert_eq!(asked.vm().await.cpu, wanted);
    }
}

#[tokio::test]
async fn text_beside_an_answer_is_no_answer_and_half_a_line_is_none_at_all() {
    let asked = Asked::new();
    let id = asked.built().await;
    asked.host.order(Fault::new("Set-VMProcessor", 1, What::Noise("WARNING: {\"id\"".into())));
    asked.says(vm::set_processors(&id, 2)).await;
    asked.host.order(Fault::new("Set-VMProcessor", 1, What::Torn));
    assert!(asked.ask(vm::set_processors(&id, 4)).await.is_err());
    assert_eq!(asked.vm().await.cpu, 4, "it was done all the same");
}

#[tokio::test]
async fn a_host_without_hyper_v_says_so() {
    let asked = Asked::new();
    asked.host.lack_module(true);
    let said = error(asked.ask(vm::list()).await);
    assert!(said.contains("'Hyper-V' was not loaded"), "{said}");
}

#[tokio::test]
async fn a_smaller_fence_does_nothing_and_a_held_lock_is_waited_for() {
    let asked = Asked::new();
    asked.says(file::make_folder(FOLDER)).await;
    let lock = model::lock::LockName::Resource { id: model::ResourceId(7) };
    let under =
        |fence| Fences::new(Hyperv::STORAGE).with(lock.clone(), model::lock::Mode::Exclusive, model::Fence(fence));
    asked.session.put_under(&under(5), DISC, b"five", 0o600).await.expect("it is put");
    let late = asked.session.put_under(&under(4), DISC, b"four", 0o600).await;
    assert!(matches!(late, Err(HostError::Fenced { .. })), "{late:?}");
    assert_eq!(asked.host.file(DISC).as_deref(), Some(&b"five"[..]));
}

#[tokio::test]
async fn a_full_disk_leaves_what_fitted() {
    let asked = Asked::new();
    asked.says(file::make_folder(FOLDER)).await;
    asked.host.leave_room('D', 1000);
    assert!(asked.fails(file::copy(r"D:\images\base.vhdx", ROOT)).await.contains("not enough space"));
    assert_eq!(asked.host.file(ROOT).map(|bytes| bytes.len()), Some(1000));
}

#[tokio::test]
async fn after_a_reboot_vms_are_as_their_start_action_says() {
    let asked = Asked::new();
    let id = asked.started().await;
    let job = asked.says(vm::shut_down(&id)).await.expect("a job");
    asked.host.reboot();
    assert_eq!(asked.host.state(NAME), Some(Power::Running));
    assert_eq!(asked.says(job::state(job)).await, None, "its PowerShell is gone");
    asked.says(vm::set_start_action(&id, "Nothing")).await;
    asked.host.reboot();
    assert_eq!(asked.host.state(NAME), Some(Power::Off));
}
