//! What the embedded queue writes into its journal.

use serde::{Deserialize, Serialize};

/// What happened to a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    Published {
        seq: u64,
        host: String,
        body: Vec<u8>,
        traceparent: Option<String>,
    },
    Acked {
        seq: u64,
    },
    Buried {
        seq: u64,
        reason: String,
    },
    /// A dead letter went back onto its queue.
    Redriven {
        seq: u64,
    },
}
