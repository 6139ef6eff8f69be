//! The table of tables.

use lifecycle::Driver;

pub static ALL: &[&Driver] = &[
    &backup_hyperv::DRIVER,
    &backup_kvm::DRIVER,
    &ceph::DRIVER,
    &gpu::DRIVER,
    &snapshot_hyperv::DRIVER,
    &snapshot_kvm::DRIVER,
    &virtual_router::DRIVER,
    &virtual_router_phantom::DRIVER,
    &vm_hyperv::DRIVER,
    &vm_kvm::DRIVER,
    &vm_phantom::DRIVER,
];
