//! Real guests on real libvirt and QEMU, built, changed, shut down and scrubbed; the host is as before afterwards.

use crate::machine::{LIMIT, Machine, bridge};
use iaas::tenant::Accepted;
use model::image::Image;
use model::server::ServerSpec;
use model::task::Task;
use model::vm::VmSpec;
use model::{ResourceId, State, names};
use serde_json::json;
use std::time::Duration;
use testkit::real::{self, run, small, tiny};
use testkit::{Fleet, eventually};

const GB: u64 = 1 << 30;

/// A fleet with one KVM server, and the host as it was before.
pub struct Ground {
    pub fleet: Fleet,
    pub image: Image,
    pub machine: Machine,
}

pub async fn ground(change: impl FnOnce(&mut ServerSpec), ssh: hosts::ssh::SshOptions) -> Ground {
    let machine = Machine::new();
    let mut kvm = machine.server();
    change(&mut kvm);
    let mut fleet = Fleet::setup().host(kvm, None).lease_secs(15).ssh(ssh).start().await;
    fleet.work();
    let image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    Ground { fleet, image, machine }
}

impl Ground {
    pub fn wish(&self, segment: &str, address: &str) -> VmSpec {
        small(&self.image, segment, address)
    }

    pub async fn build(&self, name: &str, wish: VmSpec) -> ResourceId {
        let built: Accepted<VmSpec> = self.fleet.create(name, wish).await;
        self.succeeds(built.task_id).await;
        built.resource.id
    }

    pub async fn succeeds(&self, task: model::TaskId) -> Task {
        let task =
            eventually(LIMIT, "the task ends", async || match self.fleet.client.task(task, Duration::ZERO).await {
                Ok(task) if task.status.has_ended() => Ok(task),
                other => Err(format!("{other:?}")),
            })
            .await;
        assert_eq!(task.error, None, "{task:#?}");
        task
    }

    pub async fn ask(&self, vm: ResourceId, state: State) -> Task {
        let asked: Accepted<VmSpec> = self.fleet.ask(vm, state).await;
        self.succeeds(asked.task_id).await
    }

    async fn change(&self, vm: ResourceId, patch: serde_json::Value) -> Task {
        let changed: Accepted<VmSpec> = self.fleet.change(vm, patch).await;
        self.succeeds(changed.task_id).await
    }

    pub async fn says(&self, vm: ResourceId, what: &str, times: usize) {
        self.machine.says(vm, what, times).await;
    }

    pub async fn scrub(&self, vm: ResourceId) {
        self.ask(vm, State::Scrub).await;
        eventually(LIMIT, "the VM is closed", async || {
            let vm = self.fleet.client.read::<VmSpec>(vm).await.map_err(|failure| failure.to_string())?;
            if vm.state == State::Closed { Ok(()) } else { Err(format!("{} {:?}", vm.state, vm.error)) }
        })
        .await;
    }

    pub async fn end(self) {
        self.fleet.stop().await;
        self.machine.is_as_before();
    }
}

fn ping(segment: &str, address: &str) {
    let bridge = bridge(segment);
    run("ip", &["address", "replace", "10.77.0.1/24", "dev", &bridge]);
    run("ping", &["-c", "1", "-W", "20", "-I", &bridge, address]);
}

#[tokio::test]
async fn real_kvm_a_guest_is_built_changed_while_it_runs_shut_down_and_scrubbed() {
    let ground = ground(|_| (), Default::default()).await;
    let vm = ground.build("web-1", ground.wish("t1", "10.77.0.5/24")).await;
    ground.says(vm, "drover-guest hostname=web-1", 1).await;
    ground.says(vm, " 10.77.0.5/24", 1).await;
    ground.says(vm, "drover-guest ready", 1).await;
    ping("t1", "10.77.0.5");
    ground.says(vm, &format!("disk=vda {GB}"), 1).await;

    let grown = ground
        .change(
            vm,
            json!({ "disks": [{ "name": "root", "gb": 2, "primary": true }, { "name": "data", "gb": 1 }], "cpu": 2 }),
        )
        .await;
    ground.says(vm, &format!("disk=vda {}", 2 * GB), 1).await;
    // The seed is vdb.
    ground.says(vm, &format!("disk=vdc {GB}"), 1).await;
    assert!(!grown.steps.iter().any(|step| step.name == "power off"), "it was stopped: {:#?}", grown.steps);
    ground.says(vm, "drover-guest ready", 1).await;

    ground.change(vm, json!({ "disks": [{ "name": "root", "gb": 2, "primary": true }] })).await;
    assert!(!std::fs::exists(names::disk(&ground.machine.storage(), vm, "data")).expect("the folder"));

    let off = ground.ask(vm, State::Quiesce).await;
    assert_eq!(off.steps.iter().find(|step| step.name == "power off").and_then(|step| step.note.clone()), None);
    ground.says(vm, "drover-guest off", 1).await;
    ground.change(vm, json!({ "ram_mb": 256 })).await;
    ground.ask(vm, State::Restart).await;
    ground.says(vm, "drover-guest ready", 2).await;
    ground.scrub(vm).await;
    ground.end().await;
}

#[tokio::test]
async fn real_kvm_a_guest_that_ignores_its_power_button_is_turned_off_all_the_same() {
    let ground = ground(|kvm| kvm.settings.shutdown_secs = 7, Default::default()).await;
    let mut wish = ground.wish("t2", "10.77.0.6/24");
    wish.userdata = Some("#cloud-config\nignore-acpi: true\n".into());
    let vm = ground.build("stubborn", wish).await;
    ground.says(vm, "drover-guest acpi=ignored", 1).await;
    let off = ground.ask(vm, State::Quiesce).await;
    let note = off.steps.iter().find(|step| step.name == "power off").and_then(|step| step.note.clone());
    assert!(note.is_some_and(|note| note.contains("pulling the plug")), "{:#?}", off.steps);
    ground.scrub(vm).await;
    ground.end().await;
}

#[tokio::test]
async fn real_kvm_a_guest_is_built_over_ssh_and_a_wrong_checksum_is_refused_with_nothing_left() {
    let sshd = real::sshd();
    let address = sshd.address.clone();
    let ground = ground(|kvm| kvm.address = address, sshd.options()).await;
    let vm = ground.build("far", ground.wish("t3", "10.77.0.7/24")).await;
    ground.says(vm, "drover-guest hostname=far", 1).await;
    ground.scrub(vm).await;

    let mut wrong = ground.image.spec.clone();
    (wrong.name, wrong.sha256) = ("wrong".into(), "0".repeat(64));
    let wrong: Image = ground.fleet.client.record_create("images", &wrong).await.expect("an image");
    let mut wish = ground.wish("t3", "10.77.0.8/24");
    wish.image = wrong.id;
    let refused: Accepted<VmSpec> = ground.fleet.create("refused", wish).await;
    let failed = ground.fleet.reaches::<VmSpec>(refused.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "vm_kvm_build_2101", "{error:?}");
    ground.scrub(failed.id).await;
    ground.end().await;
}
