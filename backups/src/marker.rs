//! Which repository a folder is. The first backup into a folder that the settings name marks it with an id, and notes that
//! on the host, beside the disks: a folder whose file system is not mounted has no marker, and nothing is written there.
//!
//! The repository below the host's own storage needs none: it is where the disks are.

use commands::files;
use errors::Fault;
use hosts::Runner;
use model::backup::Repository as Which;
use model::names;
use serde::{Deserialize, Serialize};

/// What the host knows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// As the settings name it.
    pub place: String,
    pub id: String,
}

impl Known {
    pub fn path(storage: &str, which: Which) -> String {
        names::known_repository(storage, which.word())
    }

    /// Nothing of a place that was named by settings before these.
    pub async fn read(cx: &impl Runner, which: Which, place: &str) -> Result<Option<Self>, Fault> {
        let text = cx.run(files::read(&Self::path(&cx.settings().storage, which))).await?;
        let known = text.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        Ok(known.filter(|known| known.place == place))
    }

    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Ids in a folder's list, in order: two first backups at once give it two.
pub fn ids(names: &[String]) -> Vec<String> {
    let mut ids: Vec<String> = names.iter().filter_map(|name| names::repository_of(name)).map(str::to_owned).collect();
    ids.sort();
    ids
}
