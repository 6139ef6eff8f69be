//! Mediated devices beside what is in their way: not there, somebody else's, their parent given whole.

use crate::rig::{CARD, SHARE, SPLIT_CARD};
use commands::virsh;
use domains::{Hostdev, hostdev};
use hosts::Host;
use iaas::tenant::Accepted;
use model::gpu::GpuSpec;
use model::server::Server;
use model::task::Task;
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, names};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::fakes::kvm::{self, Kvm, MediatedDevice, PciDevice};
use testkit::fleet::{image, server, vm};
use testkit::{Fleet, LIMIT, eventually};

const URI: &str = "qemu:///system";

/// A VM that runs on a host with two cards, of which one has a mediated device.
struct World {
    kvm: Arc<Kvm>,
    fleet: Fleet,
    vm: ResourceId,
}

fn share() -> MediatedDevice {
    MediatedDevice { type_id: "nvidia-35", parent: SPLIT_CARD.parse().expect("an address"), group: 41 }
}

async fn world() -> World {
    let kvm = Arc::new(Kvm::new("kvm-1"));
    for (address, group) in [(CARD, 30), (SPLIT_CARD, 31)] {
        kvm.add_device(address, PciDevice { class: "0x030000", driver: Some("nvidia"), group: Some(group) });
    }
    kvm.add_mediated(SHARE, share());
    let mut image = image();
    let bytes = kvm::qcow2(1);
    kvm.add_file(&image.source, &bytes);
    image.sha256 = kvm::sha256(&bytes);
    let mut spec = server("kvm-1", ServerType::Kvm);
    spec.settings.gpu.devices = vec!["10de:2204".into(), "nvidia-35".into()];
    let mut fleet = Fleet::setup().image(image).host(spec, Some(kvm.clone())).start().await;
    fleet.work();
    let built: Accepted<VmSpec> = fleet.create("vm", vm(&fleet.image)).await;
    let vm = built.resource.id;
    fleet.reaches::<VmSpec>(vm, State::Running).await;
    World { kvm, fleet, vm }
}

impl World {
    async fn give(&self, device: &str) -> (ResourceId, Task) {
        let spec = GpuSpec { vm: Some(self.vm), device: device.parse().expect("a device") };
        let made: Accepted<GpuSpec> = self.fleet.create("gpu", spec).await;
        (made.resource.id, self.fleet.ended(made.task_id).await)
    }

    async fn change<S: model::resource::Spec>(&self, id: ResourceId, patch: Value) -> Task {
        let asked: Accepted<S> = self.fleet.change(id, patch).await;
        self.fleet.ended(asked.task_id).await
    }

    /// What the VM is given, by its definition and while it runs.
    fn given(&self) -> [usize; 2] {
        let words = self.kvm.words();
        ["kept", "live"].map(|which| {
            let word = words.get(&format!("{}/{which}", names::domain(self.vm)));
            word.map_or(0, |word| word.matches(&format!("given {SHARE}")).count())
        })
    }

    async fn quiesced(&self) {
        let off: Accepted<VmSpec> = self.fleet.ask(self.vm, State::Quiesce).await;
        assert_eq!(self.fleet.ended(off.task_id).await.error, None);
    }

    /// Somebody's hand on the host.
    async fn by_hand(&self, domain: &str) {
        let xml = hostdev(&Hostdev { device: SHARE.parse().expect("a device"), gpu: None });
        self.kvm.run(&virsh::attach_kept(URI, domain, &xml).invocation).await.expect("it is attached");
    }
}

fn refused(task: &Task, number: &str) {
    let error = task.error.as_ref().unwrap_or_else(|| panic!("it was not refused: {task:#?}"));
    assert!(error.code.ends_with(number) && error.text.contains(SHARE), "{error:?}");
}

#[tokio::test]
async fn a_mediated_device_is_given_while_the_host_has_it_and_taken_also_when_it_is_gone() {
    let world = world().await;
    world.kvm.remove_mediated(SHARE);
    let (gpu, task) = world.give(SHARE).await;
    refused(&task, "_2130");
    world.kvm.add_mediated(SHARE, share());
    let again = world.fleet.client.task_retry(task.id).await.expect("it may be tried again");
    assert_eq!(world.fleet.ended(again.id).await.error, None);
    assert_eq!(world.given(), [1, 1]);

    world.quiesced().await;
    world.kvm.remove_mediated(SHARE);
    assert_eq!(world.given(), [1, 0]);
    assert_eq!(world.change::<GpuSpec>(gpu, json!({ "vm": null })).await.error, None);
    assert_eq!(world.given(), [0, 0]);
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_vm_that_does_not_start_without_its_device_gives_it_back_and_starts() {
    let world = world().await;
    let (gpu, task) = world.give(SHARE).await;
    assert_eq!(task.error, None);
    world.quiesced().await;
    world.kvm.remove_mediated(SHARE);
    let restart: Accepted<VmSpec> = world.fleet.ask(world.vm, State::Restart).await;
    let failed = world.fleet.ended(restart.task_id).await;
    assert!(failed.error.as_ref().is_some_and(|error| error.text.contains(SHARE)), "{failed:#?}");
    assert_eq!(world.change::<GpuSpec>(gpu, json!({ "vm": null })).await.error, None);
    assert_eq!(world.given(), [0, 0]);
    let again = world.fleet.client.task_retry(failed.id).await.expect("it may be tried again");
    assert_eq!(world.fleet.ended(again.id).await.error, None);
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_mediated_device_of_another_domain_is_refused() {
    let world = world().await;
    let xml = "<domain type='qemu'><name>other</name><uuid>64726f76-6572-4000-8009-000000000001</uuid>\
               <memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices/></domain>";
    world.kvm.run(&virsh::define(URI, xml).invocation).await.expect("it is defined");
    world.by_hand("other").await;
    let (_, task) = world.give(SHARE).await;
    refused(&task, "_2131");
    assert!(task.error.expect("why").text.contains("domain other"));
    world.kvm.run(&virsh::undefine(URI, "other").invocation).await.expect("it is undefined");
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_card_with_mediated_devices_is_not_given_whole() {
    let world = world().await;
    let (gpu, task) = world.give(SPLIT_CARD).await;
    refused(&task, "_2136");
    world.kvm.remove_mediated(SHARE);
    let again = world.fleet.client.task_retry(task.id).await.expect("it may be tried again");
    assert_eq!(world.fleet.ended(again.id).await.error, None);
    assert_eq!(world.change::<GpuSpec>(gpu, json!({ "vm": null })).await.error, None);
    world.fleet.stop().await;
}

#[tokio::test]
async fn what_was_attached_by_hand_stays_when_the_vm_is_defined_anew() {
    let world = world().await;
    world.quiesced().await;
    world.by_hand(&names::domain(world.vm)).await;
    assert_eq!(world.change::<VmSpec>(world.vm, json!({ "ram_mb": 2048 })).await.error, None);
    assert_eq!(world.given(), [1, 0]);
    world.fleet.stop().await;
}

#[tokio::test]
async fn the_inventory_tells_a_share_from_the_card_it_is_of() {
    let world = world().await;
    eventually(LIMIT, "the worker tells of its devices", async || {
        let servers = world.fleet.client.record_list::<Server>("servers", None).await;
        let servers = servers.map_err(|failure| failure.to_string())?.items;
        let devices = servers.into_iter().filter_map(|server| server.worker).flat_map(|worker| worker.devices);
        let told: Vec<String> = devices
            .map(|it| {
                format!(
                    "{} {} {} {:?} {:?}",
                    it.device,
                    it.id,
                    it.product,
                    it.parent.map(|it| it.to_string()),
                    it.group
                )
            })
            .collect();
        let wanted = [
            format!("{CARD} 10de:2204 GA102 None Some(30)"),
            format!("{SPLIT_CARD} 10de:2204 GA102 None Some(31)"),
            format!("{SHARE} nvidia-35 GA102 Some({SPLIT_CARD:?}) Some(41)"),
        ];
        if told == wanted { Ok(()) } else { Err(format!("{told:#?}")) }
    })
    .await;
    world.fleet.stop().await;
}
