//! What only backups of KVM guests can meet.

use crate::{Category, Entry};

pub static JOB_FOREIGN: Entry = Entry {
    code: "2301",
    text: "Domain {domain} has a backup job that is not this one's.",
    cause: "Someone began a backup of the domain outside drover.",
    remedy: "Wait for its end, or end it with virsh domjobabort, then retry.",
    category: Category::Conflict,
};

pub static JOB_OTHER: Entry = Entry {
    code: "2308",
    text: "Domain {domain} has the job of another backup.",
    cause: "A worker that began that backup was stopped, and its job still runs.",
    remedy: "Nothing: the task waits for its end. A backup that nobody wants can be cancelled.",
    category: Category::Locked,
};

pub static JOB_FAILED: Entry = Entry {
    code: "2302",
    text: "The backup job of {domain} failed: {reason}.",
    cause: "The repository is full or went away, or the guest ended.",
    remedy: "Look at the repository and at the domain's log, then retry.",
    category: Category::HostRefused,
};

pub static NO_DISKS: Entry = Entry {
    code: "2306",
    text: "{vm} has no disk that can be backed up.",
    cause: "All its disks are images in Ceph pools, and only files on the host are backed up.",
    remedy: "Back the images up in the cluster: rbd export, or rbd mirror.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&JOB_FOREIGN, &JOB_OTHER, &JOB_FAILED, &NO_DISKS];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["backup_kvm_build", "backup_kvm_scrub"];
