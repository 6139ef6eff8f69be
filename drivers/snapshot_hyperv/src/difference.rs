//! How a VM differs from what it was when a checkpoint was taken, so that a revert is refused before anything is touched.

use commands::hyperv::checkpoint::{self, Hardware};
use errors::Fault;
use hyperv::{Actual, Nic, disks_of};
use lifecycle::Context;
use model::ResourceId;

/// What the VM was.
pub struct Then {
    hardware: Hardware,
    /// Names of its disks.
    disks: Vec<String>,
    nics: Vec<Nic>,
}

/// `vm` and `id` are how Hyper-V knows the VM and the checkpoint.
pub async fn then(cx: &Context, owner: ResourceId, vm: &str, id: &str) -> Result<Then, Fault> {
    let hardware = cx.run(checkpoint::hardware(vm, id)).await?.unwrap_or_default();
    let drives = cx.run(checkpoint::disks(vm, id)).await?;
    let disks = disks_of(cx, owner, drives).await?.into_iter().map(named).collect();
    let mut nics = Vec::new();
    for adapter in cx.run(checkpoint::adapters(vm, id)).await? {
        let vlan = cx.run(checkpoint::vlan(vm, id, &adapter.id)).await?;
        nics.push(Nic { adapter, vlan });
    }
    Ok(Then { hardware, disks, nics })
}

fn named(disk: hyperv::Disk) -> String {
    disk.name.unwrap_or(disk.drive.path)
}

/// What differs in a phrase for people; none when the VM is as it was.
pub fn difference(then: &Then, now: &Actual) -> Option<String> {
    let (disks_then, disks_now) = (sorted(then.disks.iter().cloned()), sorted(now.disks.iter().cloned().map(named)));
    let (nics_then, nics_now) = (sorted(then.nics.iter().map(nic)), sorted(now.nics.iter().map(nic)));
    let (cpu, ram_mb) = (now.vm.cpu, now.vm.ram_mb);
    if disks_then != disks_now {
        Some(format!("it had the disks {} and has {}", list(&disks_then), list(&disks_now)))
    } else if nics_then != nics_now {
        Some(format!("it had the nics {} and has {}", list(&nics_then), list(&nics_now)))
    } else if then.hardware.ram_mb != ram_mb {
        Some(format!("it had {} MB of memory and has {ram_mb}", then.hardware.ram_mb))
    } else if then.hardware.cpu != cpu {
        Some(format!("it had {} processors and has {cpu}", then.hardware.cpu))
    } else {
        None
    }
}

/// Also its VLAN: a VM must not come back on what has become somebody else's segment.
fn nic(nic: &Nic) -> String {
    let vlan = nic.vlan.map_or_else(String::new, |vlan| format!(" with VLAN {vlan}"));
    let mac = nic.adapter.mac.as_deref().unwrap_or("without a mac");
    format!("{mac} on {}{vlan}", nic.adapter.switch.as_deref().unwrap_or("nothing"))
}

fn sorted(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commands::hyperv::adapter::Adapter;
    use commands::hyperv::disk::Drive;
    use commands::hyperv::vm::{State, Vm};
    use hyperv::Disk;

    fn one_nic(vlan: u16) -> Nic {
        let (id, name, mac) = ("a".into(), "nic".into(), Some("00:15:5d:00:70:00".into()));
        Nic {
            adapter: Adapter { id, name, mac, switch: Some("trunk".into()), addresses: Vec::new() },
            vlan: Some(vlan),
        }
    }

    fn disk(name: &str) -> Disk {
        let path = format!(r"D:\drover\vms\7\{name}.vhdx");
        let drive = Drive { path, controller: "SCSI".into(), controller_number: 0, location: 0 };
        Disk { drive, name: Some(name.into()), files: Vec::new(), base: None }
    }

    fn pair() -> (Then, Actual) {
        let vm = Vm {
            id: "6d2c".into(),
            name: "drover-7".into(),
            state: State::Running,
            notes: String::new(),
            path: String::new(),
            generation: 2,
            cpu: 2,
            ram_mb: 1024,
            start_action: String::new(),
            checkpoint_type: "Production".into(),
            parent: None,
        };
        let hardware = Hardware { cpu: 2, ram_mb: 1024, with_memory: false };
        let then = Then { hardware, disks: vec!["root".into(), "data".into()], nics: vec![one_nic(112)] };
        let disks = vec![disk("data"), disk("root")];
        (then, Actual { vm, disks, nics: vec![one_nic(112)], checkpoints: Vec::new() })
    }

    #[test]
    fn a_vm_that_was_not_changed_is_as_it_was_whatever_the_order() {
        let (then, now) = pair();
        assert_eq!(difference(&then, &now), None);
    }

    #[test]
    fn every_change_of_its_hardware_is_told() {
        let changed = |change: fn(&mut Actual)| {
            let (then, mut now) = pair();
            change(&mut now);
            difference(&then, &now).unwrap()
        };
        assert_eq!(changed(|now| drop(now.disks.remove(0))), "it had the disks data, root and has root");
        let nics =
            "it had the nics 00:15:5d:00:70:00 on trunk with VLAN 112 and has 00:15:5d:00:70:00 on trunk with VLAN 113";
        assert_eq!(changed(|now| now.nics = vec![one_nic(113)]), nics);
        assert_eq!(changed(|now| now.vm.ram_mb = 512), "it had 1024 MB of memory and has 512");
        assert_eq!(changed(|now| now.vm.cpu = 3), "it had 2 processors and has 3");
    }
}
