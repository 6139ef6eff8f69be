//! Dead letters: messages that could not be taken, with the reason.

use errors::Fault;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub id: String,
    /// The host whose queue it was on.
    pub host: String,
    /// Code and text of the catalogue.
    pub reason: String,
    /// As it came, what is no UTF-8 replaced.
    pub body: String,
}

pub(crate) fn reason(fault: &Fault) -> String {
    format!("{}: {}", fault.entry.code, fault.text())
}

pub(crate) fn over_the_limit(count: u32) -> Fault {
    Fault::new(&errors::queue::DELIVERY_LIMIT).hole("count", count)
}

pub(crate) fn not_found(id: &str) -> Fault {
    Fault::new(&errors::queue::DEAD_NOT_FOUND).hole("id", id)
}
