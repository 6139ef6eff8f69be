//! What only snapshots on KVM can meet.

use crate::{Category, Entry};

pub static ABSENT: Entry = Entry {
    code: "2120",
    text: "Snapshot {snapshot} is not in domain {domain} on {host}.",
    cause: "It was deleted outside drover, or with the snapshot beneath it.",
    remedy: "Scrub its record; another snapshot of the VM may still be reverted to.",
    category: Category::Conflict,
};

pub static UNSUPPORTED: Entry = Entry {
    code: "2121",
    text: "{vm} cannot be snapshotted: {reason}.",
    cause: "A snapshot of a guest that runs holds its memory, and libvirt cannot save that of this one.",
    remedy: "Quiesce the VM, then retry; or use a backup instead.",
    category: Category::Conflict,
};

pub static VM_DIFFERS: Entry = Entry {
    code: "2122",
    text: "{vm} is not as it was when {snapshot} was taken: {difference}.",
    cause: "The VM's wish was changed since. A revert would undo the change on the host and not in the record.",
    remedy: "Change the VM back to what it was, then retry; or scrub the snapshot.",
    category: Category::Conflict,
};

pub static DISK_GONE: Entry = Entry {
    code: "2123",
    text: "{snapshot} holds disk {disk}, which the running domain {domain} on {host} has no more.",
    cause: "The disk was taken from the VM outside drover. Libvirt 9 ends when it deletes such a snapshot from a guest that runs.",
    remedy: "Quiesce the VM, then retry: from a guest that is off the snapshot can be deleted.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&ABSENT, &UNSUPPORTED, &VM_DIFFERS, &DISK_GONE];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["snapshot_kvm_build", "snapshot_kvm_scrub", "snapshot_kvm_updaterunning"];
