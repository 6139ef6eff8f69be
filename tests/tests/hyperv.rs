//! A Hyper-V host beside a KVM host under one API; what is secret on the way to a guest; what a lost host does to the work.

use crate::rig::hyperv_ground;
use base64::prelude::{BASE64_STANDARD, Engine};
use cmdlets::Problem;
use model::image::Image;
use model::secret::Secret;
use model::vm::{Nic, VmSpec};
use model::{ServerType, State, windows};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::collector::{Collector, Span};
use testkit::fakes::hyperv::{Fault, Power, Process, Side, What};
use testkit::fakes::kvm::{self, Kvm};
use testkit::fleet::{image, server, vm};
use testkit::{Fleet, LIMIT, eventually};

/// The names from the root down to the last command of this program.
fn way(spans: &[Span], command: &str) -> Vec<String> {
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let Some(mut at) = spans.iter().find(|span| span.name == command) else { return Vec::new() };
    let mut names = vec![at.name.clone()];
    while let Some(parent) = by_id.get(at.parent.as_str()) {
        names.push(parent.name.clone());
        at = parent;
    }
    names.reverse();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hyperv_host_and_a_kvm_host_serve_one_api_by_one_dispatcher_with_one_trace_each() {
    let collector = Collector::start().await;
    let guard = service::start("test", &collector.telemetry()).expect("the telemetry starts");
    let (host, ground) = hyperv_ground();
    let kvm = Arc::new(Kvm::new("kvm-1"));
    let mut for_kvm = image();
    let bytes = kvm::qcow2(1);
    (for_kvm.name, for_kvm.sha256) = ("for kvm".into(), kvm::sha256(&bytes));
    kvm.add_file(&for_kvm.source, &bytes);
    let mut fleet = Fleet::setup()
        .lease_secs(3)
        .image(ground.image.clone())
        .host(server("host-1", ServerType::Hyperv), Some(ground.host.clone()))
        .host(server("kvm-1", ServerType::Kvm), Some(kvm.clone()))
        .start()
        .await;
    fleet.work();
    let image: Image = fleet.client.record_create("images", &for_kvm).await.expect("an image");
    let one = fleet.create("on hyperv", vm(&fleet.image)).await;
    let other = fleet.create("on kvm", vm(&image)).await;
    for made in [&one, &other] {
        fleet.reaches::<VmSpec>(made.resource.id, State::Running).await;
    }
    assert_eq!(host.state(&windows::vm(one.resource.id)), Some(Power::Running));
    assert_eq!(kvm.runs(&model::names::domain(other.resource.id)), Some(true));
    let tasks = [fleet.ended(one.task_id).await, fleet.ended(other.task_id).await];
    fleet.stop().await;
    tokio::task::spawn_blocking(move || drop(guard)).await.expect("the exporter ends");
    for (task, kind, command) in [(&tasks[0], "vm_hyperv", "command New-VM"), (&tasks[1], "vm_kvm", "command virsh")] {
        let parent = task.traceparent.clone().expect("the task carries its trace");
        let trace = parent.split('-').nth(1).expect("a W3C context").to_owned();
        let spans = eventually(LIMIT, "the trace arrives", async || {
            let spans = collector.trace(&trace);
            if spans.iter().any(|span| span.name == "settle") { Ok(spans) } else { Err(spans.len()) }
        })
        .await;
        let way = way(&spans, command);
        assert_eq!(way.first().map(String::as_str), Some("POST /v1/vms"), "{way:?}");
        assert!(way.contains(&format!("process {kind}.build")), "{way:?}");
        let roots = spans.iter().filter(|span| !spans.iter().any(|other| other.id == span.parent)).count();
        assert_eq!(roots, 1, "one trace, one root");
    }
}

/// Every form in which a password could be found again.
fn forms(password: &str) -> [Vec<u8>; 4] {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let veiled = BASE64_STANDARD.encode(utf16(&format!("{password}AdministratorPassword")));
    // The last group of three depends on what follows.
    let plain = BASE64_STANDARD.encode(&password.as_bytes()[..password.len() / 3 * 3]);
    [password.as_bytes().to_vec(), utf16(password), veiled.into_bytes(), plain.into_bytes()]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrators_password_is_in_no_request_file_span_or_task() {
    const PASSWORD: &str = "Canary-Wolf-7-Lamb";
    let collector = Collector::start().await;
    let guard = service::start("test", &collector.telemetry()).expect("the telemetry starts");
    let (host, ground) = hyperv_ground();
    host.watch(PASSWORD);
    let mut windows_image = ground.image.clone();
    (windows_image.os, windows_image.cloud_init) = ("win2k22".into(), false);
    let mut fleet = Fleet::setup()
        .lease_secs(3)
        .image(windows_image)
        .host(server("host-1", ServerType::Hyperv), Some(ground.host.clone()))
        .start()
        .await;
    fleet.work();
    let mut wish = vm(&fleet.image);
    wish.admin_password = Some(Secret::new(PASSWORD));
    let built = fleet.create("windows", wish).await;
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    assert!(host.told(&windows::vm(built.resource.id)).is_some(), "the guest has read its settings");
    let tasks = fleet.client.tasks(&Default::default()).await.expect("the tasks");
    fleet.stop().await;
    tokio::task::spawn_blocking(move || drop(guard)).await.expect("the exporter ends");

    host.nothing_was_refused();
    let spans: Vec<String> = collector.spans().iter().map(|span| format!("{span:?}")).collect();
    assert!(spans.iter().any(|span| span.contains("New-VM")), "no span of New-VM");
    let kept = files(host.folder()).into_iter().filter(|file| !file.ends_with("canaries"));
    let left = kept.map(|file| (file.display().to_string(), std::fs::read(file)));
    let left = left.map(|(name, bytes)| (name, bytes.expect("a file")));
    let told = [("the tasks".to_owned(), serde_json::to_vec(&tasks.items).expect("JSON"))];
    let spans = spans.into_iter().map(|span| ("a span".to_owned(), span.into_bytes()));
    for (name, bytes) in left.chain(told).chain(spans) {
        for form in forms(PASSWORD) {
            let found = bytes.windows(form.len()).any(|window| window == form);
            assert!(!found, "{name} holds the password as {}", String::from_utf8_lossy(&form));
        }
    }
}

/// What a host does while a VM is built, and the VM runs all the same.
#[tokio::test]
async fn a_build_goes_on_after_a_reboot_a_cut_and_half_an_answer() {
    let faults = [
        ("New-VM", What::Reboot(Side::After)),
        ("Copy-Item", What::Cut(Side::Before, Process::Survives)),
        ("Set-VM", What::Cut(Side::After, Process::Dies)),
        ("Start-VM", What::Cut(Side::After, Process::Survives)),
        ("Add-VMNetworkAdapter", What::Noise("WARNING: Windows PowerShell".into())),
    ];
    for (cmdlet, what) in faults {
        let (host, ground) = hyperv_ground();
        let mut fleet = ground.fleet().await;
        host.order(Fault::new(cmdlet, 1, what.clone()));
        fleet.work();
        let mut wish = vm(&fleet.image);
        wish.nics = vec![nic()];
        let built = fleet.create("vm", wish).await;
        fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
        assert!(host.all_happened(), "{cmdlet} was not asked for");
        let words = host.words();
        let name = windows::vm(built.resource.id);
        assert_eq!(words[&format!("{name}/power")], "Running", "{cmdlet} {what:?}");
        assert!(!words.keys().any(|path| path.contains(".part")), "{cmdlet} {what:?}: {words:#?}");
        fleet.stop().await;
    }
}

fn nic() -> Nic {
    Nic { segment: "web".into(), segment_id: None, mac: None, addresses: vec!["10.1.0.5/24".into()], gateway: None }
}

/// The text is another language's, the error's name is not.
#[tokio::test]
async fn a_cmdlet_that_fails_is_told_by_its_error_and_is_tried_again_by_the_owner() {
    let (host, ground) = hyperv_ground();
    let problem = Problem {
        error: "OperationFailed,Microsoft.HyperV.PowerShell.Commands.NewVM".into(),
        category: "NotSpecified".into(),
        exception: "Microsoft.HyperV.PowerShell.VirtualizationException".into(),
        text: "Fehler beim Erstellen des virtuellen Computers.".into(),
    };
    host.order(Fault::new("New-VM", 1, What::Error(Side::Before, problem)));
    let mut fleet = ground.fleet().await;
    fleet.work();
    let built = fleet.create("vm", vm(&fleet.image)).await;
    let failed = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert!(error.text.contains("OperationFailed"), "{error:?}");
    fleet.client.task_retry(failed.task_id.expect("the failed task")).await.expect("retry is accepted");
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    host.nothing_was_refused();
    fleet.stop().await;
}

#[tokio::test]
async fn a_vm_of_our_name_that_is_not_ours_is_left_alone() {
    let (host, ground) = hyperv_ground();
    let mut fleet = ground.fleet().await;
    // The first resource of a fleet has the number 1.
    host.add_vm("drover-1", "somebody's");
    let before = host.words();
    fleet.work();
    let built = fleet.create("vm", vm(&fleet.image)).await;
    let failed = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    assert!(failed.error.expect("it says why").text.contains("somebody's"));
    fleet.ask::<VmSpec>(built.resource.id, State::Scrub).await;
    fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let after = host.words();
    for (key, word) in before.iter().filter(|(key, _)| key.starts_with("drover-1/")) {
        assert_eq!(after.get(key), Some(word), "{key}");
    }
    fleet.end().await;
}
