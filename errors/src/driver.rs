//! What every verb of every driver can meet: raised by the lifecycle and by the steps, numbered alike everywhere.

use crate::{Category, Entry};

pub static API_UNAVAILABLE: Entry = Entry {
    code: "0000",
    text: "The IaaS API did not answer: {reason}.",
    cause: "The API, or the network to it, is down.",
    remedy: "Nothing is lost: the task is tried again by itself. Check the API's /readyz.",
    category: Category::Unavailable,
};

pub static NOT_EXPECTED_STATE: Entry = Entry {
    code: "0001",
    text: "{resource} is {state}; {verb} works from {expected}.",
    cause: "Another task or a tenant moved the resource after this task was made.",
    remedy: "Nothing to do: the newer task carries on. See the resource's history.",
    category: Category::Conflict,
};

pub static SUPERSEDED: Entry = Entry {
    code: "0002",
    text: "Attempt {fence} was superseded by a newer one.",
    cause: "The worker was paused or cut off for longer than its lease, and another attempt took over.",
    remedy: "Nothing to do: the newer attempt carries on. Look at the worker's load if it happens often.",
    category: Category::PreconditionFailed,
};

pub static PANIC: Entry = Entry {
    code: "1000",
    text: "The driver stopped with an unexpected error: {panic}.",
    cause: "A defect in the driver.",
    remedy: "Report it with the task's trace. Retry the resource, or scrub it.",
    category: Category::Internal,
};

pub static STEP_NO_EFFECT: Entry = Entry {
    code: "1001",
    text: "Step {step} was carried out, yet its effect is not there.",
    cause: "A program reported success without doing the work, or something undid it at once.",
    remedy: "Look at the host's own log at the time of the step, then retry.",
    category: Category::BadAnswer,
};

pub static STEP_DIFFERS: Entry = Entry {
    code: "1002",
    text: "Step {step} found {found} where {wanted} was wanted.",
    cause: "Something other than drover made or changed it.",
    remedy: "Remove or rename what is there, then retry. drover does not overwrite what it did not make.",
    category: Category::Conflict,
};

pub static STEP_DEADLINE: Entry = Entry {
    code: "1003",
    text: "Step {step} was not done after {deadline_secs} s.",
    cause: "The host is overloaded or hangs.",
    remedy: "It is tried again by itself; if it fails three times, look at the host and retry.",
    category: Category::Deadline,
};

pub static TASK_DEADLINE: Entry = Entry {
    code: "1004",
    text: "The task was not started within {deadline_secs} s; it was waiting for {waiting_for}.",
    cause: "No worker took it in time.",
    remedy: "Start the worker of that host, then retry the resource.",
    category: Category::Deadline,
};

pub static CANCELLED: Entry = Entry {
    code: "1005",
    text: "The task was cancelled by {by} after step {step}.",
    cause: "Someone asked for it.",
    remedy: "Retry the resource to finish what was begun, or scrub it.",
    category: Category::Cancelled,
};

pub static LOCK_LOST: Entry = Entry {
    code: "1006",
    text: "The lock {lock} was lost during the attempt.",
    cause: "The worker could not renew it: it was paused, or cut off from the lock service.",
    remedy: "Nothing to do: the task is tried again by itself.",
    category: Category::Unavailable,
};

pub static LOCK_UNAVAILABLE: Entry = Entry {
    code: "1007",
    text: "The lock service did not answer: {reason}.",
    cause: "The lock service, or the network to it, is down.",
    remedy: "Nothing is lost: the task is tried again by itself. Check the lock service's /readyz.",
    category: Category::Unavailable,
};

pub static WORKER_LOST: Entry = Entry {
    code: "1008",
    text: "{attempts} attempts ended with their worker lost, the last one in step {step}.",
    cause: "The verb takes its worker down: out of memory, killed, or aborted.",
    remedy: "Look at the workers' log around the last attempt before you retry the resource.",
    category: Category::Internal,
};

pub static DRIVER_MISSING: Entry = Entry {
    code: "1009",
    text: "The worker of {host} has no driver for {kind}.",
    cause: "The worker is older than the API, or the server's type is wrong.",
    remedy: "Upgrade the worker, or correct the server's record.",
    category: Category::Unavailable,
};

pub static HANDED_OVER: Entry = Entry {
    code: "1010",
    text: "The attempt was handed over before step {step}.",
    cause: "The worker is shutting down.",
    remedy: "Nothing to do: another worker carries on from there.",
    category: Category::Unavailable,
};

pub static TOUCHED_WHILE_LOOKING: Entry = Entry {
    code: "1011",
    text: "{command} may change something, and was asked for while only looking was allowed.",
    cause: "A defect in the driver.",
    remedy: "Report it with the task's trace; nothing was changed.",
    category: Category::BadAnswer,
};

pub static SPEC_UNREADABLE: Entry = Entry {
    code: "1012",
    text: "The wish of {resource} could not be read: {reason}.",
    cause: "The worker is older than the API.",
    remedy: "Upgrade the worker, then retry the resource.",
    category: Category::BadAnswer,
};

pub static REHEARSED: Entry = Entry {
    code: "1013",
    text: "Step {step} failed, as its phantom script says.",
    cause: "The resource asks for a rehearsed fault.",
    remedy: "Take the phantom script out of the wish, then retry.",
    category: Category::HostRefused,
};

pub static HOST_UNREACHABLE: Entry = Entry {
    code: "2000",
    text: "Host {host} could not be reached: {reason}.",
    cause: "The host is down, or SSH to it is refused.",
    remedy: "Nothing is lost: the task waits and goes on when the host answers. Try the connection by hand.",
    category: Category::HostUnreachable,
};

pub static COMMAND_FAILED: Entry = Entry {
    code: "2001",
    text: "{program} on {host} failed with status {status}: {stderr}.",
    cause: "The program said no; its own words are in the text.",
    remedy: "Mend what it complains about on {host}, then retry the resource.",
    category: Category::HostRefused,
};

pub static ANSWER_UNREADABLE: Entry = Entry {
    code: "2002",
    text: "{program} on {host} gave an answer that makes no sense: {reason}.",
    cause: "The program's version is not one that drover knows, or its output was cut.",
    remedy: "Run the command by hand and report its output with the program's version.",
    category: Category::BadAnswer,
};

pub static COMMAND_DEADLINE: Entry = Entry {
    code: "2003",
    text: "{program} on {host} did not end within {deadline_secs} s and was stopped.",
    cause: "The program or the storage beneath it hangs.",
    remedy: "It is tried again by itself; if it fails three times, look at the host.",
    category: Category::Deadline,
};

pub static PROGRAM_MISSING: Entry = Entry {
    code: "2004",
    text: "{program} is not installed on {host}.",
    cause: "The host lacks a package that this driver needs.",
    remedy: "Install it: the driver's page in the book lists the packages. Then retry the resource.",
    category: Category::HostRefused,
};

pub static HOST_FENCED: Entry = Entry {
    code: "2005",
    text: "{host} has seen fence {seen} of the lock {lock} and refused {fence}; nothing was done.",
    cause: "The lock was granted to another meanwhile, who has already acted: this worker was paused or cut off.",
    remedy: "Nothing to do: it is tried again by itself. If it goes on, the lock service's clock is behind: set it, restart the service.",
    category: Category::Locked,
};

pub static SESSION_LOST: Entry = Entry {
    code: "2006",
    text: "The connection to {host} was lost while {program} ran: {reason}.",
    cause: "The network, the host or its sshd went away. What was asked for may have been done, or still go on.",
    remedy: "Nothing is lost: the task waits and goes on when the host answers, after what still runs, and looks first.",
    category: Category::HostUnreachable,
};

pub static NO_VM: Entry = Entry {
    code: "1014",
    text: "{verb} needs a VM, and the record names none.",
    cause: "The record was made by another version, or changed by hand.",
    remedy: "Name the VM in the resource's spec, or scrub the resource.",
    category: Category::BadAnswer,
};

pub static VM_GOING: Entry = Entry {
    code: "1015",
    text: "vm {vm} is {state}.",
    cause: "The VM was scrubbed, or is to be, before this could begin.",
    remedy: "Scrub the resource, and make one of a VM that is there.",
    category: Category::Conflict,
};

pub static UNCONTRACTED: Entry = Entry {
    code: "1016",
    text: "{command} was not sent to {host}: {reason}.",
    cause: "A defect in the driver: the contract of the host's cmdlets does not know such a request.",
    remedy: "Report it with the task's trace; nothing was changed.",
    category: Category::BadAnswer,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &API_UNAVAILABLE,
    &NOT_EXPECTED_STATE,
    &SUPERSEDED,
    &PANIC,
    &STEP_NO_EFFECT,
    &STEP_DIFFERS,
    &STEP_DEADLINE,
    &TASK_DEADLINE,
    &CANCELLED,
    &LOCK_LOST,
    &LOCK_UNAVAILABLE,
    &WORKER_LOST,
    &DRIVER_MISSING,
    &HANDED_OVER,
    &NO_VM,
    &VM_GOING,
    &UNCONTRACTED,
    &TOUCHED_WHILE_LOOKING,
    &SPEC_UNREADABLE,
    &REHEARSED,
    &HOST_UNREACHABLE,
    &COMMAND_FAILED,
    &ANSWER_UNREADABLE,
    &COMMAND_DEADLINE,
    &PROGRAM_MISSING,
    &HOST_FENCED,
    &SESSION_LOST,
];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "backup_hyperv_build",
    "backup_hyperv_scrub",
    "backup_kvm_build",
    "backup_kvm_scrub",
    "ceph_build",
    "ceph_scrub",
    "ceph_updatequiesced",
    "ceph_updaterunning",
    "errand_purge",
    "errand_quarantine",
    "errand_restore",
    "errand_survey",
    "gpu_updatequiesced",
    "gpu_updaterunning",
    "snapshot_hyperv_build",
    "snapshot_hyperv_scrub",
    "snapshot_hyperv_updaterunning",
    "snapshot_kvm_build",
    "snapshot_kvm_scrub",
    "snapshot_kvm_updaterunning",
    "virtual_router_build",
    "virtual_router_quiesce",
    "virtual_router_restart",
    "virtual_router_scrub",
    "virtual_router_scrubprep",
    "virtual_router_updatequiesced",
    "virtual_router_updaterunning",
    "virtual_router_phantom_build",
    "virtual_router_phantom_quiesce",
    "virtual_router_phantom_restart",
    "virtual_router_phantom_scrub",
    "virtual_router_phantom_scrubprep",
    "virtual_router_phantom_updatequiesced",
    "virtual_router_phantom_updaterunning",
    "vm_hyperv_build",
    "vm_hyperv_quiesce",
    "vm_hyperv_restart",
    "vm_hyperv_scrub",
    "vm_hyperv_scrubprep",
    "vm_hyperv_updatequiesced",
    "vm_hyperv_updaterunning",
    "vm_kvm_build",
    "vm_kvm_quiesce",
    "vm_kvm_restart",
    "vm_kvm_scrub",
    "vm_kvm_scrubprep",
    "vm_kvm_updatequiesced",
    "vm_kvm_updaterunning",
    "vm_phantom_build",
    "vm_phantom_quiesce",
    "vm_phantom_restart",
    "vm_phantom_scrub",
    "vm_phantom_scrubprep",
    "vm_phantom_updatequiesced",
    "vm_phantom_updaterunning",
];
