//! What the IaaS API answers with.

use crate::{Category, Entry};

pub static BODY_INVALID: Entry = Entry {
    code: "iaas_request_001",
    text: "The request's body is not valid: {reason}.",
    cause: "A field is missing, unknown, or of the wrong type.",
    remedy: "Compare it with the schema at /openapi.json.",
    category: Category::InvalidInput,
};

pub static QUERY_INVALID: Entry = Entry {
    code: "iaas_request_002",
    text: "The request's query or path is not valid: {reason}.",
    cause: "A parameter is unknown or of the wrong type.",
    remedy: "Compare it with /openapi.json.",
    category: Category::InvalidInput,
};

pub static NO_SUCH_ROUTE: Entry = Entry {
    code: "iaas_request_003",
    text: "There is no {path} here.",
    cause: "The path is misspelt, or from another version.",
    remedy: "See /openapi.json for what there is.",
    category: Category::NotFound,
};

pub static UNEXPECTED: Entry = Entry {
    code: "iaas_request_004",
    text: "The API could not answer: {reason}.",
    cause: "A defect in drover.",
    remedy: "Report it with the trace id.",
    category: Category::Internal,
};

pub static TOKEN_INVALID: Entry = Entry {
    code: "iaas_token_001",
    text: "The bearer token is missing or not known.",
    cause: "It was mistyped, revoked, or belongs to another fleet.",
    remedy: "Pass a token in the Authorization header; an operator makes one with drover token create.",
    category: Category::Unauthenticated,
};

pub static ROLE_FORBIDDEN: Entry = Entry {
    code: "iaas_token_002",
    text: "A {role} token may not {action}.",
    cause: "The route is for another role.",
    remedy: "Use a token whose role is one of: {allowed}.",
    category: Category::Forbidden,
};

pub static NOT_YOURS: Entry = Entry {
    code: "iaas_token_003",
    text: "There is no {what} {id} here.",
    cause: "It does not exist, or belongs to someone else.",
    remedy: "List what this token can see.",
    category: Category::NotFound,
};

pub static HOST_FORBIDDEN: Entry = Entry {
    code: "iaas_token_004",
    text: "This worker token does not cover host {host}.",
    cause: "A worker sees and moves only its own hosts' tasks.",
    remedy: "Make a token for that host: drover token create --role worker --host {host}.",
    category: Category::Forbidden,
};

pub static NOT_FOUND: Entry = Entry {
    code: "iaas_resource_001",
    text: "There is no {what} {id}.",
    cause: "It never was, or has been removed.",
    remedy: "List what there is.",
    category: Category::NotFound,
};

pub static STATE_NOT_ALLOWED: Entry = Entry {
    code: "iaas_resource_002",
    text: "{resource} is {current}; from there one may ask for: {allowed}. Asked: {asked}.",
    cause: "The resource is not in a state from which this can be asked.",
    remedy: "Wait for the running task, or ask for one of the allowed states.",
    category: Category::Conflict,
};

pub static SPEC_INVALID: Entry = Entry {
    code: "iaas_resource_003",
    text: "The wish is not valid: {reason}.",
    cause: "A field has a value that no driver can carry out.",
    remedy: "Correct the field that is named.",
    category: Category::InvalidInput,
};

pub static ETAG_MISMATCH: Entry = Entry {
    code: "iaas_resource_004",
    text: "{resource} has changed: its version is {current}, If-Match says {asked}.",
    cause: "Someone else changed it since you read it.",
    remedy: "Read it again, and decide again.",
    category: Category::PreconditionFailed,
};

pub static ETAG_REQUIRED: Entry = Entry {
    code: "iaas_resource_005",
    text: "A change of {resource} needs If-Match with the version that was read.",
    cause: "Without it, two changes could overwrite each other.",
    remedy: "Read the resource and send its ETag in If-Match.",
    category: Category::PreconditionRequired,
};

pub static IN_USE: Entry = Entry {
    code: "iaas_resource_006",
    text: "{what} {id} is still used by {users}.",
    cause: "Something that is not closed refers to it.",
    remedy: "Scrub what uses it first.",
    category: Category::Conflict,
};

pub static IDEMPOTENCY_MISMATCH: Entry = Entry {
    code: "iaas_request_005",
    text: "The Idempotency-Key was used before with another request.",
    cause: "A client reused a key.",
    remedy: "Use a new key for a new request.",
    category: Category::Conflict,
};

pub static NO_PLACE: Entry = Entry {
    code: "iaas_vm_create_101",
    text: "No server fits: {checks}.",
    cause: "Each server's failing check is listed with its numbers.",
    remedy: "Add or enable a server, free capacity on one, or ask for less.",
    category: Category::NoCapacity,
};

pub static SERVER_UNFIT: Entry = Entry {
    code: "iaas_vm_create_102",
    text: "Server {server} does not fit: {checks}.",
    cause: "The server that the wish names lacks what it asks for.",
    remedy: "Name another server, or none to let drover pick.",
    category: Category::NoCapacity,
};

pub static IMAGE_TOO_LARGE: Entry = Entry {
    code: "iaas_vm_create_103",
    text: "Image {image} needs a primary disk of {min_gb} GB; {asked_gb} GB were asked for.",
    cause: "The image does not fit on the disk.",
    remedy: "Ask for a primary disk of at least {min_gb} GB.",
    category: Category::InvalidInput,
};

pub static IMAGE_NO_USERDATA: Entry = Entry {
    code: "iaas_vm_create_104",
    text: "Image {image} takes no userdata.",
    cause: "The image has no cloud-init.",
    remedy: "Leave userdata out, or use an image with cloud-init.",
    category: Category::InvalidInput,
};

pub static IMAGE_NEEDS_PASSWORD: Entry = Entry {
    code: "iaas_vm_create_107",
    text: "Image {image} is a Windows: a VM of it needs an admin_password.",
    cause: "Its first start waits for a password of the Administrator, and nobody could get in without.",
    remedy: "Give admin_password, 8 to 127 characters; change it in the guest afterwards.",
    category: Category::InvalidInput,
};

pub static IMAGE_NO_PASSWORD: Entry = Entry {
    code: "iaas_vm_create_108",
    text: "Image {image} takes no admin_password.",
    cause: "Only a Windows on Hyper-V has its password set at its first start.",
    remedy: "Leave admin_password out; use ssh_keys or userdata.",
    category: Category::InvalidInput,
};

pub static BACKUP_UNUSABLE: Entry = Entry {
    code: "iaas_vm_create_105",
    text: "Backup {backup} is {state}, so that no VM can be made from it.",
    cause: "It is not finished, or its files are gone or about to go.",
    remedy: "Name a backup that is running.",
    category: Category::Conflict,
};

pub static BACKUP_UNVERIFIABLE: Entry = Entry {
    code: "iaas_errand_005",
    text: "Backup {backup} is {state}: there is nothing to verify.",
    cause: "It is not finished, or its files are gone or about to go.",
    remedy: "Name a backup that is running.",
    category: Category::Conflict,
};

pub static BACKUP_OUT_OF_REACH: Entry = Entry {
    code: "iaas_vm_create_106",
    text: "Backup {backup} is on {has}, and {server} cannot read it there.",
    cause: "Its repository is a folder of that server.",
    remedy: "Leave the server out, or keep backups in a repository user@host:/path that the settings of both servers name.",
    category: Category::Conflict,
};

pub static NAME_TAKEN: Entry = Entry {
    code: "iaas_resource_007",
    text: "There is already a {what} named {name}.",
    cause: "Names of servers are unique, as queues and locks carry them.",
    remedy: "Choose another name.",
    category: Category::Conflict,
};

pub static ROUTER_EXISTS: Entry = Entry {
    code: "iaas_virtual_router_create_101",
    text: "Project {project} already has virtual router {router}.",
    cause: "A project has one virtual router.",
    remedy: "Change that one, or scrub it first.",
    category: Category::Conflict,
};

pub static DEVICE_NOT_ALLOWED: Entry = Entry {
    code: "iaas_gpu_001",
    text: "Device {device} of {host} may not be given to VMs.",
    cause: "The server's settings.gpu.devices name it neither by itself (PCI address, UUID) nor by what it is (vendor and product, type of a mediated device); nothing else may be given.",
    remedy: "Take a device that drover gpu devices lists as free, or have an operator name this one in the server's settings.",
    category: Category::Forbidden,
};

pub static DEVICE_TAKEN: Entry = Entry {
    code: "iaas_gpu_002",
    text: "Device {device} of {host} is taken by {taken}.",
    cause: "Another record that is not closed names it, or a device that comes and goes with it (its other functions, its IOMMU group), or that it is a share of, or that is a share of it.",
    remedy: "Take another device; or delete that record once no VM has the device.",
    category: Category::Conflict,
};

pub static ROUTER_STANDBY: Entry = Entry {
    code: "iaas_virtual_router_change_102",
    text: "Virtual router {standby} is the standby of virtual router {router}, and follows it.",
    cause: "Two nodes hold one router: what is asked of the first is carried out on both.",
    remedy: "Ask it of virtual router {router}; to be rid of the standby, set its pair to null.",
    category: Category::Conflict,
};

pub static TASK_NOT_CANCELLABLE: Entry = Entry {
    code: "iaas_task_001",
    text: "Task {task} is {status} and cannot be cancelled.",
    cause: "It has already ended.",
    remedy: "See the task's resource for what can be asked now.",
    category: Category::Conflict,
};

pub static TASK_NOT_RETRYABLE: Entry = Entry {
    code: "iaas_task_002",
    text: "Task {task} is {status}; only the failed task of an unresourced resource can be retried.",
    cause: "It has not failed, or a newer task has taken its place.",
    remedy: "See the resource for what can be asked now.",
    category: Category::Conflict,
};

pub static CLAIM_REFUSED: Entry = Entry {
    code: "iaas_fleet_001",
    text: "Task {task} cannot be claimed: it is {status}.",
    cause: "Another worker has it, or it has ended.",
    remedy: "Nothing to do: drop the message.",
    category: Category::Conflict,
};

pub static FENCE_REFUSED: Entry = Entry {
    code: "iaas_fleet_002",
    text: "Attempt {fence} of task {task} was superseded.",
    cause: "Its lease ran out and another attempt took over.",
    remedy: "Stop the attempt: its writes are refused.",
    category: Category::PreconditionFailed,
};

pub static NOTHING_TO_SURVEY: Entry = Entry {
    code: "iaas_errand_001",
    text: "Server {host} is of type {type}: there is nothing to survey.",
    cause: "Surveys are of KVM and Hyper-V hosts, router nodes and Ceph clusters.",
    remedy: "Leave it out.",
    category: Category::InvalidInput,
};

pub static ERRAND_SUPERSEDED: Entry = Entry {
    code: "iaas_errand_002",
    text: "Attempt {attempt} of errand {errand} was superseded.",
    cause: "Its lease ran out, and it was queued again.",
    remedy: "Stop the attempt: its writes are refused.",
    category: Category::PreconditionFailed,
};

pub static ERRAND_LATE: Entry = Entry {
    code: "iaas_errand_003",
    text: "No worker of {host} took errand {errand} within {secs} s.",
    cause: "The host's worker is down, or older than the API.",
    remedy: "Start or upgrade the worker of {host}, then ask again.",
    category: Category::Deadline,
};

pub static ERRAND_LOST: Entry = Entry {
    code: "iaas_errand_004",
    text: "{attempts} attempts of errand {errand} on {host} ended with their worker lost.",
    cause: "The errand takes its worker down: out of memory, killed, or aborted.",
    remedy: "Look at the log of the worker of {host} before you ask again.",
    category: Category::Internal,
};

pub static ORPHAN_OWNED: Entry = Entry {
    code: "iaas_orphan_001",
    text: "The {found} on {host} belongs to {owner}: it is no orphan.",
    cause: "A resource that is not closed has come to need it since it was found.",
    remedy: "Leave it alone; the next survey drops it from the list.",
    category: Category::Conflict,
};

pub static ORPHAN_ASIDE: Entry = Entry {
    code: "iaas_orphan_002",
    text: "The {found} on {host} is in quarantine already.",
    cause: "It was set aside before.",
    remedy: "Restore it or purge it.",
    category: Category::Conflict,
};

pub static ORPHAN_IN_PLACE: Entry = Entry {
    code: "iaas_orphan_003",
    text: "The {found} on {host} is not in quarantine.",
    cause: "Only what is in quarantine is restored or purged.",
    remedy: "Quarantine it first, or purge it with --now.",
    category: Category::Conflict,
};

pub static ORPHAN_BUSY: Entry = Entry {
    code: "iaas_orphan_004",
    text: "Errand {errand} is at work there: {what} on {host}.",
    cause: "Somebody has asked for something else of the same thing.",
    remedy: "Wait for it: drover errand show {errand}.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &BODY_INVALID,
    &QUERY_INVALID,
    &NO_SUCH_ROUTE,
    &UNEXPECTED,
    &TOKEN_INVALID,
    &ROLE_FORBIDDEN,
    &NOT_YOURS,
    &HOST_FORBIDDEN,
    &NOT_FOUND,
    &STATE_NOT_ALLOWED,
    &SPEC_INVALID,
    &ETAG_MISMATCH,
    &ETAG_REQUIRED,
    &IN_USE,
    &IDEMPOTENCY_MISMATCH,
    &NO_PLACE,
    &SERVER_UNFIT,
    &IMAGE_TOO_LARGE,
    &IMAGE_NO_USERDATA,
    &IMAGE_NEEDS_PASSWORD,
    &IMAGE_NO_PASSWORD,
    &BACKUP_UNUSABLE,
    &BACKUP_UNVERIFIABLE,
    &BACKUP_OUT_OF_REACH,
    &NAME_TAKEN,
    &ROUTER_EXISTS,
    &DEVICE_NOT_ALLOWED,
    &DEVICE_TAKEN,
    &ROUTER_STANDBY,
    &TASK_NOT_CANCELLABLE,
    &TASK_NOT_RETRYABLE,
    &CLAIM_REFUSED,
    &FENCE_REFUSED,
    &NOTHING_TO_SURVEY,
    &ERRAND_SUPERSEDED,
    &ERRAND_LATE,
    &ERRAND_LOST,
    &ORPHAN_OWNED,
    &ORPHAN_ASIDE,
    &ORPHAN_IN_PLACE,
    &ORPHAN_BUSY,
];
