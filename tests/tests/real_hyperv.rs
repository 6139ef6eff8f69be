//! A simulated Hyper-V host behind a real sshd on loopback, with its own keys and port: the transport as it is shipped, up to
//! what a Windows host would run.

use crate::rig::hyperv_ground;
use model::vm::VmSpec;
use model::{ServerType, State, windows};
use std::sync::Arc;
use testkit::fakes::hyperv::{Fault, Hyperv, Power, Process, Side, Sshd, What};
use testkit::fleet::{server, vm};
use testkit::{Fleet, LIMIT, eventually};

async fn fleet() -> (Arc<Hyperv>, Sshd, Fleet) {
    let (host, ground) = hyperv_ground();
    let sshd = Sshd::start(&host);
    let mut spec = server("host-1", ServerType::Hyperv);
    spec.address = sshd.address();
    let mut fleet = Fleet::setup().lease_secs(3).image(ground.image).host(spec, None).ssh(sshd.options()).start().await;
    fleet.work();
    (host, sshd, fleet)
}

#[tokio::test]
async fn real_ssh_a_vm_lives_and_goes_on_a_hyperv_host_behind_sshd() {
    let (host, _sshd, fleet) = fleet().await;
    let built = fleet.create("vm", vm(&fleet.image)).await;
    let (id, name) = (built.resource.id, windows::vm(built.resource.id));
    fleet.reaches::<VmSpec>(id, State::Running).await;
    assert_eq!(host.state(&name), Some(Power::Running));
    fleet.ask::<VmSpec>(id, State::Quiesce).await;
    fleet.reaches::<VmSpec>(id, State::Quiesced).await;
    assert_eq!(host.state(&name), Some(Power::Off));
    fleet.ask::<VmSpec>(id, State::Scrub).await;
    fleet.reaches::<VmSpec>(id, State::Closed).await;
    assert_eq!(host.state(&name), None);
    let own = format!("/{id}/");
    let left: Vec<_> = host.words().into_keys().filter(|path| path.contains(&own)).collect();
    assert!(left.is_empty(), "{left:?}");
    fleet.stop().await;
}

#[tokio::test]
async fn real_ssh_a_build_goes_on_when_the_connection_was_cut() {
    for process in [Process::Dies, Process::Survives] {
        let (host, _sshd, fleet) = fleet().await;
        host.order(Fault::new("New-VM", 1, What::Cut(Side::After, process)));
        host.order(Fault::new("Start-VM", 1, What::Cut(Side::Before, process)));
        let built = fleet.create("vm", vm(&fleet.image)).await;
        fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
        assert!(host.all_happened());
        host.nothing_was_refused();
        let task = fleet.ended(built.task_id).await;
        assert_eq!(task.lost, 0, "the worker was there all the time: {task:?}");
        fleet.stop().await;
    }
}

#[tokio::test]
async fn real_ssh_a_host_with_another_key_is_not_spoken_to() {
    let (host, sshd, fleet) = fleet().await;
    sshd.change_host_key();
    let asked = host.asked();
    let built = fleet.create("vm", vm(&fleet.image)).await;
    eventually(LIMIT, "the task says why", async || {
        let task =
            fleet.client.task(built.task_id, std::time::Duration::ZERO).await.map_err(|error| error.to_string())?;
        let told = format!("{:?}", task.waiting_for);
        if told.contains("Host key verification failed") { Ok(()) } else { Err(told) }
    })
    .await;
    assert_eq!(host.asked(), asked, "nothing was asked");
    fleet.end().await;
}

#[tokio::test]
async fn real_ssh_another_command_line_is_not_run() {
    let (host, ground) = hyperv_ground();
    let sshd = Sshd::start(&host);
    let options = sshd.options();
    let address = sshd.address();
    let (user, place) = address.split_once('@').expect("a user");
    let port = place.rsplit_once(':').expect("a port").1.to_owned();
    let good = hosts::powershell::COMMAND.clone();
    let bad = [
        "whoami".to_owned(),
        good.replace(" -NonInteractive", ""),
        good.replace(" -OutputFormat Text", ""),
        format!("{good}AA"),
        format!("{good} ; whoami"),
        format!("{good} {}", "x".repeat(8192)),
    ];
    for (count, line) in bad.iter().enumerate() {
        let known = format!("UserKnownHostsFile={}", options.known_hosts.as_ref().expect("a file").display());
        let mut ssh = std::process::Command::new("ssh");
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", &known, "-o", "IdentitiesOnly=yes", "-i"]);
        ssh.arg(options.identity.as_ref().expect("a key")).args(["-p", &port, "-l", user, "127.0.0.1", line]);
        let output = ssh.stdin(std::process::Stdio::null()).output().expect("ssh starts");
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert_eq!(host.refused().len(), count + 1, "{line}");
        let clixml = String::from_utf8_lossy(&output.stderr).contains("#< CLIXML");
        assert_eq!(clixml, !line.contains("-OutputFormat Text"), "{line}");
    }
    drop(ground);
}

/// What an operator runs once on a host: by the binary, as they do.
#[tokio::test]
async fn real_ssh_the_binary_probes_a_host_and_writes_its_record() {
    let (host, ground) = hyperv_ground();
    let sshd = Sshd::start(&host);
    let folder = tempfile::tempdir().expect("a folder");
    let probe = |record: &str| {
        let options = sshd.options();
        let path = |path: Option<std::path::PathBuf>| path.expect("a file").display().to_string();
        let output = std::process::Command::new(testkit::roles::binary())
            .args(["--json", "hyperv", "probe", &sshd.address(), "--storage", Hyperv::STORAGE, "--switch", "trunk"])
            .args(["--identity", &path(options.identity), "--known-hosts", &path(options.known_hosts)])
            .args(["--record", record])
            .current_dir(&folder)
            .output()
            .expect("the binary starts");
        // What was found is on stdout; why it failed is stderr's last line.
        let error = output.stderr.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
        let said = if output.status.success() { Some(output.stdout.as_slice()) } else { error };
        let document: serde_json::Value = serde_json::from_slice(said.expect("it says something")).expect("JSON");
        (output.status.code(), document)
    };
    let before = host.words();
    let (code, found) = probe("record.jsonl");
    assert_eq!(code, Some(0), "{found}");
    assert_eq!((&found["differences"], &found["failure"]), (&serde_json::json!([]), &serde_json::Value::Null));
    let record = std::fs::read_to_string(folder.path().join("record.jsonl")).expect("the record is written");
    assert_eq!(record.lines().count() as u64, 1 + found["requests"].as_u64().expect("a number"));
    assert_eq!(host.words(), before, "nothing of the throw-away VM is left");

    // Somebody's VM has the probe's name: it stays, and the record ends there.
    host.add_vm("drover-probe", "of the bookkeeper");
    let (code, failure) = probe("second.jsonl");
    assert_ne!(code, Some(0), "{failure}");
    assert!(failure["detail"].as_str().is_some_and(|detail| detail.contains("not the probe's")), "{failure}");
    assert!(folder.path().join("second.jsonl").exists());

    sshd.change_host_key();
    let (code, failure) = probe("third.jsonl");
    assert_ne!(code, Some(0), "{failure}");
    assert!(failure["detail"].as_str().is_some_and(|detail| detail.contains("Host key verification")), "{failure}");
    assert!(!folder.path().join("third.jsonl").exists(), "nothing was seen");
    drop(ground);
}
