//! The message: which task, of which driver's verb, for which host. Never the record, never a secret.

use errors::Fault;
use model::{Kind, ResourceId, TaskId, Verb};
use serde::{Deserialize, Serialize};

/// What this version writes, and all that it reads.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    version: u32,
    pub task: TaskId,
    pub resource: ResourceId,
    pub kind: Kind,
    pub verb: Verb,
    /// The server's name; its queue.
    pub host: String,
}

impl Message {
    pub fn new(task: TaskId, resource: ResourceId, kind: Kind, verb: Verb, host: String) -> Self {
        Self { version: VERSION, task, resource, kind, verb, host }
    }

    pub fn encode(&self) -> Vec<u8> {
        // Numbers, words and a name: there is nothing in it that cannot be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let broken = |error: serde_json::Error| {
            Fault::new(&errors::queue::MESSAGE_BROKEN)
                .hole("reason", format!("line {}, column {}", error.line(), error.column()))
        };
        let Versioned { version } = serde_json::from_slice(body).map_err(broken)?;
        if version != VERSION {
            return Err(Fault::new(&errors::queue::MESSAGE_VERSION).hole("found", version).hole("known", VERSION));
        }
        serde_json::from_slice(body).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        let message = Message::new(TaskId(12), ResourceId(7), Kind::VmKvm, Verb::Build, "kvm-1".into());
        assert_eq!(Message::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn an_unknown_version_and_a_broken_body_are_told_apart() {
        let code = |body: &str| Message::decode(body.as_bytes()).unwrap_err().entry.code;
        assert_eq!(code(r#"{"version":2,"anything":true}"#), "queue_consume_001");
        assert_eq!(code(r#"{"version":1,"task":"x"}"#), "queue_consume_002");
        assert_eq!(code("canary"), "queue_consume_002");
    }
}
