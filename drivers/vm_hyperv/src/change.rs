//! The difference between a wish and what a VM is: a pure function, so that the plan is known before anything is done.

use commands::hyperv::vhd::GB;
use hyperv::Actual;
use model::vm::VmSpec;

/// What is to be done, and whether the guest must be stopped for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Why the guest must be stopped; none when all of it can be done while it runs.
    pub stop: Option<String>,
    pub grown_disks: Vec<String>,
    pub gone_disks: Vec<String>,
}

pub fn change(wish: &VmSpec, actual: &Actual) -> Change {
    let (cpu, ram_mb) = (actual.vm.cpu, actual.vm.ram_mb);
    let stop = if wish.ram_mb != ram_mb {
        Some(format!("memory goes from {ram_mb} to {} MB", wish.ram_mb))
    } else if wish.cpu != cpu {
        Some(format!("processors go from {cpu} to {}", wish.cpu))
    } else {
        None
    };
    let is_grown = |name: &str, gb: u64| actual.disk(name).is_some_and(|found| found.bytes() < gb * GB);
    let is_wished = |name: &String| wish.disks.iter().any(|disk| disk.name == *name);
    Change {
        stop,
        grown_disks: wish
            .disks
            .iter()
            .filter(|disk| is_grown(&disk.name, disk.gb))
            .map(|disk| disk.name.clone())
            .collect(),
        gone_disks: actual.disks.iter().filter_map(|disk| disk.name.clone()).filter(|name| !is_wished(name)).collect(),
    }
}

/// What the wish would have to say for what nobody but the wish can tell: a merge patch, or none when it says so.
pub fn actual_wish(wish: &VmSpec, actual: &Actual) -> Option<serde_json::Value> {
    let (cpu, ram_mb) = (actual.vm.cpu, actual.vm.ram_mb);
    ((wish.cpu, wish.ram_mb) != (cpu, ram_mb)).then(|| serde_json::json!({ "cpu": cpu, "ram_mb": ram_mb }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use commands::hyperv::disk::Drive;
    use commands::hyperv::vhd::Vhd;
    use commands::hyperv::vm::{State, Vm};
    use hyperv::Disk;
    use serde_json::json;

    fn disk(name: &str, gb: u64) -> Disk {
        let path = format!(r"D:\drover\vms\7\{name}.vhdx");
        let drive = Drive { path: path.clone(), controller: "SCSI".into(), controller_number: 0, location: 0 };
        let file = Vhd { path, bytes: gb * GB, ..Default::default() };
        Disk { drive, name: Some(name.into()), files: vec![file], base: None }
    }

    fn as_built() -> (VmSpec, Actual) {
        let wish = json!({
            "cpu": 2, "ram_mb": 1024, "image": 5, "disks": [{ "name": "root", "gb": 10, "primary": true }, { "name": "data", "gb": 20 }],
        });
        let vm = Vm {
            id: "6d2c".into(),
            name: "drover-7".into(),
            state: State::Running,
            notes: "drover/default/7".into(),
            path: String::new(),
            generation: 2,
            cpu: 2,
            ram_mb: 1024,
            start_action: "StartIfRunning".into(),
            checkpoint_type: "Production".into(),
            parent: None,
        };
        let actual =
            Actual { vm, disks: vec![disk("root", 10), disk("data", 20)], nics: Vec::new(), checkpoints: Vec::new() };
        (serde_json::from_value(wish).unwrap(), actual)
    }

    #[test]
    fn what_was_just_built_needs_no_change() {
        let (wish, actual) = as_built();
        assert_eq!(change(&wish, &actual), Change::default());
        assert_eq!(actual_wish(&wish, &actual), None);
    }

    #[test]
    fn disks_grow_and_go_while_it_runs() {
        let (mut wish, actual) = as_built();
        wish.disks.retain(|disk| disk.primary);
        wish.disks[0].gb = 12;
        let change = change(&wish, &actual);
        assert_eq!(
            (change.stop, change.grown_disks, change.gone_disks),
            (None, vec!["root".into()], vec!["data".into()])
        );
    }

    #[test]
    fn memory_and_processors_need_a_stop_and_say_so() {
        let (mut wish, actual) = as_built();
        wish.ram_mb = 2048;
        assert_eq!(change(&wish, &actual).stop.as_deref(), Some("memory goes from 1024 to 2048 MB"));
        wish.ram_mb = 1024;
        wish.cpu = 3;
        assert_eq!(change(&wish, &actual).stop.as_deref(), Some("processors go from 2 to 3"));
        assert_eq!(actual_wish(&wish, &actual), Some(json!({ "cpu": 2, "ram_mb": 1024 })));
    }
}
