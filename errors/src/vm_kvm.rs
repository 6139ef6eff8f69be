//! What only the KVM driver can meet.

use crate::{Category, Entry};

pub static IMAGE_CHECKSUM: Entry = Entry {
    code: "2101",
    text: "Image {image} has sha256 {found}, its record says {wanted}.",
    cause: "The image was changed at its source, or the download was damaged.",
    remedy: "Correct the image's record, or its source, then retry.",
    category: Category::HostRefused,
};

pub static SEED_TOO_LARGE: Entry = Entry {
    code: "2107",
    text: "The cloud-init seed could not be written: {reason}.",
    cause: "Keys, addresses and user data together do not fit into its image.",
    remedy: "Shorten the user data, or fetch most of it from the guest.",
    category: Category::InvalidInput,
};

pub static NO_IMAGE: Entry = Entry {
    code: "2108",
    text: "{resource} has no image record.",
    cause: "The API is older than the worker, or a defect.",
    remedy: "Upgrade the API, then retry the resource.",
    category: Category::BadAnswer,
};

pub static NO_BACKUP: Entry = Entry {
    code: "2110",
    text: "Backup {backup}, which {resource} is made from, is {state}.",
    cause: "It was scrubbed after the VM was asked for, or it failed.",
    remedy: "Scrub the VM, and make another one from a backup that is running.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&IMAGE_CHECKSUM, &SEED_TOO_LARGE, &NO_IMAGE, &NO_BACKUP];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "vm_kvm_build",
    "vm_kvm_quiesce",
    "vm_kvm_restart",
    "vm_kvm_scrub",
    "vm_kvm_scrubprep",
    "vm_kvm_updatequiesced",
    "vm_kvm_updaterunning",
];
