//! How a VM differs from what it was: a pure function, so that a revert is refused before anything is touched.

use domains::{Actual, ActualDisk, ActualNic};

/// What differs in a phrase for people; none when the VM is as it was. The sizes of its disks may differ: a disk that has
/// grown since is grown again. Volumes and devices count for a snapshot whose definition comes back too: it would take away what
/// the VM was given since, and give what others have now.
pub fn difference(then: &Actual, now: &Actual, whole: bool) -> Option<String> {
    let disk = |disk: &ActualDisk| (disk.name.clone(), disk.path.clone());
    let nic = |nic: &ActualNic| format!("{} on {}", nic.mac, nic.bridge);
    let (disks_then, disks_now) = (sorted(&then.disks, disk), sorted(&now.disks, disk));
    let volumes = |vm: &Actual| sorted(&vm.volumes, |volume| volume.id.to_string());
    let devices = |vm: &Actual| sorted(&vm.devices, ToString::to_string);
    let (devices_then, devices_now) = (devices(then), devices(now));
    let (volumes_then, volumes_now) = (volumes(then), volumes(now));
    let (nics_then, nics_now) = (sorted(&then.nics, nic), sorted(&now.nics, nic));
    let names = |disks: &[(String, String)]| list(disks.iter().map(|(name, _)| name.clone()));
    if disks_then != disks_now {
        Some(format!("it had the disks {} and has {}", names(&disks_then), names(&disks_now)))
    } else if whole && volumes_then != volumes_now {
        Some(format!("it had the volumes {} and has {}", list(volumes_then), list(volumes_now)))
    } else if whole && devices_then != devices_now {
        Some(format!("it had the devices {} and has {}", list(devices_then), list(devices_now)))
    } else if nics_then != nics_now {
        Some(format!("it had the nics {} and has {}", list(nics_then), list(nics_now)))
    } else if then.ram_mb != now.ram_mb {
        Some(format!("it had {} MB of memory and has {}", then.ram_mb, now.ram_mb))
    } else if (then.cpu, then.most_cpus) != (now.cpu, now.most_cpus) {
        Some(format!("it had {} of {} processors and has {} of {}", then.cpu, then.most_cpus, now.cpu, now.most_cpus))
    } else {
        None
    }
}

fn sorted<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<K> {
    let mut keys: Vec<K> = items.iter().map(key).collect();
    keys.sort();
    keys
}

fn list(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domains::ActualVolume;
    use model::ResourceId;

    fn vm() -> Actual {
        let disk = |name: &str, target: &str| ActualDisk {
            name: name.into(),
            path: format!("/s/vms/7/{name}.qcow2"),
            target: target.into(),
            is_image: false,
        };
        Actual {
            resource: Some(7),
            cpu: 2,
            most_cpus: 8,
            ram_mb: 1024,
            disks: vec![disk("root", "vda"), disk("data", "vdb")],
            nics: vec![ActualNic { mac: "52:54:00:00:70:00".into(), bridge: "br-1".into() }],
            volumes: Vec::new(),
            hostdevs: Vec::new(),
            devices: Vec::new(),
        }
    }

    #[test]
    fn a_vm_that_was_not_changed_is_as_it_was_whatever_the_order() {
        let mut now = vm();
        now.disks.reverse();
        assert_eq!(difference(&vm(), &now, true), None);
    }

    #[test]
    fn every_change_of_its_hardware_is_told() {
        let changed = |change: fn(&mut Actual)| {
            let mut now = vm();
            change(&mut now);
            difference(&vm(), &now, true).unwrap()
        };
        assert_eq!(changed(|vm| drop(vm.disks.pop())), "it had the disks data, root and has root");
        assert_eq!(changed(|vm| vm.nics.clear()), "it had the nics 52:54:00:00:70:00 on br-1 and has none");
        let volume = ActualVolume { id: ResourceId(9), image: "p/drover-volume-9".into(), target: "vdaa".into() };
        let mut now = vm();
        now.volumes.push(volume);
        assert_eq!(difference(&vm(), &now, true).unwrap(), "it had the volumes none and has 9");
        assert_eq!(difference(&vm(), &now, false), None);
        let mut now = vm();
        now.devices.push("0000:65:00.0".parse().unwrap());
        assert_eq!(difference(&vm(), &now, true).unwrap(), "it had the devices none and has 0000:65:00.0");
        assert_eq!(difference(&now, &vm(), true).unwrap(), "it had the devices 0000:65:00.0 and has none");
        assert_eq!(difference(&vm(), &now, false), None);
        assert_eq!(changed(|vm| vm.ram_mb = 512), "it had 1024 MB of memory and has 512");
        assert_eq!(changed(|vm| vm.cpu = 3), "it had 2 of 8 processors and has 3 of 8");
    }
}
