//! `cargo xtask tidy`: rules of the house that a machine can check. Each complaint says where, what, and what to do.

use crate::run::{command, quietly, root};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;

/// A file longer than this wants to be two.
const LONGEST_FILE: usize = 500;
const LONGEST_VERB: usize = 120;

/// Who may depend on whom: a crate, and all of ours that it may name. Tests, tools and fakes may name anything.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("errors", &[]),
    ("model", &["errors"]),
    ("cmdlets", &[]),
    ("hosts", &["errors", "model", "cmdlets"]),
    ("journal", &[]),
    ("queue", &["errors", "model", "journal"]),
    ("iaas", &["errors", "model"]),
    ("locks", &["errors", "model", "journal"]),
    ("service", &["errors", "model"]),
    ("commands", &["errors", "model", "hosts", "cmdlets"]),
    ("lifecycle", &["errors", "model", "hosts", "iaas", "locks", "queue"]),
    ("domains", &["errors", "model", "hosts", "commands", "lifecycle"]),
    ("segments", &["errors", "model", "hosts", "commands", "lifecycle", "domains"]),
    ("folders", &["errors", "commands", "lifecycle"]),
    ("pools", &["errors", "model", "hosts", "commands", "lifecycle", "domains"]),
    ("backups", &["errors", "model", "hosts", "commands"]),
    ("probe", &["errors", "model", "cmdlets", "hosts", "commands"]),
    ("survey", &["errors", "model", "hosts", "commands", "domains", "hyperv", "backups"]),
    ("seeds", &["model"]),
    ("hyperv", &["errors", "model", "hosts", "commands", "lifecycle"]),
    (
        "drivers",
        &[
            "errors",
            "model",
            "hosts",
            "commands",
            "lifecycle",
            "domains",
            "segments",
            "folders",
            "backups",
            "pools",
            "hyperv",
            "seeds",
        ],
    ),
    ("api", &["errors", "model", "iaas", "service", "store"]),
    ("api/store", &["errors", "model", "iaas"]),
    ("dispatcher", &["errors", "model", "iaas", "queue", "lifecycle", "service"]),
    (
        "worker",
        &[
            "errors",
            "model",
            "iaas",
            "queue",
            "locks",
            "lifecycle",
            "survey",
            "hosts",
            "commands",
            "cmdlets",
            "service",
            "backup_hyperv",
            "backup_kvm",
            "gpu",
            "snapshot_hyperv",
            "snapshot_kvm",
            "vm_hyperv",
            "vm_kvm",
            "ceph",
            "vm_phantom",
            "virtual_router",
            "virtual_router_phantom",
        ],
    ),
    ("history", &["errors", "model", "locks"]),
];

/// What only some places may do: what it looks like, where it may stand, and why.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    (
        "Command::new(",
        &["hosts/", "xtask/", "testkit/", "tests/", "drover/tests/", "seeds/tests/", "bench/", "history/"],
        "processes are started in hosts alone",
    ),
    ("#[allow(", &[], "use #[expect(.., reason = \"..\")]"),
    ("todo!(", &[], "finish it"),
    ("unimplemented!(", &[], "finish it"),
    ("dbg!(", &[], "take it out"),
];

/// What a verb's file must not touch.
const NOT_IN_VERBS: &[&str] = &[
    "std::process",
    "tokio::process",
    "std::time::SystemTime",
    "Instant::now",
    "std::env",
    "reqwest",
    "std::fs",
    "tokio::fs",
];

/// What drivers and commands must not touch: a host without fences.
const NOT_IN_DRIVERS: &[&str] =
    &["hosts::open", "hosts::local", "hosts::ssh", "hosts::phantom", "hosts::Host;", "dyn Host"];

struct Page {
    path: String,
    text: String,
}

pub fn run() -> Result<()> {
    let sources = pages("*.rs")?;
    let mut wrong = Vec::new();
    for page in &sources {
        file(page, &mut wrong);
    }
    verbs(&sources, &mut wrong);
    dependencies(&mut wrong)?;
    catalogue(&sources, &mut wrong);
    links(&pages("*.md")?, &mut wrong);
    if wrong.is_empty() {
        return Ok(());
    }
    for complaint in &wrong {
        eprintln!("{complaint}");
    }
    bail!("{} untidy places", wrong.len());
}

fn pages(pattern: &str) -> Result<Vec<Page>> {
    let listed = quietly(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard", pattern]))?;
    let paths = String::from_utf8_lossy(&listed.stdout).into_owned();
    let read = |path: &str| fs::read_to_string(root().join(path)).ok().map(|text| Page { path: path.to_owned(), text });
    Ok(paths.lines().filter_map(read).collect())
}

fn file(page: &Page, wrong: &mut Vec<String>) {
    let Page { path, text } = page;
    if !text.starts_with("//!") {
        wrong.push(format!("{path}:1: a module begins with a sentence about itself (//!)"));
    }
    let length = text.lines().count();
    if length > LONGEST_FILE {
        wrong.push(format!("{path}: {length} lines, at most {LONGEST_FILE}: split it"));
    }
    if path == "xtask/src/tidy.rs" {
        return;
    }
    if ["drivers/", "commands/"].iter().any(|folder| path.starts_with(folder)) {
        for sign in NOT_IN_DRIVERS.iter().filter(|sign| text.contains(**sign)) {
            wrong.push(format!(
                "{path}: {sign}: a host is reached through the lifecycle's context, which has the fences"
            ));
        }
    }
    for (sign, places, why) in ONLY_IN {
        if places.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(sign)) {
            // In a comment it is a word.
            if !line.trim_start().starts_with("//") {
                wrong.push(format!("{path}:{}: {sign}: {why}", number + 1));
            }
        }
    }
}

fn verbs(sources: &[Page], wrong: &mut Vec<String>) {
    let names = ["build", "quiesce", "restart", "scrub", "scrubprep", "updatequiesced", "updaterunning"];
    for Page { path, text } in sources.iter().filter(|page| page.path.starts_with("drivers/")) {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        let Some(verb) = name.strip_suffix(".rs").filter(|verb| names.contains(verb) && folder.ends_with("/src"))
        else {
            continue;
        };
        let places: Vec<_> = ["dispatch", "prerequisites", "execute"]
            .iter()
            .map(|function| text.find(&format!("pub async fn {function}(")))
            .collect();
        if places.iter().any(Option::is_none) || !places.is_sorted() {
            wrong.push(format!("{path}: a verb is dispatch, prerequisites, execute, in this order"));
        }
        if text.lines().count() > LONGEST_VERB {
            wrong.push(format!("{path}: a verb has at most {LONGEST_VERB} lines: move its steps beside it"));
        }
        for sign in NOT_IN_VERBS.iter().filter(|sign| text.contains(**sign)) {
            wrong.push(format!("{path}: {sign}: a verb reaches the outside through its context only"));
        }
        let table = sources.iter().find(|page| page.path == format!("{folder}/lib.rs"));
        if !table.is_some_and(|table| table.text.contains(&format!(": {verb})"))) {
            wrong.push(format!("{path}: the verb is not in its driver's table"));
        }
    }
}

fn dependencies(wrong: &mut Vec<String>) -> Result<()> {
    let manifests = pages("*Cargo.toml")?;
    let ours: BTreeSet<String> = manifests.iter().filter_map(|page| name(&page.text)).collect();
    for Page { path, text } in &manifests {
        let folder = path.strip_suffix("/Cargo.toml").unwrap_or_default();
        let family = if folder.starts_with("drivers/") { "drivers" } else { folder };
        let Some((_, may)) = MAY_DEPEND.iter().find(|(who, _)| *who == family) else { continue };
        let manifest: toml::Table = text.parse().with_context(|| format!("reading {path}"))?;
        let Some(named) = manifest.get("dependencies").and_then(|table| table.as_table()) else { continue };
        for name in named.keys().filter(|name| ours.contains(*name) && !may.contains(&name.as_str())) {
            wrong.push(format!("{path}: {folder} may not depend on {name} (ARCHITECTURE.md has the table)"));
        }
    }
    Ok(())
}

fn name(manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

/// Each entry of the catalogue is raised somewhere.
fn catalogue(sources: &[Page], wrong: &mut Vec<String>) {
    for Page { path, text } in sources.iter().filter(|page| page.path.starts_with("errors/src/")) {
        for (number, line) in text.lines().enumerate() {
            let Some(entry) = line.strip_prefix("pub static ").and_then(|rest| rest.split(':').next()) else {
                continue;
            };
            let names_it = |page: &Page| !page.path.starts_with("errors/") && page.text.contains(&format!("::{entry}"));
            let raised = sources.iter().any(names_it);
            if !raised {
                wrong.push(format!("{path}:{}: {entry} is raised nowhere: raise it, or take it out", number + 1));
            }
        }
    }
}

/// Links between the pages lead somewhere.
fn links(pages: &[Page], wrong: &mut Vec<String>) {
    for Page { path, text } in pages {
        let folder = root().join(path);
        let folder = folder.parent().map_or_else(root, std::path::Path::to_path_buf);
        for (number, line) in text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap_or_default();
                if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                    wrong.push(format!("{path}:{}: the link to {file} leads nowhere", number + 1));
                }
            }
        }
    }
}
