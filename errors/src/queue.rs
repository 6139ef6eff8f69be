//! What the task queue can meet.

use crate::{Category, Entry};

pub static BROKER_UNAVAILABLE: Entry = Entry {
    code: "queue_publish_001",
    text: "The broker does not answer as it should: {reason}.",
    cause: "RabbitMQ is down, out of memory or disk, or the network to it is.",
    remedy: "Nothing is lost: the task is dispatched again by itself. Check the broker's alarms.",
    category: Category::Unavailable,
};

pub static UNROUTABLE: Entry = Entry {
    code: "queue_publish_002",
    text: "No queue takes messages for host {host}.",
    cause: "The host's queue was deleted.",
    remedy: "It is declared again by itself. Do not delete drover's queues by hand.",
    category: Category::Unavailable,
};

pub static MESSAGE_VERSION: Entry = Entry {
    code: "queue_consume_001",
    text: "The message has version {found}; this worker knows {known}.",
    cause: "A newer dispatcher wrote it.",
    remedy: "Upgrade the worker, then redrive the message: drover queue dead redrive.",
    category: Category::InvalidInput,
};

pub static MESSAGE_BROKEN: Entry = Entry {
    code: "queue_consume_002",
    text: "The message could not be read: {reason}.",
    cause: "Something other than drover published it.",
    remedy: "Look at it with drover queue dead show. The sweep dispatches the task again by itself.",
    category: Category::InvalidInput,
};

pub static DELIVERY_LIMIT: Entry = Entry {
    code: "queue_consume_003",
    text: "The message was delivered {count} times without being taken.",
    cause: "Each worker that took it went away before it could claim the task.",
    remedy: "Look at the workers' logs. The sweep dispatches the task again by itself.",
    category: Category::Internal,
};

pub static DEAD_NOT_FOUND: Entry = Entry {
    code: "queue_dead_001",
    text: "There is no dead letter {id}.",
    cause: "It was redriven or removed already.",
    remedy: "List them: drover queue dead list.",
    category: Category::NotFound,
};

pub static EMBEDDED_DAMAGED: Entry = Entry {
    code: "queue_embedded_001",
    text: "The embedded queue's log {path} is damaged at byte {at}: {reason}.",
    cause: "The disk lost data that had been synced.",
    remedy: "The damaged tail was set aside; the sweep dispatches the tasks again by itself.",
    category: Category::Internal,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &BROKER_UNAVAILABLE,
    &UNROUTABLE,
    &MESSAGE_VERSION,
    &MESSAGE_BROKEN,
    &DELIVERY_LIMIT,
    &DEAD_NOT_FOUND,
    &EMBEDDED_DAMAGED,
];
