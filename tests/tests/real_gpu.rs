//! Devices in the definition of a real domain, and out of it again: a PCI device of this machine by drover; a mediated one, which
//! no machine of the tests has, by hand. None has an IOMMU either, so no guest ever gets a device: what happens while a guest
//! runs is tested on the fake host alone.

use crate::machine::{LIMIT, Machine};
use domains::{Hostdev, hostdev, hostdevs};
use iaas::tenant::Accepted;
use model::device::Device;
use model::gpu::GpuSpec;
use model::image::Image;
use model::task::Task;
use model::vm::VmSpec;
use model::{ResourceId, State, TaskId, names};
use serde_json::json;
use std::io::Write;
use std::time::Duration;
use testkit::real::{self, run, small, tiny};
use testkit::{Fleet, eventually};

async fn ended(fleet: &Fleet, task: TaskId) -> Task {
    eventually(LIMIT, "the task ends", async || match fleet.client.task(task, Duration::ZERO).await {
        Ok(task) if task.status.has_ended() => Ok(task),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// What the next start of the VM would give it.
fn given(vm: ResourceId) -> Vec<Hostdev> {
    let xml = run("virsh", &["-q", "-c", &real::libvirt_uri(), "dumpxml", "--inactive", &names::domain(vm)]);
    hostdevs(&xml).expect("a definition")
}

/// Somebody's hand on the host.
fn by_hand(verb: &str, vm: ResourceId, device: &Hostdev) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(hostdev(device).as_bytes()).expect("it is written");
    let path = file.path().to_str().expect("a plain path");
    run("virsh", &["-q", "-c", &real::libvirt_uri(), verb, &names::domain(vm), path, "--config"]);
}

#[tokio::test]
async fn real_kvm_devices_come_into_a_definition_stay_through_an_update_and_go() {
    // The last one: no bridge to the others.
    let addresses = run("ls", &["/sys/bus/pci/devices"]);
    let Some(device) = addresses.lines().next_back().map(|line| line.parse::<Device>().expect("an address")) else {
        eprintln!("skipped: this machine has no PCI device");
        return;
    };
    let machine = Machine::new();
    let mut server = machine.server();
    let share: Device = "c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21".parse().expect("a uuid");
    server.settings.gpu.devices = vec![device.to_string(), share.to_string()];
    let mut fleet = Fleet::setup().host(server, None).lease_secs(15).start().await;
    fleet.work();
    let image: Image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    let vm: Accepted<VmSpec> = fleet.create("web-1", small(&image, "t6", "10.77.0.8/24")).await;
    let vm = vm.resource.id;
    fleet.reaches::<VmSpec>(vm, State::Running).await;
    machine.says(vm, "drover-guest ready", 1).await;

    // A guest that runs cannot have it here, and the owner is told why.
    let made: Accepted<GpuSpec> = fleet.create("gpu", GpuSpec { vm: Some(vm), device }).await;
    let refused = ended(&fleet, made.task_id).await;
    let has_iommu = std::fs::read_dir("/sys/kernel/iommu_groups").is_ok_and(|mut groups| groups.next().is_some());
    let gpu = made.resource.id;
    if !has_iommu {
        assert_eq!(refused.error.expect("it is refused").code, "gpu_updaterunning_2133");
    }
    let off: Accepted<VmSpec> = fleet.ask(vm, State::Quiesce).await;
    assert_eq!(ended(&fleet, off.task_id).await.error, None);

    let attached: Accepted<GpuSpec> = fleet.change(gpu, json!({ "vm": vm })).await;
    assert_eq!(ended(&fleet, attached.task_id).await.error, None);
    let own = Hostdev { device, gpu: Some(gpu) };
    assert_eq!(given(vm), std::slice::from_ref(&own));
    // drover gives no mediated device that is not there; libvirt defines it all the same.
    let absent: Accepted<GpuSpec> = fleet.create("share", GpuSpec { vm: Some(vm), device: share }).await;
    let refused = ended(&fleet, absent.task_id).await;
    assert_eq!(refused.error.expect("it is refused").code, "gpu_updatequiesced_2130");
    let foreign = Hostdev { device: share, gpu: None };
    by_hand("attach-device", vm, &foreign);
    assert_eq!(given(vm), [own.clone(), foreign.clone()]);
    // The domain is defined anew, and keeps both.
    let changed: Accepted<VmSpec> = fleet.change(vm, json!({ "ram_mb": 256 })).await;
    assert_eq!(ended(&fleet, changed.task_id).await.error, None);
    assert_eq!(given(vm), [own, foreign.clone()]);
    for gpu in [gpu, absent.resource.id] {
        let detached: Accepted<GpuSpec> = fleet.change(gpu, json!({ "vm": null })).await;
        assert_eq!(ended(&fleet, detached.task_id).await.error, None);
    }
    assert_eq!(given(vm), std::slice::from_ref(&foreign));
    by_hand("detach-device", vm, &foreign);
    assert_eq!(given(vm), []);

    fleet.client.record_delete("gpus", absent.resource.id.0).await.expect("no VM has it");
    fleet.client.record_delete("gpus", gpu.0).await.expect("no VM has it");
    let _: Accepted<VmSpec> = fleet.ask(vm, State::Scrub).await;
    fleet.reaches::<VmSpec>(vm, State::Closed).await;
    fleet.stop().await;
    machine.is_as_before();
}
