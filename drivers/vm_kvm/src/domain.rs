//! A VM as libvirt's XML: pure functions of the record and the plan, with golden files.

use crate::plan::Plan;
use domains::{ActualVolume, NAMESPACE};
use model::image::{Firmware, Image};
use model::vm::Vm;
use model::{Fence, ResourceId, names};
use quick_xml::escape::escape;
use std::fmt::Write;

/// Ports for devices that come while the guest runs; a port cannot be added then.
const HOTPLUG_PORTS: usize = 16;

/// Processors that may be added while the guest runs, for each that it has; libvirt wants the limit beforehand.
const MOST_CPUS_FACTOR: u32 = 4;

pub fn most_cpus(cpu: u32) -> u32 {
    (cpu * MOST_CPUS_FACTOR).min(255)
}

/// The same for ever, so that defining it again changes the domain and makes no other.
fn uuid(vm: ResourceId) -> String {
    format!("64726f76-6572-4000-8000-{:012x}", vm.0)
}

pub fn domain(vm: &Vm, image: &Image, plan: &Plan, volumes: &[ActualVolume], fence: Fence) -> String {
    let spec = &vm.spec;
    let (storage, id) = (plan.storage.as_str(), vm.id);
    let mut devices = String::new();
    // vda is the primary disk whatever the order of the wish: a boot loader counts on it.
    let mut disks: Vec<_> = spec.disks.iter().collect();
    disks.sort_by_key(|disk| !disk.primary);
    for (index, disk) in disks.iter().enumerate() {
        let target = domains::target(index);
        devices.push_str(&match disk.image(id) {
            Some(image) => domains::image(&image, &target, &disk.name, &plan.ceph),
            None => domains::disk(&names::disk(storage, id, &disk.name), &target, &disk.name),
        });
    }
    for volume in volumes {
        devices.push_str(&domains::image(&volume.image, &volume.target, &names::volume_serial(volume.id), &plan.ceph));
    }
    if image.spec.cloud_init {
        let seed = escape(names::seed(storage, id)).into_owned();
        let _ = write!(
            devices,
            "    <disk type='file' device='disk'>\n      <driver name='qemu' type='raw'/>\n      <source file='{seed}'/>\n      \
             <target dev='vdz' bus='virtio'/>\n      <readonly/>\n      <serial>cidata</serial>\n    </disk>\n"
        );
    }
    devices.push_str("    <controller type='pci' model='pcie-root'/>\n");
    devices.push_str(&"    <controller type='pci' model='pcie-root-port'/>\n".repeat(HOTPLUG_PORTS));
    for nic in &spec.nics {
        devices.push_str(&domains::nic(nic.mac.as_deref().unwrap_or_default(), &nic.bridge()));
    }
    let (kind, cpu) = if plan.has_kvm { ("kvm", "  <cpu mode='host-passthrough'/>\n") } else { ("qemu", "") };
    let firmware = if image.spec.firmware == Firmware::Uefi { " firmware='efi'" } else { "" };
    let boot = match &image.spec.direct_boot {
        Some(boot) => format!(
            "    <kernel>{}</kernel>\n    <initrd>{}</initrd>\n    <cmdline>{}</cmdline>\n",
            escape(boot.kernel.as_str()),
            escape(boot.initrd.as_str()),
            escape(boot.cmdline.as_str())
        ),
        None => "    <boot dev='hd'/>\n".to_owned(),
    };
    let log = escape(names::serial_log(storage, id)).into_owned();
    format!(
        "<domain type='{kind}'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  <metadata>\n    \
         <drover:vm xmlns:drover='{NAMESPACE}' resource='{id}' fence='{fence}'/>\n  </metadata>\n  \
         <memory unit='MiB'>{ram}</memory>\n  <vcpu placement='static' current='{cpus}'>{most}</vcpu>\n  \
         <os{firmware}>\n    <type arch='x86_64' machine='q35'>hvm</type>\n{boot}  </os>\n  \
         <features>\n    <acpi/>\n    <apic/>\n  </features>\n{cpu}  <clock offset='utc'/>\n  \
         <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n  <on_crash>destroy</on_crash>\n  \
         <devices>\n{devices}    <serial type='pty'>\n      <log file='{log}' append='on'/>\n      <target type='isa-serial' port='0'/>\n    </serial>\n    \
         <channel type='unix'>\n      <target type='virtio' name='org.qemu.guest_agent.0'/>\n    </channel>\n    \
         <rng model='virtio'>\n      <backend model='random'>/dev/urandom</backend>\n    </rng>\n  </devices>\n</domain>\n",
        name = names::domain(id),
        uuid = uuid(id),
        ram = spec.ram_mb,
        cpus = spec.cpu,
        most = most_cpus(spec.cpu),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;

    #[test]
    fn the_domain_is_as_the_golden_file_says() {
        let (vm, image) = sample::vm();
        let plan = Plan { storage: "/var/lib/drover".into(), has_kvm: false, ceph: Default::default() };
        expect_file!["../golden/domain.xml"].assert_eq(&domain(&vm, &image, &plan, &[], Fence(3)));
    }

    #[test]
    fn what_is_defined_reads_back() {
        let (vm, image) = sample::vm();
        let plan = Plan { storage: "/s".into(), has_kvm: true, ceph: Default::default() };
        let actual = domains::read(&domain(&vm, &image, &plan, &[], Fence(3))).unwrap();
        assert_eq!((actual.resource, actual.cpu, actual.most_cpus, actual.ram_mb), (Some(7), 2, 8, 1024));
        let disks: Vec<_> =
            actual.disks.iter().map(|disk| (disk.name.as_str(), disk.path.as_str(), disk.target.as_str())).collect();
        assert_eq!(disks, [("root", "/s/vms/7/root.qcow2", "vda"), ("data", "/s/vms/7/data.qcow2", "vdb")]);
        assert_eq!(actual.nics, [domains::ActualNic { mac: "52:54:00:00:70:00".into(), bridge: "br-4-web".into() }]);
    }
}
