//! A VM's checkpoints: a tree.

use super::row::{some, text};
use super::{NO_QUESTION, acts, each, long, looks, of};
use cmdlets::Row;
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    /// `Standard`, `Production`; `Recovery` of those that other programs make.
    pub kind: String,
    pub made_at: String,
}

fn read(row: &Row) -> Result<Checkpoint, String> {
    Ok(Checkpoint {
        id: text(row, "Id")?,
        name: text(row, "Name")?,
        parent: some(row, "ParentSnapshotId")?,
        kind: text(row, "SnapshotType")?,
        made_at: text(row, "CreationTime")?,
    })
}

pub fn list(vm: &str) -> Command<Vec<Checkpoint>> {
    let props = ["Id", "Name", "ParentSnapshotId", "SnapshotType", "CreationTime"];
    looks(&of(vm).then("Get-VMSnapshot", []).props(props), |output| each(output, read))
}

/// With all that came of it. Its files are merged after this has returned.
pub fn remove_tree(vm: &str, id: &str) -> Command<()> {
    let request = of(vm).then("Get-VMSnapshot", []).only("Id", id);
    long(acts(&request.then("Remove-VMSnapshot", [("IncludeAllChildSnapshots", true.into()), NO_QUESTION])))
}
