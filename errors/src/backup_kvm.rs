//! What only backups of KVM guests can meet.

use crate::{Category, Entry};

pub static NO_REPOSITORY: Entry = Entry {
    code: "2300",
    text: "Server {host} has no {repository} repository.",
    cause: "The server's settings do not name one.",
    remedy: "Set settings.backup of the server, then retry.",
    category: Category::InvalidInput,
};

pub static JOB_FOREIGN: Entry = Entry {
    code: "2301",
    text: "Domain {domain} has a backup job that is not this one's.",
    cause: "Someone began a backup of the domain outside drover.",
    remedy: "Wait for its end, or end it with virsh domjobabort, then retry.",
    category: Category::Conflict,
};

pub static JOB_FAILED: Entry = Entry {
    code: "2302",
    text: "The backup job of {domain} failed: {reason}.",
    cause: "The repository is full or went away, or the guest ended.",
    remedy: "Look at the repository and at the domain's log, then retry.",
    category: Category::HostRefused,
};

pub static MANIFEST_UNREADABLE: Entry = Entry {
    code: "2303",
    text: "The manifest {path} cannot be read: {reason}.",
    cause: "The file was changed or damaged, or a newer drover wrote it.",
    remedy: "Put the file back as it was, or scrub the backup.",
    category: Category::HostRefused,
};

pub static BACKUP_ABSENT: Entry = Entry {
    code: "2304",
    text: "Backup {backup} is not in {repository}.",
    cause: "Its folder was moved or removed outside drover.",
    remedy: "Put the folder back, or scrub the backup.",
    category: Category::Conflict,
};

pub static FILE_DAMAGED: Entry = Entry {
    code: "2305",
    text: "{path} is not as it was written: {reason}.",
    cause: "The file was changed outside drover, or its storage is failing.",
    remedy: "Restore from another backup; check the repository's storage, then scrub this one.",
    category: Category::HostRefused,
};

pub static NO_DISKS: Entry = Entry {
    code: "2306",
    text: "Domain {domain} has no disk that can be backed up.",
    cause: "Its disks are not files on the host.",
    remedy: "Back those disks up where they are.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] =
    &[&NO_REPOSITORY, &JOB_FOREIGN, &JOB_FAILED, &MANIFEST_UNREADABLE, &BACKUP_ABSENT, &FILE_DAMAGED, &NO_DISKS];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["backup_kvm_build", "backup_kvm_scrub"];
