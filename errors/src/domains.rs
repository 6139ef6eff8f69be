//! What every driver that works on a libvirt domain can meet.

use crate::{Category, Entry};

pub static DOMAIN_FOREIGN: Entry = Entry {
    code: "2100",
    text: "Domain {domain} on {host} exists and does not belong to {resource}.",
    cause: "Someone defined a domain of that name outside drover.",
    remedy: "Rename or undefine that domain on the host, then retry.",
    category: Category::Conflict,
};

pub static DOMAIN_NOT_RUNNING: Entry = Entry {
    code: "2104",
    text: "Domain {domain} is {found}, neither running nor shut off.",
    cause: "QEMU paused it, often on an I/O error or a full disk, or somebody did so by hand.",
    remedy: "Look at the domain's log on the host; resume or destroy it there, then retry.",
    category: Category::HostRefused,
};

pub static DOMAIN_NOT_OFF: Entry = Entry {
    code: "2105",
    text: "Domain {domain} is {found} after a power off.",
    cause: "QEMU does not end: often it waits for storage that hangs.",
    remedy: "Look at the storage beneath the domain's disks, then retry.",
    category: Category::HostRefused,
};

pub static DOMAIN_ABSENT: Entry = Entry {
    code: "2106",
    text: "Domain {domain} is not on {host}.",
    cause: "It was undefined outside drover.",
    remedy: "Scrub the resource, or define the domain again, then retry.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&DOMAIN_FOREIGN, &DOMAIN_NOT_RUNNING, &DOMAIN_NOT_OFF, &DOMAIN_ABSENT];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "vm_kvm_build",
    "vm_kvm_quiesce",
    "vm_kvm_restart",
    "vm_kvm_scrub",
    "vm_kvm_scrubprep",
    "vm_kvm_updatequiesced",
    "vm_kvm_updaterunning",
    "snapshot_kvm_build",
    "snapshot_kvm_scrub",
    "snapshot_kvm_updaterunning",
    "backup_kvm_build",
    "backup_kvm_scrub",
    "ceph_build",
    "ceph_scrub",
    "ceph_updatequiesced",
    "ceph_updaterunning",
    "gpu_updatequiesced",
    "gpu_updaterunning",
];
