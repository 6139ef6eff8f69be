//! What the lock service can meet.

use crate::{Category, Entry};

pub static LOCK_TIMEOUT: Entry = Entry {
    code: "locks_acquire_001",
    text: "The lock {lock} was not granted within {wait_secs} s; it is held by {holder}.",
    cause: "Another task is at work there.",
    remedy: "Wait: the task is tried again by itself. See drover lock show.",
    category: Category::Locked,
};

pub static NOT_HELD: Entry = Entry {
    code: "locks_renew_001",
    text: "The lock {lock} is not held with fence {fence}.",
    cause: "Its lease ran out, or it was released or broken.",
    remedy: "Acquire it again; what was done under the old fence is refused at the host.",
    category: Category::PreconditionFailed,
};

pub static HOLDER_ALIVE: Entry = Entry {
    code: "locks_break_001",
    text: "The lock {lock} is held by {holder}, whose lease has {left_secs} s left.",
    cause: "The holder is alive.",
    remedy: "Wait for the lease to end, or cancel the holder's task.",
    category: Category::Conflict,
};

pub static BAD_NAME: Entry = Entry {
    code: "locks_acquire_002",
    text: "{lock} is no lock name: {reason}.",
    cause: "Lock names are built from region, host, network, pool, device and resource.",
    remedy: "Use the name as drover lock list shows it.",
    category: Category::InvalidInput,
};

pub static LOCK_UNKNOWN: Entry = Entry {
    code: "locks_show_001",
    text: "Nobody holds or waits for the lock {lock}.",
    cause: "It was released.",
    remedy: "List the locks: drover lock list.",
    category: Category::NotFound,
};

pub static BAD_REQUEST: Entry = Entry {
    code: "locks_acquire_003",
    text: "The lock service could not read the request: {reason}.",
    cause: "The client is of another version, or asks for something the lock service does not do.",
    remedy: "Bring the client and the lock service to the same version of drover.",
    category: Category::InvalidInput,
};

pub static TOKEN_UNKNOWN: Entry = Entry {
    code: "locks_access_001",
    text: "The lock service does not know the token.",
    cause: "The request has no bearer token, or one of another fleet.",
    remedy: "Give the client the token that the lock service was started with.",
    category: Category::Unauthenticated,
};

pub static TOKEN_ROLE: Entry = Entry {
    code: "locks_access_002",
    text: "The {role} token may not do that.",
    cause: "Workers acquire, renew and release; operators list, show and break.",
    remedy: "Use the token of the other role.",
    category: Category::Forbidden,
};

pub static UPGRADE: Entry = Entry {
    code: "locks_acquire_004",
    text: "The lock {lock} is held or waited for in shared mode by the same attempt, which now asks for it alone.",
    cause: "Two that share a lock and both ask for it alone would wait for each other for ever.",
    remedy: "Release it first, or ask for it alone from the beginning.",
    category: Category::Conflict,
};

pub static REGISTERS_AWAY: Entry = Entry {
    code: "locks_registers_001",
    text: "The lock service could not read or write its registers: {reason}.",
    cause: "The database is down or its password wrong, the disk is full, or another lock service has the folder open.",
    remedy: "Mend that; the lock service goes on by itself, with the holders and waiters it had.",
    category: Category::Unavailable,
};

pub static REGISTERS_DAMAGED: Entry = Entry {
    code: "locks_registers_002",
    text: "The lock service's log {path} is damaged at byte {at}; what stands before it is kept.",
    cause: "The machine lost its power while the log was written, or the disk is failing.",
    remedy: "Nothing to do if the power failed: what was lost was never answered. The rest is in the same file that ends in              .damaged. Restart the workers if the disk is failing: holders whose locks are lost learn it at their next renewal.",
    category: Category::Internal,
};

pub static REGISTERS_URL: Entry = Entry {
    code: "locks_registers_003",
    text: "locks.registers begins with {scheme}, which is none of file://, postgres:// and memory:.",
    cause: "The setting names where the lock service keeps holders, waiters and fences.",
    remedy: "Use file:///var/lib/drover/locks for one lock service, postgres://USER@HOST/DATABASE for several.",
    category: Category::InvalidInput,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &LOCK_TIMEOUT,
    &BAD_NAME,
    &BAD_REQUEST,
    &UPGRADE,
    &NOT_HELD,
    &HOLDER_ALIVE,
    &LOCK_UNKNOWN,
    &TOKEN_UNKNOWN,
    &TOKEN_ROLE,
    &REGISTERS_AWAY,
    &REGISTERS_DAMAGED,
    &REGISTERS_URL,
];
