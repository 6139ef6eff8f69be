//! What only snapshots on Hyper-V can meet.

use crate::{Category, Entry};

pub static ABSENT: Entry = Entry {
    code: "2130",
    text: "Checkpoint {checkpoint} is not of VM {vm} on {host}.",
    cause: "It was removed outside drover, or with the checkpoint beneath it.",
    remedy: "Scrub its record; another snapshot of the VM may still be reverted to.",
    category: Category::Conflict,
};

pub static DUPLICATE: Entry = Entry {
    code: "2131",
    text: "VM {vm} on {host} has {count} checkpoints named {checkpoint}.",
    cause: "Hyper-V lets checkpoints share a name, and somebody has made or renamed one outside drover.",
    remedy: "Rename or remove those that are not drover's in Hyper-V Manager, then retry.",
    category: Category::Conflict,
};

pub static VM_DIFFERS: Entry = Entry {
    code: "2132",
    text: "{vm} is not as it was when {snapshot} was taken: {difference}.",
    cause: "The VM's wish was changed since. A revert would undo the change on the host and not in the record.",
    remedy: "Change the VM back to what it was, then retry; or scrub the snapshot.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&ABSENT, &DUPLICATE, &VM_DIFFERS];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["snapshot_hyperv_build", "snapshot_hyperv_scrub", "snapshot_hyperv_updaterunning"];
