//! What only backups of Hyper-V VMs can meet.

use crate::{Category, Entry};

pub static NO_ROOM: Entry = Entry {
    code: "2320",
    text: "The export of {vm} needs {needed_mb} MiB and the volume of {folder} on {host} has {free_mb} MiB left.",
    cause: "The repository's volume is nearly full.",
    remedy: "Scrub backups that are not needed, or make the volume larger, then retry.",
    category: Category::HostRefused,
};

pub static EXPORT_FAILED: Entry = Entry {
    code: "2321",
    text: "The export of {vm} on {host} failed: {reason}.",
    cause: "The repository went away or is full, or the VM was in a state that Hyper-V does not export.",
    remedy: "Look at the repository and at the events of Hyper-V-VMMS on the host, then retry.",
    category: Category::HostRefused,
};

pub static EXPORT_GOES_ON: Entry = Entry {
    code: "2322",
    text: "Something still writes to {folder} on {host}: {reason}.",
    cause: "A worker that began the export was stopped, and Hyper-V goes on with it.",
    remedy: "Nothing: the task waits for its end. A backup that nobody wants can be cancelled.",
    category: Category::Locked,
};

pub static DISK_MISSING: Entry = Entry {
    code: "2323",
    text: "The export in {folder} on {host} lacks {file}, which {vm} has for disk {disk}.",
    cause: "Hyper-V exported less than the VM consists of.",
    remedy: "Look at the VM's disks in Hyper-V Manager, then retry.",
    category: Category::BadAnswer,
};

pub static NO_DISKS: Entry = Entry {
    code: "2324",
    text: "VM {vm} on {host} has no disk that can be backed up.",
    cause: "Its disks were taken from it outside drover.",
    remedy: "Give the VM its disks back, then retry.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&NO_ROOM, &EXPORT_FAILED, &EXPORT_GOES_ON, &DISK_MISSING, &NO_DISKS];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["backup_hyperv_build", "backup_hyperv_scrub"];
