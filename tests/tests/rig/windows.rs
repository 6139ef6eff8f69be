//! What the free tests know of a Hyper-V host that is not there, and of what is on it.

use super::*;

/// An image that lies on the host.
pub fn hyperv_image(host: &Hyperv) -> ImageSpec {
    let (source, bytes) = (r"D:\images\base.vhdx", hyperv::vhdx(1));
    host.add_file(source, &bytes);
    ImageSpec {
        source: source.into(),
        sha256: hyperv::sha256(&bytes),
        format: Format::Vhdx,
        firmware: Firmware::Uefi,
        cloud_init: true,
        ..image()
    }
}

/// A simulated Hyper-V host, also by itself.
pub fn hyperv_ground() -> (Arc<Hyperv>, Ground) {
    let host = Arc::new(Hyperv::new("host-1"));
    let image = hyperv_image(&host);
    let words = host.clone();
    let words = Arc::new(move || words.words());
    (host.clone(), Ground { host, server_type: ServerType::Hyperv, image, words, cluster: None, standby: None })
}

/// The same wishes on Hyper-V: what grows, comes and goes while the guest runs.
pub fn vm_hyperv_rig() -> Rig<VmSpec> {
    let patch = || {
        json!({
            "disks": [{ "name": "root", "gb": 2, "primary": true }, { "name": "data", "gb": 1 }],
            "nics": [{ "segment": "store", "addresses": ["10.2.0.5/24"] }],
        })
    };
    Rig::of(Kind::VmHyperv, vm_kvm_rig().wish, patch)
}

/// A change that no guest takes while it runs.
pub fn vm_hyperv_stopped_rig() -> Rig<VmSpec> {
    let verbs = vec![Verb::Updaterunning, Verb::Updatequiesced];
    Rig { verbs, patch: || json!({ "ram_mb": 512, "cpu": 2 }), ..vm_hyperv_rig() }
}

/// A VM on Hyper-V with a disk and a nic of its own.
pub fn hyperv_vm(fleet: &Fleet) -> VmSpec {
    let disk = |name: &str, primary| Disk { name: name.into(), gb: 1, primary, pool: None };
    let nic = Nic {
        segment: "web".into(),
        segment_id: None,
        mac: None,
        addresses: vec!["10.1.0.5/24".into()],
        gateway: None,
    };
    VmSpec { disks: vec![disk("root", true), disk("data", false)], nics: vec![nic], ..vm(&fleet.image) }
}

/// A snapshot of a VM that runs.
pub fn snapshot_hyperv_rig() -> Rig<SnapshotSpec> {
    let rig = Rig::of(Kind::SnapshotHyperv, |_, vm| snapshot(vm, false), || json!({}));
    Rig { vm: Some(hyperv_vm), ..rig }
}

/// The same of a VM that was shut down in between.
pub fn snapshot_hyperv_quiesced_rig() -> Rig<SnapshotSpec> {
    let since: Before = |fleet| Box::pin(quiesced_vm(fleet));
    Rig { since: Some(since), ..snapshot_hyperv_rig() }
}

/// One with another on top of it, which is removed too.
pub fn snapshot_hyperv_tree_rig() -> Rig<SnapshotSpec> {
    let since = snapshot_kvm_tree_rig().since;
    let wish = |_: &Fleet, vm: Option<ResourceId>| snapshot(vm, true);
    Rig { verbs: vec![Verb::Scrub], wish, since, ..snapshot_hyperv_rig() }
}

pub fn backup_hyperv_rig() -> Rig<BackupSpec> {
    Rig { vm: Some(hyperv_vm), ..Rig::of(Kind::BackupHyperv, backup_kvm_rig().wish, || json!({})) }
}
