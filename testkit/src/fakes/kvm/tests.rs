//! The fake keeps what it is told, fails when it is told to, and refuses what it does not know.

use super::*;
use commands::virsh::State;
use commands::{curl, files, ip, qemu_img as disks, virsh as domains};
use hosts::Command;

const URI: &str = "qemu:///system";
const FOLDER: &str = "/s/vms/7";

const DOMAIN: &str = "<domain type='qemu'><name>drover-7</name><uuid>64726f76-6572-4000-8000-000000000007</uuid>\
<memory unit='MiB'>256</memory><vcpu current='1'>4</vcpu><os><type machine='q35'>hvm</type></os><devices>\
<disk type='file'><source file='/s/vms/7/root.qcow2'/><target dev='vda'/><serial>root</serial></disk>\
<interface type='bridge'><mac address='52:54:00:00:70:00'/><source bridge='br-web'/></interface>\
<serial type='pty'><log file='/s/vms/7/serial.log'/></serial></devices></domain>";

async fn ask<T>(host: &Kvm, command: Command<T>) -> Result<T, HostError> {
    let Command { invocation, read } = command;
    let output = host.run(&invocation).await?;
    Ok(read(&output).unwrap_or_else(|reason| panic!("{invocation:?}: {reason}")))
}

async fn does<T>(host: &Kvm, command: Command<T>) -> T {
    ask(host, command).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A host with one guest that runs.
async fn built() -> Kvm {
    let host = Kvm::new("kvm-1");
    host.add_file("/images/debian", &qcow2(2));
    does(&host, files::make_folder(FOLDER)).await;
    let root = format!("{FOLDER}/root.qcow2");
    does(&host, disks::create_overlay(&format!("{root}.part"), "/images/debian", "qcow2", 4)).await;
    does(&host, files::rename(&format!("{root}.part"), &root)).await;
    does(&host, domains::define(URI, DOMAIN)).await;
    does(&host, ip::add_bridge("br-web")).await;
    does(&host, ip::claim("br-web")).await;
    does(&host, ip::up("br-web")).await;
    does(&host, domains::set_autostart(URI, "drover-7", true)).await;
    does(&host, domains::start(URI, "drover-7")).await;
    host
}

fn broken() -> HostError {
    HostError::Unreachable { host: "kvm-1".into(), reason: "broken for the test".into() }
}

#[tokio::test]
async fn what_is_built_is_there_and_what_is_scrubbed_is_not() {
    let host = built().await;
    assert_eq!(does(&host, domains::state(URI, "drover-7")).await, Some(State::Running));
    assert_eq!(does(&host, domains::info(URI, "drover-7")).await.map(|info| info.autostart), Some(true));
    assert_eq!(does(&host, ip::ports("br-web")).await, 1);
    let disk = does(&host, disks::info(&format!("{FOLDER}/root.qcow2"))).await.unwrap();
    assert_eq!((disk.bytes, disk.backing.as_deref()), (4 * disks::GB, Some("/images/debian")));
    let words = host.words();
    assert_eq!(words["drover-7/live"], "1 of 4 cpus, 262144 KiB, vda /s/vms/7/root.qcow2, nic on br-web");
    assert_eq!(words["/s/vms/7/serial.log"], "0 bytes, mode 600");
    assert_eq!(words["bridge br-web"], "up, drover");
    assert_eq!(host.mode(FOLDER), Some(0o711));

    does(&host, domains::destroy(URI, "drover-7")).await;
    does(&host, domains::undefine(URI, "drover-7")).await;
    for name in does(&host, files::list(FOLDER)).await {
        host.remove(&format!("{FOLDER}/{name}")).await.unwrap();
    }
    host.remove(FOLDER).await.unwrap();
    does(&host, ip::delete_bridge("br-web")).await;
    assert_eq!(host.left(), Left { files: vec!["/s/vms/".into()], ..Left::default() });
    host.remove("/s/vms").await.unwrap();
    host.remove("/s").await.unwrap();
    assert!(host.left().is_empty(), "{:?}", host.left());
}

#[tokio::test]
async fn a_guest_takes_its_time_to_shut_down_or_ignores_the_button() {
    let host = built().await;
    host.shut_down_after(2);
    does(&host, domains::shutdown(URI, "drover-7")).await;
    for wanted in [State::Running, State::Running, State::ShutOff] {
        assert_eq!(does(&host, domains::state(URI, "drover-7")).await, Some(wanted));
    }
    does(&host, domains::start(URI, "drover-7")).await;
    host.ignore_acpi(true);
    does(&host, domains::shutdown(URI, "drover-7")).await;
    assert_eq!(does(&host, domains::state(URI, "drover-7")).await, Some(State::Running));
    host.power_off("drover-7");
    assert_eq!((host.runs("drover-7"), host.runs("drover-8")), (Some(false), None));
}

#[tokio::test]
async fn what_runs_and_what_is_kept_are_two_things() {
    let host = built().await;
    let smaller = DOMAIN.replace("current='1'", "current='3'");
    does(&host, domains::define(URI, &smaller)).await;
    let words = host.words();
    assert!(words["drover-7/live"].starts_with("1 of 4") && words["drover-7/kept"].starts_with("3 of 4"), "{words:?}");
    does(&host, domains::undefine(URI, "drover-7")).await;
    assert_eq!(host.runs("drover-7"), Some(true), "a transient guest runs on");
    does(&host, domains::destroy(URI, "drover-7")).await;
    assert_eq!(does(&host, domains::state(URI, "drover-7")).await, None);
}

#[tokio::test]
async fn it_fails_where_it_is_told_to_and_nothing_was_done() {
    let host = built().await;
    host.fail_at(2, broken());
    does(&host, domains::shutdown(URI, "drover-7")).await;
    does(&host, domains::state(URI, "drover-7")).await;
    assert!(ask(&host, domains::destroy(URI, "drover-7")).await.is_err());
    host.fail_next(|line| line.contains(" undefine "), broken());
    assert!(ask(&host, domains::undefine(URI, "drover-7")).await.is_err());
    assert_eq!(host.runs("drover-7"), Some(false));
    host.fail_next(|line| line.starts_with("write /s/seed"), broken());
    assert!(host.put("/s/seed", b"secret", 0o600).await.is_err());
    host.put("/s/seed", b"secret", 0o600).await.unwrap();
    assert_eq!((host.file("/s/seed"), host.mode("/s/seed")), (Some(b"secret".to_vec()), Some(0o600)));
    host.unreachable(Some("no route"));
    assert!(matches!(host.get("/s/seed").await, Err(HostError::Unreachable { reason, .. }) if reason == "no route"));
    host.unreachable(None);
    assert_eq!(host.get("/s/seed").await.unwrap(), Some(b"secret".to_vec()));
    let transcript = host.transcript();
    let wanted = [
        "virsh -q -c qemu:///system shutdown drover-7 --mode acpi",
        "! virsh -q -c qemu:///system destroy drover-7",
        "! virsh -q -c qemu:///system undefine drover-7 --managed-save --snapshots-metadata --checkpoints-metadata --nvram",
        "! write /s/seed (6 bytes, mode 600)",
        "write /s/seed (6 bytes, mode 600)",
    ];
    assert_eq!(transcript[transcript.len() - wanted.len()..], wanted);
}

#[tokio::test]
async fn an_image_is_fetched_from_where_it_is_served() {
    let host = Kvm::new("kvm-1");
    let url = "https://user:canary@images/a\"b\\c";
    host.serve(url, &qcow2(1));
    does(&host, files::make_folder("/images")).await;
    does(&host, curl::fetch(url, "/images/1")).await;
    assert!(does(&host, files::sha256("/images/1")).await.is_some());
    assert_eq!(ask(&host, curl::fetch("https://images/none", "/images/2")).await.unwrap_err().status(), Some(22));
    assert!(host.transcript().iter().all(|line| !line.contains("canary")), "{:?}", host.transcript());
}

#[tokio::test]
#[should_panic(expected = "does not know: virsh -q -c qemu:///system reboot drover-7")]
async fn a_command_that_it_does_not_know_ends_the_test() {
    let unknown = Invocation::acts(["virsh", "-q", "-c", URI, "reboot", "drover-7"]);
    let _ = Kvm::new("kvm-1").run(&unknown).await;
}

#[tokio::test]
#[should_panic(expected = "ip link add name br-web type bridge")]
async fn a_command_that_acts_and_says_that_it_looks_ends_the_test() {
    let sly = Invocation::looks(["ip", "link", "add", "name", "br-web", "type", "bridge"]);
    let _ = Kvm::new("kvm-1").run(&sly).await;
}

#[tokio::test]
async fn a_mediated_device_is_there_and_has_one_guest() {
    let host = built().await;
    let uuid = "c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21";
    let xml = format!(
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='{uuid}'/></source></hostdev>"
    );
    let is = |word: &'static str| move |error: HostError| assert!(error.to_string().contains(word), "{error}");
    // A definition may name what is not there; a guest cannot have it.
    does(&host, domains::attach_kept(URI, "drover-7", &xml)).await;
    ask(&host, domains::attach_kept(URI, "drover-7", &xml)).await.map_err(is("already in the domain")).unwrap_err();
    does(&host, domains::destroy(URI, "drover-7")).await;
    ask(&host, domains::start(URI, "drover-7")).await.map_err(is("not found")).unwrap_err();
    let parent = "0000:65:00.0".parse().unwrap();
    host.add_mediated(uuid, MediatedDevice { type_id: "nvidia-35", parent, group: 41 });
    does(&host, domains::start(URI, "drover-7")).await;

    let names = does(&host, domains::nodedev::mediated::names(URI)).await;
    let found = does(&host, domains::nodedev::mediated::named(URI, &names[0])).await.unwrap();
    assert_eq!((found.uuid.to_string().as_str(), found.type_id.as_str()), (uuid, "nvidia-35"));
    assert_eq!((found.parent, found.group), (Some(parent), Some(41)));

    let other = "<domain type='qemu'><name>other</name><uuid>64726f76-6572-4000-8000-000000000008</uuid>\
                 <memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices/></domain>";
    does(&host, domains::define(URI, other)).await;
    does(&host, domains::start(URI, "other")).await;
    ask(&host, domains::attach(URI, "other", &xml))
        .await
        .map_err(is("in use by driver QEMU, domain drover-7"))
        .unwrap_err();
    does(&host, domains::detach(URI, "drover-7", &xml)).await;
    does(&host, domains::attach(URI, "other", &xml)).await;
}
