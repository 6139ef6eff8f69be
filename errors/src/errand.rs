//! What an errand can meet on its host.

use crate::{Category, Entry};

pub static FOUND_GONE: Entry = Entry {
    code: "2200",
    text: "The {found} is not on {host} any more.",
    cause: "Somebody has removed or renamed it since it was found.",
    remedy: "Nothing to do: the next survey drops it from the list.",
    category: Category::NotFound,
};

pub static FOUND_FOREIGN: Entry = Entry {
    code: "2201",
    text: "The {found} on {host} does not carry drover's mark any more.",
    cause: "Somebody else has made one of that name since it was found.",
    remedy: "Leave it alone; the next survey drops it from the list.",
    category: Category::Conflict,
};

pub static FOUND_IN_USE: Entry = Entry {
    code: "2202",
    text: "The {found} on {host} is in use by {users}.",
    cause: "Something has come to need it since it was found.",
    remedy: "Look at what uses it; survey the host again.",
    category: Category::Conflict,
};

pub static FOUND_IN_PLACE: Entry = Entry {
    code: "2203",
    text: "The {found} on {host} is not in quarantine.",
    cause: "Somebody has put it back by hand.",
    remedy: "Survey the host, quarantine it, then purge it.",
    category: Category::Conflict,
};

pub static PLACE_TAKEN: Entry = Entry {
    code: "2204",
    text: "The {found} on {host} cannot be moved: {path} is there already.",
    cause: "Another of that name has been made meanwhile.",
    remedy: "Look at both by hand, and move one away.",
    category: Category::Conflict,
};

pub static ERRAND_DEADLINE: Entry = Entry {
    code: "1200",
    text: "The errand did not end on {host} within {deadline_secs} s.",
    cause: "The host is slow, or a command hangs.",
    remedy: "Look at the host's load, then ask again.",
    category: Category::Deadline,
};

pub static NO_CHECK: Entry = Entry {
    code: "1201",
    text: "The worker of {host} cannot verify backups of kind {kind}.",
    cause: "Its driver has no check, or an older drover runs there.",
    remedy: "Restore the backup into a new VM to see whether it is whole, or upgrade the worker.",
    category: Category::InvalidInput,
};

pub(crate) const ENTRIES: &[&Entry] =
    &[&FOUND_GONE, &FOUND_FOREIGN, &FOUND_IN_USE, &FOUND_IN_PLACE, &PLACE_TAKEN, &ERRAND_DEADLINE, &NO_CHECK];

pub(crate) const SCOPES: &[&str] =
    &["errand_survey", "errand_quarantine", "errand_restore", "errand_purge", "errand_verify"];
