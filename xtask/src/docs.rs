//! The generated pages of the book, written by the program itself.

use crate::run::{command, quietly, root, say};
use anyhow::{Result, bail};
use std::fs;

/// A page of `drover reference`, and its file.
const PAGES: &[(&str, &str)] = &[
    ("states", "states.md"),
    ("verbs", "verbs.md"),
    ("errors", "errors.md"),
    ("config", "config.md"),
    ("metrics", "metrics.md"),
    ("cli", "cli.md"),
    ("api", "api.md"),
    ("openapi", "openapi.json"),
];

pub fn run(check: bool) -> Result<()> {
    let folder = root().join("docs/reference");
    fs::create_dir_all(&folder)?;
    quietly(command("cargo").args(["build", "--quiet", "--package", "drover"]))?;
    let mut stale = Vec::new();
    for (page, file) in PAGES {
        let fresh = quietly(command("target/debug/drover").args(["reference", page]).env_remove("RUST_LOG"))?.stdout;
        let path = folder.join(file);
        if fs::read(&path).is_ok_and(|known| known == fresh) {
            continue;
        }
        if check {
            stale.push(*file);
        } else {
            fs::write(&path, fresh)?;
            say(&format!("docs/reference/{file} written"));
        }
    }
    if !stale.is_empty() {
        bail!("stale: docs/reference/{}; write them with: cargo xtask docs", stale.join(", docs/reference/"));
    }
    Ok(())
}
