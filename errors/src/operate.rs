//! What an operator can meet at the command line and at start-up.

use crate::{Category, Entry};

pub static CONFIG_INVALID: Entry = Entry {
    code: "drover_config_001",
    text: "The configuration is not valid: {reason}.",
    cause: "A flag, an environment variable or the file holds something unexpected.",
    remedy: "See drover config show --origin for where each value comes from.",
    category: Category::InvalidInput,
};

pub static TOKEN_MISSING: Entry = Entry {
    code: "drover_client_001",
    text: "No token was found for {url}.",
    cause: "Neither --token-file, DROVER_TOKEN nor the data folder's operator.token is there.",
    remedy: "Pass --token-file, or --data with the folder that drover up printed.",
    category: Category::Unauthenticated,
};

pub static API_UNREACHABLE: Entry = Entry {
    code: "drover_client_002",
    text: "The API at {url} does not answer: {reason}.",
    cause: "It is not running, or the address is wrong.",
    remedy: "Start it with drover up, or pass --url.",
    category: Category::Unavailable,
};

pub static DATA_IN_USE: Entry = Entry {
    code: "drover_up_001",
    text: "The data folder {path} is used by another drover.",
    cause: "A second drover up was started on it.",
    remedy: "Stop the other one, or pass another --data.",
    category: Category::Conflict,
};

pub static LISTEN_FAILED: Entry = Entry {
    code: "drover_up_002",
    text: "Cannot listen on {address}: {reason}.",
    cause: "The port is taken, or the address is not this machine's.",
    remedy: "Pass another address with --listen.",
    category: Category::Unavailable,
};

pub static STORE_UNAVAILABLE: Entry = Entry {
    code: "drover_store_001",
    text: "The database did not answer: {reason}.",
    cause: "PostgreSQL is down, or the file cannot be written.",
    remedy: "Check the database; requests are answered again as soon as it is back.",
    category: Category::Unavailable,
};

pub static STORE_NEWER: Entry = Entry {
    code: "drover_store_002",
    text: "The database has schema {found}, this drover knows {known}.",
    cause: "A newer drover has used it.",
    remedy: "Upgrade this drover, or restore a backup of the database.",
    category: Category::Conflict,
};

pub static WAIT_TIMEOUT: Entry = Entry {
    code: "drover_client_003",
    text: "Task {task} is still {status} after {secs} s.",
    cause: "It waits for {waiting_for}.",
    remedy: "Wait on with drover task wait, or see drover task show.",
    category: Category::Deadline,
};

pub static TASK_FAILED: Entry = Entry {
    code: "drover_client_004",
    text: "Task {task} ended as {status}: {error}.",
    cause: "The task's own error says why.",
    remedy: "See drover task show, and drover errors explain with the error's code.",
    category: Category::HostRefused,
};

pub static ERRAND_TIMEOUT: Entry = Entry {
    code: "drover_client_005",
    text: "Errand {errand} on {host} is still {status} after {secs} s.",
    cause: "The host's worker is away or busy, or the errand takes its time.",
    remedy: "See drover errand show {errand}, and drover server list for the worker of {host}.",
    category: Category::Deadline,
};

pub static ERRAND_FAILED: Entry = Entry {
    code: "drover_client_006",
    text: "{failed} of {all} errands failed; the first is {errand}: {error}.",
    cause: "Each errand's own error says why.",
    remedy: "See drover errand show {errand}, and drover errors explain with the error's code.",
    category: Category::HostRefused,
};

pub static UNCONFIRMED: Entry = Entry {
    code: "drover_client_007",
    text: "Nothing was removed: the removal of {count} orphans was not confirmed.",
    cause: "The answer was no, or there is no terminal to ask at.",
    remedy: "Pass --yes to remove without being asked.",
    category: Category::Cancelled,
};

pub static BACKUP_DAMAGED: Entry = Entry {
    code: "drover_client_008",
    text: "{damaged} of {all} files are not as they were written; the first is of backup {backup}: {error}.",
    cause: "Files were changed or removed outside drover, or the repository's storage is failing.",
    remedy: "Check the repository's storage; restore from what still can be; make a new backup, then scrub the damaged ones.",
    category: Category::HostRefused,
};

pub static SERVER_UNKNOWN: Entry = Entry {
    code: "drover_client_009",
    text: "There is no server {server} of type hyperv.",
    cause: "Its name is misspelt, or it is of another type.",
    remedy: "See drover server list, or give the host as user@address[:port].",
    category: Category::NotFound,
};

pub static PROBE_DIFFERS: Entry = Entry {
    code: "drover_client_010",
    text: "{host} differs from the contract of the cmdlets in {count} places; the first: {first}.",
    cause: "Another version of Windows or of the module Hyper-V than the contract was made from.",
    remedy: "Report the record that was written; until then keep VMs off this host.",
    category: Category::BadAnswer,
};

pub static EXPLAIN_UNKNOWN: Entry = Entry {
    code: "drover_errors_001",
    text: "There is no error code {code}.",
    cause: "It is misspelt, or from another version.",
    remedy: "List them: drover errors list.",
    category: Category::NotFound,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &CONFIG_INVALID,
    &TOKEN_MISSING,
    &API_UNREACHABLE,
    &DATA_IN_USE,
    &LISTEN_FAILED,
    &STORE_UNAVAILABLE,
    &STORE_NEWER,
    &WAIT_TIMEOUT,
    &TASK_FAILED,
    &ERRAND_TIMEOUT,
    &ERRAND_FAILED,
    &UNCONFIRMED,
    &BACKUP_DAMAGED,
    &SERVER_UNKNOWN,
    &PROBE_DIFFERS,
    &EXPLAIN_UNKNOWN,
];
