//! What everything that reads a repository of backups can meet.

use crate::{Category, Entry};

pub static NO_REPOSITORY: Entry = Entry {
    code: "2300",
    text: "Server {host} has no {repository} repository.",
    cause: "The server's settings do not name one.",
    remedy: "Set settings.backup of the server, then retry.",
    category: Category::InvalidInput,
};

pub static REPOSITORY_ABSENT: Entry = Entry {
    code: "2307",
    text: "The repository {folder} of {host} is not there.",
    cause: "Its file system is not mounted, or the folder was never made.",
    remedy: "Mount it, or make the folder, then retry.",
    category: Category::HostRefused,
};

pub static REPOSITORY_OTHER: Entry = Entry {
    code: "2309",
    text: "{folder} of {host} is not the repository {wanted}: {found}.",
    cause: "Its file system is not mounted, another one is, or the server's settings name another folder now.",
    remedy: "Mount it, or put the settings back, then retry. If the repository is lost for good, or has moved there, make the \
             empty file {folder}/drover-repository.{wanted}: the folder is it from then on.",
    category: Category::HostRefused,
};

pub static DISK_LEFT_OUT: Entry = Entry {
    code: "2310",
    text: "Backup {backup} does not hold disk {disk}: {reason}.",
    cause: "Only files on the host are backed up.",
    remedy: "Wish for a VM without that disk, and bring its data back from where it was.",
    category: Category::Conflict,
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

pub(crate) const ENTRIES: &[&Entry] = &[
    &NO_REPOSITORY,
    &REPOSITORY_ABSENT,
    &REPOSITORY_OTHER,
    &DISK_LEFT_OUT,
    &MANIFEST_UNREADABLE,
    &BACKUP_ABSENT,
    &FILE_DAMAGED,
];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "backup_hyperv_build",
    "backup_hyperv_scrub",
    "backup_kvm_build",
    "backup_kvm_scrub",
    "errand_purge",
    "errand_quarantine",
    "errand_restore",
    "errand_survey",
    "errand_verify",
    "vm_hyperv_build",
    "vm_kvm_build",
];
