//! The difference between a wish and what a domain is: a pure function, so that the plan is known before anything is done.

use domains::{Actual, ActualDisk};
use model::vm::{Disk, Nic, VmSpec};

/// What is to be done, and whether the guest must be stopped for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Why the guest must be stopped; none when all of it can be done while it runs.
    pub stop: Option<String>,
    pub more_cpus: Option<u32>,
    pub new_disks: Vec<Disk>,
    pub gone_disks: Vec<ActualDisk>,
    pub new_nics: Vec<Nic>,
    /// Mac and bridge.
    pub gone_nics: Vec<(String, String)>,
}

pub fn change(wish: &VmSpec, actual: &Actual) -> Change {
    let stop = if wish.ram_mb != actual.ram_mb {
        Some(format!("memory goes from {} to {} MB", actual.ram_mb, wish.ram_mb))
    } else if wish.cpu < actual.cpu {
        Some(format!("processors go from {} to {}", actual.cpu, wish.cpu))
    } else if wish.cpu > actual.most_cpus {
        Some(format!("{} processors are more than the {} that it can get while it runs", wish.cpu, actual.most_cpus))
    } else {
        None
    };
    let has_disk = |name: &str| actual.disks.iter().any(|disk| disk.name == name);
    let same_nic = |nic: &Nic, mac: &str, bridge: &str| nic.mac.as_deref() == Some(mac) && nic.bridge() == bridge;
    Change {
        stop,
        more_cpus: (wish.cpu != actual.cpu).then_some(wish.cpu),
        new_disks: wish.disks.iter().filter(|disk| !has_disk(&disk.name)).cloned().collect(),
        gone_disks: actual
            .disks
            .iter()
            .filter(|disk| !wish.disks.iter().any(|wanted| wanted.name == disk.name))
            .cloned()
            .collect(),
        new_nics: wish
            .nics
            .iter()
            .filter(|nic| !actual.nics.iter().any(|own| same_nic(nic, &own.mac, &own.bridge)))
            .cloned()
            .collect(),
        gone_nics: actual
            .nics
            .iter()
            .filter(|own| !wish.nics.iter().any(|nic| same_nic(nic, &own.mac, &own.bridge)))
            .map(|own| (own.mac.clone(), own.bridge.clone()))
            .collect(),
    }
}

/// What the wish would have to say for what nobody but the wish can tell: a merge patch, or none when it says so.
pub fn actual_wish(wish: &VmSpec, actual: &Actual) -> Option<serde_json::Value> {
    let differs = (wish.cpu, wish.ram_mb) != (actual.cpu, actual.ram_mb);
    differs.then(|| serde_json::json!({ "cpu": actual.cpu, "ram_mb": actual.ram_mb }))
}

/// Whether a definition is what the wish asks for.
pub fn is_as_wished(wish: &VmSpec, actual: &Actual) -> bool {
    change(wish, actual) == Change::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain;
    use crate::plan::Plan;
    use crate::sample;
    use model::Fence;

    fn as_built() -> (VmSpec, Actual) {
        let (vm, image) = sample::vm();
        let plan = Plan { storage: "/s".into(), has_kvm: false, ceph: Default::default() };
        let actual = domains::read(&domain::domain(&vm, &image, &plan, &[], Fence(1))).unwrap();
        (vm.spec, actual)
    }

    #[test]
    fn what_was_just_built_needs_no_change() {
        let (wish, actual) = as_built();
        assert_eq!(change(&wish, &actual), Change::default());
    }

    #[test]
    fn disks_nics_and_more_processors_come_and_go_while_it_runs() {
        let (mut wish, actual) = as_built();
        wish.cpu = 4;
        wish.disks.retain(|disk| disk.name != "data");
        wish.disks.push(Disk { name: "log".into(), gb: 1, primary: false, pool: None });
        wish.nics[0].segment = "dmz".into();
        let change = change(&wish, &actual);
        assert_eq!(change.stop, None);
        assert_eq!(change.more_cpus, Some(4));
        assert_eq!(change.new_disks.len(), 1);
        let gone: Vec<_> = change.gone_disks.iter().map(|disk| disk.path.as_str()).collect();
        assert_eq!(gone, ["/s/vms/7/data.qcow2"]);
        assert_eq!((change.new_nics.len(), change.gone_nics.len()), (1, 1));
        assert_eq!(domains::free_target(&actual), "vdc");
    }

    #[test]
    fn memory_and_fewer_processors_need_a_stop_and_say_so() {
        let (mut wish, actual) = as_built();
        wish.ram_mb = 2048;
        assert_eq!(change(&wish, &actual).stop.as_deref(), Some("memory goes from 1024 to 2048 MB"));
        wish.ram_mb = 1024;
        wish.cpu = 1;
        assert!(change(&wish, &actual).stop.is_some());
        wish.cpu = 9;
        assert!(change(&wish, &actual).stop.is_some());
    }
}
