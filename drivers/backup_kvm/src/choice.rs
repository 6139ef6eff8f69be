//! Whether a backup is full or holds the difference to another one: a pure function.

use crate::plan::Source;
use model::backup::Manifest;

/// What a backup is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All of every disk, and why.
    Full(String),
    /// What was written since this one.
    Since(Box<Manifest>),
}

/// From the disks and the newest backup of the repository.
pub fn choose(runs: bool, disks: &[Source], newest: Result<Option<Manifest>, String>, full_every: u32) -> Choice {
    let full = |why: &str| Choice::Full(why.to_owned());
    if !runs {
        return full("the VM is off, and libvirt backs up what runs");
    }
    let manifest = match newest {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return full("it is the first of its repository"),
        Err(why) => return full(&format!("nothing can stand on the last one: {why}")),
    };
    if manifest.checkpoint.is_none() {
        return full("the last one was made while the VM was off");
    }
    if manifest.with_chain().count() as u64 >= u64::from(full_every) {
        return full(&format!("a chain has at most {full_every}"));
    }
    if !same_disks(disks, &manifest) {
        return full("a disk was added, removed or grown");
    }
    Choice::Since(Box::new(manifest))
}

fn same_disks(disks: &[Source], manifest: &Manifest) -> bool {
    let has = |disk: &Source| manifest.disks.iter().any(|old| old.name == disk.name && old.size == disk.size);
    disks.len() == manifest.disks.len() && disks.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ResourceId;
    use model::backup::{BackupKind, FORMAT, ManifestDisk};

    fn disk(name: &str, size: u64) -> Source {
        Source { name: name.into(), path: format!("/{name}"), target: "vda".into(), size }
    }

    fn newest(change: impl FnOnce(&mut Manifest)) -> Result<Option<Manifest>, String> {
        let moment = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let file = |name: &str| ManifestDisk {
            name: name.into(),
            size: 5,
            file: format!("{name}.qcow2"),
            bytes: 3,
            sha256: "ab".repeat(32),
        };
        let mut newest = Manifest {
            format: FORMAT,
            backup: ResourceId(32),
            vm: ResourceId(7),
            kind: BackupKind::Incremental,
            why_full: None,
            chain: vec![ResourceId(31)],
            checkpoint: Some("drover-32".into()),
            made_at: moment,
            valid_until: moment,
            domain: "<domain/>".into(),
            disks: vec![file("root")],
            left_out: Vec::new(),
        };
        change(&mut newest);
        Ok(Some(newest))
    }

    #[test]
    fn it_is_incremental_only_on_something_whole_and_unchanged() {
        let disks = [disk("root", 5)];
        let why = |choice| match choice {
            Choice::Full(why) => why,
            Choice::Since(manifest) => format!("since {}", manifest.backup),
        };
        let choose = |disks: &[Source], newest, every| why(super::choose(true, disks, newest, every));
        assert_eq!(choose(&disks, newest(|_| ()), 3), "since 32");
        assert_eq!(choose(&disks, newest(|_| ()), 2), "a chain has at most 2");
        assert!(choose(&disks, Ok(None), 3).contains("the first"));
        assert!(choose(&disks, Err("backup 31 has no manifest".into()), 3).contains("backup 31"));
        assert!(choose(&[disk("root", 6)], newest(|_| ()), 3).contains("grown"));
        assert!(choose(&[disk("root", 5), disk("data", 5)], newest(|_| ()), 3).contains("added"));
        assert!(choose(&disks, newest(|newest| newest.checkpoint = None), 3).contains("off"));
        assert!(why(super::choose(false, &disks, newest(|_| ()), 3)).contains("the VM is off"));
    }
}
