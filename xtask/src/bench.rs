//! `cargo xtask bench`: private backends, Celery in a folder of the target, the release binary, and the figures. With `--debug` the
//! debug binary, which is there sooner; `DROVER_TEST_BINARY` names another one, to be compared.

use crate::backends::{Backend, Backends};
use crate::debian;
use crate::run::{self, command, quietly, root, say};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What the figures were first taken with.
const CELERY: &str = "celery==5.7.0";

/// A part, and what it stands on.
struct Part {
    name: &'static str,
    backends: &'static [Backend],
    /// Without which it measures less, and says so.
    optional: &'static [Backend],
    /// Programs of no backend.
    packages: &'static [&'static str],
}

impl Part {
    const fn new(name: &'static str, backends: &'static [Backend]) -> Self {
        Self { name, backends, optional: &[], packages: &[] }
    }
}

const PARTS: [Part; 5] = [
    Part::new("queue", &[Backend::Rabbitmq]),
    Part::new("builds", &[Backend::Rabbitmq, Backend::Postgres]),
    Part::new("kvm", &[Backend::Rabbitmq, Backend::Postgres, Backend::Libvirt]),
    Part {
        name: "drivers",
        backends: &[Backend::Rabbitmq, Backend::Postgres],
        optional: &[Backend::Libvirt, Backend::Ceph],
        packages: &["iproute2", "nftables", "dnsmasq-base", "procps"],
    },
    Part::new("locks", &[Backend::Postgres, Backend::Etcd, Backend::Redis]),
];

/// What is measured beside Celery.
const WITH_CELERY: [&str; 2] = ["queue", "builds"];

pub fn run(arguments: &[String]) -> Result<()> {
    let is_named = |part: &Part| arguments.iter().any(|argument| argument == part.name);
    let all = !PARTS.iter().any(is_named);
    let wanted: Vec<_> = PARTS.iter().filter(|part| all || is_named(part)).collect();
    let needed: BTreeSet<Backend> = wanted.iter().flat_map(|part| part.backends).copied().collect();
    let optional: BTreeSet<Backend> = wanted.iter().flat_map(|part| part.optional).copied().collect();
    let with_celery = wanted.iter().any(|part| WITH_CELERY.contains(&part.name));
    let programs = wanted.iter().flat_map(|part| part.packages).chain(needed.iter().flat_map(|own| packages(*own)));
    let programs: BTreeSet<&str> = programs.copied().chain(with_celery.then_some("python3-venv")).collect();
    debian::install(&programs.into_iter().collect::<Vec<_>>())?;
    let has = |backend: &Backend| {
        let installed = debian::install(packages(*backend));
        installed.inspect_err(|error| say(&format!("without {backend:?}: {error:#}"))).is_ok()
    };
    let optional: Vec<Backend> = optional.difference(&needed).copied().filter(has).collect();
    let python = if with_celery { Some(celery()?) } else { None };
    say("building");
    let (debug, arguments): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| *argument == "--debug");
    let (profile, folder) = if debug.is_empty() { ("release", "release") } else { ("dev", "debug") };
    run::cargo(&["build", "--profile", profile, "--quiet", "-p", "drover", "-p", "bench"])?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let built = built.join(folder);
    let drover = std::env::var_os("DROVER_TEST_BINARY").map_or_else(|| built.join("drover"), PathBuf::from);
    let backends = Backends::start_with(needed, optional)?;
    say("measuring");
    let status = command(&built.join("bench").display().to_string())
        .args(arguments)
        .envs(backends.environment())
        .env("DROVER_TEST_BINARY", drover)
        .env("RUST_BACKTRACE", "0")
        .envs(python.map(|python| ("BENCH_PYTHON", python)))
        .status()
        .context("starting the bench")?;
    drop(backends);
    if !status.success() {
        bail!("the bench failed");
    }
    Ok(())
}

fn packages(backend: Backend) -> &'static [&'static str] {
    match backend {
        Backend::Rabbitmq => &["rabbitmq-server"],
        Backend::Postgres => &["postgresql"],
        Backend::Sshd => &["openssh-server", "openssh-client"],
        Backend::Libvirt => &[
            "libvirt-daemon-system",
            "libvirt-clients",
            "qemu-system-x86",
            "qemu-utils",
            "linux-image-cloud-amd64",
            "busybox-static",
            "cpio",
            "iproute2",
        ],
        Backend::Ceph => &["ceph-mon", "ceph-osd", "ceph-mgr", "ceph-common", "qemu-block-extra"],
        Backend::Etcd => &["etcd-server"],
        Backend::Redis => &["redis-server"],
    }
}

fn celery() -> Result<PathBuf> {
    let folder = root().join("target/bench/venv");
    let python = folder.join("bin/python");
    if quietly(command(&python.display().to_string()).args(["-c", "import celery"])).is_err() {
        say("installing Celery into target/bench");
        quietly(command("python3").args(["-m", "venv"]).arg(&folder))?;
        quietly(command(&python.display().to_string()).args(["-m", "pip", "install", "--quiet", CELERY]))?;
    }
    Ok(python)
}
