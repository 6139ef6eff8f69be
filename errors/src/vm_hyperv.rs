//! What only VMs on Hyper-V can meet.

use crate::{Category, Entry};

pub static IMAGE_CHECKSUM: Entry = Entry {
    code: "2150",
    text: "Image {image} has sha256 {found}, its record says {wanted}.",
    cause: "The image was changed at its source, or damaged on the way.",
    remedy: "Correct the image's record, or its source, then retry.",
    category: Category::HostRefused,
};

pub static NO_IMAGE: Entry = Entry {
    code: "2151",
    text: "{resource} has no image record.",
    cause: "The API is older than the worker, or a defect.",
    remedy: "Upgrade the API, then retry the resource.",
    category: Category::BadAnswer,
};

pub static NO_VLAN: Entry = Entry {
    code: "2152",
    text: "Segment {segment} cannot be carried on {host}: {reason}.",
    cause: "On a Hyper-V host a segment is a VLAN of the virtual switch, and nothing else keeps segments apart there.",
    remedy: "Give the servers of the region settings.router.carrier.vlan, with room below 4094 for its segments; then retry.",
    category: Category::Conflict,
};

pub static NO_SWITCH: Entry = Entry {
    code: "2153",
    text: "{host} has no external virtual switch named {switch}.",
    cause: "It was never made, or has another name or type.",
    remedy: "Make it on the trunk's adapter, or name the one that is there in settings.hyperv.switch; then retry.",
    category: Category::Conflict,
};

pub static HAS_CHECKPOINTS: Entry = Entry {
    code: "2154",
    text: "Disk {disk} of {resource} cannot be {change}: the VM has {count} checkpoints.",
    cause: "A checkpoint stands on the disk as it is; changing it would break every file above it.",
    remedy: "Scrub the VM's snapshots, wait for their merge, then ask again.",
    category: Category::Conflict,
};

pub static NO_DISK: Entry = Entry {
    code: "2155",
    text: "VM {vm} on {host} has no free slot for disk {disk}.",
    cause: "Its SCSI controller has 64 slots, and drives that drover did not attach take the rest.",
    remedy: "Detach what is not the VM's in Hyper-V Manager, then retry.",
    category: Category::Conflict,
};

pub static NO_BACKUP: Entry = Entry {
    code: "2156",
    text: "Backup {backup}, which {resource} is made from, is {state}.",
    cause: "It was scrubbed after the VM was asked for, or it failed.",
    remedy: "Scrub the VM, and make another one from a backup that is running.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] =
    &[&IMAGE_CHECKSUM, &NO_IMAGE, &NO_VLAN, &NO_SWITCH, &HAS_CHECKPOINTS, &NO_DISK, &NO_BACKUP];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "vm_hyperv_build",
    "vm_hyperv_quiesce",
    "vm_hyperv_restart",
    "vm_hyperv_scrub",
    "vm_hyperv_scrubprep",
    "vm_hyperv_updatequiesced",
    "vm_hyperv_updaterunning",
];
