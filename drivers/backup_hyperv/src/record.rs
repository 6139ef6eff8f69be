//! What an export was made of, written beside it when it has ended well: without this nothing says that it is whole.

use errors::Fault;
use lifecycle::Context;
use model::Moment;
use model::backup::Consistency;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub consistency: Consistency,
    pub why_crash: Option<String>,
    pub made_at: Moment,
    pub disks: Vec<Source>,
}

/// A disk of the VM at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub name: String,
    /// As the guest sees it, in bytes.
    pub size: u64,
    /// The name of its newest file, which the export keeps.
    pub file: String,
}

impl Record {
    /// None when it is absent, or cannot be read: then nothing is known of the files beside it.
    pub async fn read(cx: &Context, path: &str) -> Result<Option<Self>, Fault> {
        let bytes = cx.get(path).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub async fn write(&self, cx: &Context, path: &str) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        cx.put(path, text.as_bytes(), 0o600).await
    }
}
