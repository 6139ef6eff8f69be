//! A device of this machine in the definition of a real domain, and out of it again. No machine of the tests has an IOMMU, so no
//! guest ever gets it: what happens while a guest runs is tested on the fake host alone.

use crate::machine::{LIMIT, Machine};
use iaas::tenant::Accepted;
use model::gpu::GpuSpec;
use model::image::Image;
use model::task::Task;
use model::vm::VmSpec;
use model::{ResourceId, State, TaskId, names};
use serde_json::json;
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

/// How often the next start of the VM would give it a device.
fn given(vm: ResourceId) -> usize {
    let xml = run("virsh", &["-q", "-c", &real::libvirt_uri(), "dumpxml", "--inactive", &names::domain(vm)]);
    xml.matches("<hostdev ").count()
}

#[tokio::test]
async fn real_kvm_a_device_comes_into_a_definition_stays_through_an_update_and_goes() {
    // The last one: no bridge to the others.
    let addresses = run("ls", &["/sys/bus/pci/devices"]);
    let Some(device) = addresses.lines().next_back().map(str::to_owned) else {
        eprintln!("skipped: this machine has no PCI device");
        return;
    };
    let machine = Machine::new();
    let mut server = machine.server();
    server.settings.gpu.devices = vec![device.clone()];
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
    assert_eq!(given(vm), 1);
    // The domain is defined anew, and keeps it.
    let changed: Accepted<VmSpec> = fleet.change(vm, json!({ "ram_mb": 256 })).await;
    assert_eq!(ended(&fleet, changed.task_id).await.error, None);
    assert_eq!(given(vm), 1);
    let detached: Accepted<GpuSpec> = fleet.change(gpu, json!({ "vm": null })).await;
    assert_eq!(ended(&fleet, detached.task_id).await.error, None);
    assert_eq!(given(vm), 0);

    fleet.client.record_delete("gpus", gpu.0).await.expect("no VM has it");
    let _: Accepted<VmSpec> = fleet.ask(vm, State::Scrub).await;
    fleet.reaches::<VmSpec>(vm, State::Closed).await;
    fleet.stop().await;
    machine.is_as_before();
}
