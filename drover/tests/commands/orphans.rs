//! `drover orphans`: found, set aside, put back and removed from the command line, and what it is refused with. The orphan
//! is the folder of a router that no record has, on a node that is this machine.

use crate::rig::Up;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NAME: &str = "drover-r9301";

struct Ground {
    _folder: TempDir,
    up: Up,
    planted: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let storage = folder.path().join("storage");
        let planted = storage.join("routers/9301");
        std::fs::create_dir_all(&planted).expect("a folder");
        std::fs::write(planted.join("ruleset.nft"), "\n").expect("a file");
        let up = Up::start(&folder);
        let storage = storage.display().to_string();
        let size = ["--cores", "1", "--ram-mb", "1", "--gb", "1"];
        let create = ["server", "create", "node-1", "--type", "router", "--storage", &storage];
        up.run(&[create.as_slice(), &size].concat()).ends(0);
        Self { _folder: folder, up, planted }
    }

    /// The planted one, after a survey if it is wanted; others may be on this machine.
    fn found(&self, more: &[&str]) -> Option<Value> {
        let list = [["orphans", "list", "--host", "node-1", "--sort", "namespace"].as_slice(), more].concat();
        let found = self.up.json(&list);
        found.as_array().into_iter().flatten().find(|orphan| orphan["name"] == NAME).cloned()
    }

    fn planted(&self) -> &Path {
        &self.planted
    }

    /// Refused with this exit code, and with this code of the catalogue.
    fn refused(&self, arguments: &[&str], exit: i32, code: &str) {
        let said = self.up.run(&[["orphans"].as_slice(), arguments].concat()).ends(exit);
        assert!(said.err.contains(code), "{said:#?}");
    }
}

#[test]
fn an_orphan_is_found_set_aside_put_back_and_removed() {
    let ground = Ground::new();
    let orphan = ground.found(&["--survey"]).expect("it is found");
    let id = orphan["id"].to_string();
    assert_eq!(
        (&orphan["sort"], &orphan["host"], &orphan["resource"]),
        (&"namespace".into(), &"node-1".into(), &9301.into())
    );
    let shown = ground.up.run(&["orphans", "list"]).ends(0);
    let line = shown.out.lines().find(|line| line.contains(NAME)).unwrap_or_else(|| panic!("{shown:#?}"));
    assert!(shown.out.contains("in quarantine since") && line.contains("only its files"), "{shown:#?}");

    ground.refused(&["restore", &id], 4, "iaas_orphan_003");
    let told = ground.up.run(&["orphans", "quarantine", &id]).ends(0);
    assert!(told.out.contains("succeeded") && told.out.contains("quarantine"), "{told:#?}");
    assert!(ground.found(&[]).is_some_and(|orphan| orphan["set_aside_at"].is_string()));
    ground.refused(&["quarantine", &id], 4, "iaas_orphan_002");

    let told = ground.up.json(&["orphans", "restore", &id]);
    assert_eq!(told[0]["status"], "succeeded");
    assert!(ground.found(&[]).is_some_and(|orphan| orphan["set_aside_at"].is_null()));

    // Nobody is there to be asked; and what is in its place is purged only when that is said.
    ground.refused(&["purge", &id], 1, "drover_client_007");
    ground.refused(&["purge", "--yes", &id], 4, "iaas_orphan_003");
    assert!(ground.planted().exists());
    let told = ground.up.json(&["orphans", "purge", "--now", "--yes", &id]);
    assert_eq!(told[0]["status"], "succeeded", "{told:#}");
    assert!(!ground.planted().exists() && ground.found(&["--survey"]).is_none());
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let ground = Ground::new();
    for verb in ["quarantine", "restore", "purge"] {
        ground.refused(&[verb], 2, "<IDS>");
        ground.refused(&[verb, "seven"], 2, "seven");
        let all: &[&str] = if verb == "purge" { &[verb, "--yes", "999"] } else { &[verb, "999"] };
        ground.refused(all, 3, "iaas_resource_001");
    }
    ground.refused(&["list", "--sort", "cupboard"], 2, "cupboard");
    ground.refused(&["list", "--timeout", "5"], 2, "--survey");
    ground.refused(&["list", "--survey", "--host", "nowhere"], 3, "nowhere");
    assert_eq!(ground.up.json(&["orphans", "list", "--sort", "domain"]), Value::Array(Vec::new()));
}
