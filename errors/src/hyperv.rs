//! What every driver that works on a Hyper-V VM can meet.

use crate::{Category, Entry};

pub static VM_FOREIGN: Entry = Entry {
    code: "2140",
    text: "VM {vm} on {host} exists and does not belong to {resource}: its notes say {found}.",
    cause: "Someone made a VM of that name outside drover, or changed its notes.",
    remedy: "Rename that VM on the host; or, if it is drover's, write into its notes: {wanted}. Then retry.",
    category: Category::Conflict,
};

pub static VM_AMBIGUOUS: Entry = Entry {
    code: "2141",
    text: "{count} VMs on {host} are named {vm}.",
    cause: "Hyper-V lets VMs share a name, and someone has made or imported one outside drover.",
    remedy: "Rename those whose notes do not say {wanted}, then retry.",
    category: Category::Conflict,
};

pub static VM_ABSENT: Entry = Entry {
    code: "2142",
    text: "VM {vm} is not on {host}.",
    cause: "It was removed or renamed outside drover.",
    remedy: "Rename it back, or scrub the resource, then retry.",
    category: Category::Conflict,
};

pub static VM_CRITICAL: Entry = Entry {
    code: "2143",
    text: "VM {vm} is {found}, and neither starts nor stops.",
    cause: "Its storage is away or full, or its configuration cannot be read.",
    remedy: "An operator mends the storage beneath it on {host}; then retry.",
    category: Category::HostRefused,
};

pub static VM_NOT_OFF: Entry = Entry {
    code: "2144",
    text: "VM {vm} is {found} after a power off.",
    cause: "Its worker process on the host does not end: often it waits for storage that hangs.",
    remedy: "Look at the storage beneath the VM's disks on {host}, then retry.",
    category: Category::HostRefused,
};

pub static MERGING: Entry = Entry {
    code: "2145",
    text: "The disks of VM {vm} are still merged after {waited_secs} s.",
    cause: "Hyper-V merges the files of removed checkpoints in its own time; large ones take hours.",
    remedy: "Nothing is lost: it is tried again by itself. If it fails three times, look at the storage of {host}.",
    category: Category::Deadline,
};

pub static OUTSIDE: Entry = Entry {
    code: "2146",
    text: "{path} is not below {folder}, and is not removed.",
    cause: "A record or a disk of the VM names a path that is not the VM's.",
    remedy: "Compare the VM's disks in Hyper-V Manager with its folder; detach what is not the VM's own, then retry.",
    category: Category::Conflict,
};

pub static NO_HYPERV: Entry = Entry {
    code: "2147",
    text: "{host} has no Hyper-V that answers.",
    cause: "Get-VMHost gave nothing: the role is not installed, or its service is stopped.",
    remedy: "Install the Hyper-V role and its PowerShell module on {host}, start vmms, then retry.",
    category: Category::HostRefused,
};

pub(crate) const ENTRIES: &[&Entry] =
    &[&VM_FOREIGN, &VM_AMBIGUOUS, &VM_ABSENT, &VM_CRITICAL, &VM_NOT_OFF, &MERGING, &OUTSIDE, &NO_HYPERV];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "vm_hyperv_build",
    "vm_hyperv_quiesce",
    "vm_hyperv_restart",
    "vm_hyperv_scrub",
    "vm_hyperv_scrubprep",
    "vm_hyperv_updatequiesced",
    "vm_hyperv_updaterunning",
    "snapshot_hyperv_build",
    "snapshot_hyperv_scrub",
    "snapshot_hyperv_updaterunning",
    "backup_hyperv_build",
    "backup_hyperv_scrub",
    "errand_purge",
    "errand_quarantine",
    "errand_restore",
];
