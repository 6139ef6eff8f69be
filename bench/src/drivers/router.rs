//! A router on this machine: made, and given a thousand rules. By hand it is what its own unit runs when the node starts, and
//! `nft -f` of the whole ruleset.

use super::{Pair, ROUTER, ROUTER_NFT, RULE, RULES, beside, build, change, ms, scrub};
use crate::row::Row;
use anyhow::{Context, Result};
use model::server::ServerSpec;
use model::virtual_router::VirtualRouterSpec;
use model::{ResourceId, ServerType, names};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::Roles;
use testkit::fleet::server;
use testkit::real::{self, run};

/// The way out.
const PUBLIC: &str = "rb-public";

/// Libvirt's own driver for tests: it needs no daemon, and knows no domain of drover's.
const LIBVIRT: &str = "test:///default";

const RULES_IN_ALL: usize = 1000;

/// What is missing here.
pub fn absent() -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let is_there = |program: &&str| path.split(':').any(|folder| Path::new(folder).join(program).is_file());
    let missing = ["ip", "nft", "dnsmasq", "systemctl", "virsh"].into_iter().find(|program| !is_there(program));
    let is_root = || run("id", &["-u"]).trim() == "0";
    missing.map(str::to_owned).or_else(|| (!is_root()).then(|| "root".to_owned()))
}

/// The public bridge, for as long as this is there.
struct Public;

impl Public {
    fn new() -> Self {
        run("ip", &["link", "add", "name", PUBLIC, "type", "bridge"]);
        run("ip", &["link", "set", "dev", PUBLIC, "up"]);
        Self
    }
}

impl Drop for Public {
    fn drop(&mut self) {
        run("ip", &["link", "delete", "dev", PUBLIC]);
    }
}

fn node(storage: &TempDir) -> Result<ServerSpec> {
    let mut node = server("router-1", ServerType::Router);
    node.settings.storage = storage.path().display().to_string();
    node.settings.libvirt_uri = LIBVIRT.into();
    let settings = json!({ "public_bridge": PUBLIC, "gateway": "203.0.113.1", "gateway_v6": "2001:db8::1" });
    node.settings.router = serde_json::from_value(settings)?;
    Ok(node)
}

/// Each lets somebody else in to one machine; the one in the middle may be another.
fn rules(count: usize, middle: &str) -> Value {
    let one = |number: usize| {
        let source = match number == count / 2 {
            true => middle.to_owned(),
            false => format!("198.51.{}.{}", number / 250, number % 250),
        };
        json!({
            "order": 10 * number, "allow": true, "source": source, "destination": "10.1.0.5", "protocol": "tcp",
            "ports": [443, "8000-8100"],
        })
    };
    (0..count).map(one).collect()
}

fn wish() -> Result<VirtualRouterSpec> {
    let wish = json!({
        "segments": [
            { "name": "rb-web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" },
            { "name": "rb-store", "address": "10.2.0.1/24" },
        ],
        "address": "203.0.113.7/24",
        "address_v6": "2001:db8::7/64",
        "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }],
        "firewall": rules(10, "192.0.2.1"),
    });
    serde_json::from_value(wish).context("the wish")
}

/// A router's files, as they were at some time.
struct Files {
    router: ResourceId,
    folder: String,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Files {
    fn of(storage: &TempDir, router: ResourceId) -> Result<Self> {
        let folder = names::router_folder(&storage.path().display().to_string(), router);
        let own = std::fs::read_dir(&folder)?.collect::<std::io::Result<Vec<_>>>()?;
        let paths = own.into_iter().map(|entry| entry.path()).chain([PathBuf::from(names::router_unit_file(router))]);
        let read = |path: PathBuf| std::fs::read(&path).map(|bytes| (path, bytes));
        let files = paths.filter(|path| path.extension().is_none_or(|end| end != "pid")).map(read);
        Ok(Self { router, folder, files: files.collect::<std::io::Result<_>>()? })
    }

    fn ruleset(storage: &TempDir, router: ResourceId) -> String {
        format!("{}/ruleset.nft", names::router_folder(&storage.path().display().to_string(), router))
    }

    /// All of it, and `nft -f` in it.
    fn by_hand(&self) -> Result<(Duration, Duration)> {
        let began = Instant::now();
        run("mkdir", &["-p", "-m", "711", &self.folder]);
        for (path, bytes) in &self.files {
            std::fs::write(path, bytes)?;
        }
        let unit = std::fs::read_to_string(names::router_unit_file(self.router))?;
        let mut nft = Duration::ZERO;
        for line in unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
            // What others may have made may fail.
            let words: Vec<_> = line.trim_start_matches('-').split(' ').collect();
            let started = Instant::now();
            match line.starts_with('-') {
                true => drop(std::process::Command::new(words[0]).args(&words[1..]).output()?),
                false => drop(run(words[0], &words[1..])),
            }
            if words.contains(&"nft") {
                nft = started.elapsed();
            }
        }
        run("systemctl", &["-q", "enable", &names::router_unit(self.router)]);
        Ok((began.elapsed(), nft))
    }

    fn take_down(&self, segments: &[String]) -> Result<()> {
        let space = names::router_namespace(self.router);
        run("systemctl", &["-q", "disable", &names::router_unit(self.router)]);
        let pids = run("ip", &["netns", "pids", &space]);
        pids.lines().for_each(|pid| drop(run("kill", &["-KILL", pid])));
        run("ip", &["netns", "delete", &space]);
        for bridge in segments {
            run("ip", &["link", "delete", "dev", bridge]);
        }
        std::fs::remove_file(names::router_unit_file(self.router))?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}

fn nft(router: ResourceId, path: &Path) -> Duration {
    let began = Instant::now();
    run("ip", &["netns", "exec", &names::router_namespace(router), "nft", "-f", &path.display().to_string()]);
    began.elapsed()
}

pub async fn rows(runs: usize) -> Result<Vec<Row>> {
    let (storage, aside, _public) = (real::storage(), TempDir::new()?, Public::new());
    let fleet = Roles::start(node(&storage)?).await;
    let (mut built, mut alone, mut thousand, mut one) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 1..=runs {
        let (router, own) = build(&fleet, &format!("router-{number}"), wish()?).await?;
        let files = Files::of(&storage, router)?;
        let segments = fleet.client.read::<VirtualRouterSpec>(router).await?.spec.segments;
        let bridges = segments.iter().filter_map(|segment| Some(names::bridge(segment.id?, &segment.name)));
        let bridges: Vec<_> = bridges.collect();
        let mut updates = Vec::new();
        for middle in ["192.0.2.1", "192.0.2.2"] {
            let patch = json!({ "firewall": rules(RULES_IN_ALL, middle) });
            let took = change::<VirtualRouterSpec>(&fleet, router, patch).await?;
            let kept = aside.path().join(middle);
            std::fs::copy(Files::ruleset(&storage, router), &kept)?;
            updates.push((took, kept));
        }
        scrub::<VirtualRouterSpec>(&fleet, router).await?;
        let (hand, load) = files.by_hand()?;
        let [first, next] = [0, 1].map(|at| nft(router, &updates[at].1));
        files.take_down(&bridges)?;
        built.push(Pair { own, hand }.say(&format!("router, run {number}")));
        alone.push(Pair { own, hand: load });
        thousand.push(Pair { own: updates[0].0, hand: first }.say("a thousand rules"));
        one.push(Pair { own: updates[1].0, hand: next }.say("one of a thousand"));
        eprintln!("nft -f of its first ruleset: {:.0} ms", ms(load));
    }
    Ok(vec![
        beside(ROUTER, &built, "by hand"),
        beside(ROUTER_NFT, &alone, "nft -f"),
        beside(RULES, &thousand, "nft -f"),
        beside(RULE, &one, "nft -f"),
    ])
}
