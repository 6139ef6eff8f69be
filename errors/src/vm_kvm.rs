//! What only the KVM driver can meet.

use crate::{Category, Entry};

pub static DOMAIN_FOREIGN: Entry = Entry {
    code: "2100",
    text: "Domain {domain} on {host} exists and does not belong to {resource}.",
    cause: "Someone defined a domain of that name outside drover.",
    remedy: "Rename or undefine that domain on the host, then retry.",
    category: Category::Conflict,
};

pub static IMAGE_CHECKSUM: Entry = Entry {
    code: "2101",
    text: "Image {image} has sha256 {found}, its record says {wanted}.",
    cause: "The image was changed at its source, or the download was damaged.",
    remedy: "Correct the image's record, or its source, then retry.",
    category: Category::HostRefused,
};

pub static IMAGE_SOURCE: Entry = Entry {
    code: "2102",
    text: "Image {image} could not be fetched onto {host}: {reason}.",
    cause: "The URL or path of the image does not answer from the host.",
    remedy: "Check the image's record from the host itself, then retry.",
    category: Category::HostRefused,
};

pub static DISK_SHRINK: Entry = Entry {
    code: "2103",
    text: "Disk {disk} has {found_gb} GB, fewer were asked for: {wanted_gb} GB.",
    cause: "A disk cannot be made smaller without losing data.",
    remedy: "Ask for at least {found_gb} GB, or remove the disk and add another.",
    category: Category::InvalidInput,
};

pub static DOMAIN_NOT_RUNNING: Entry = Entry {
    code: "2104",
    text: "Domain {domain} was started and is {found}.",
    cause: "The guest stopped at once, or libvirt could not keep it.",
    remedy: "Look at the domain's log on the host, then retry.",
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

pub(crate) const ENTRIES: &[&Entry] = &[
    &DOMAIN_FOREIGN,
    &IMAGE_CHECKSUM,
    &IMAGE_SOURCE,
    &DISK_SHRINK,
    &DOMAIN_NOT_RUNNING,
    &DOMAIN_NOT_OFF,
    &DOMAIN_ABSENT,
];

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
