//! `cargo xtask bench`: private backends, Celery in a folder of the target, the release binary, and the figures.

use crate::backends::{Backend, Backends};
use crate::debian;
use crate::run::{self, command, quietly, root, say};
use crate::test;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What the figures were first taken with.
const CELERY: &str = "celery==5.7.0";

/// The parts, and what each stands on.
const PARTS: [(&str, &[Backend]); 4] = [
    ("queue", &[Backend::Rabbitmq]),
    ("builds", &[Backend::Rabbitmq, Backend::Postgres]),
    ("kvm", &[Backend::Rabbitmq, Backend::Postgres, Backend::Libvirt]),
    ("locks", &[Backend::Postgres, Backend::Etcd, Backend::Redis]),
];

/// What is measured beside Celery.
const WITH_CELERY: [&str; 2] = ["queue", "builds"];

pub fn run(arguments: &[String]) -> Result<()> {
    let is_named = |part: &str| arguments.iter().any(|argument| argument == part);
    let all = !PARTS.iter().any(|(part, _)| is_named(part));
    let wanted: Vec<_> = PARTS.into_iter().filter(|(part, _)| all || is_named(part)).collect();
    let backends: BTreeSet<Backend> = wanted.iter().flat_map(|(_, backends)| *backends).copied().collect();
    let with_celery = wanted.iter().any(|(part, _)| WITH_CELERY.contains(part));
    debian::install(&packages(&backends, with_celery))?;
    let python = if with_celery { Some(celery()?) } else { None };
    say("building");
    run::cargo(&["build", "--release", "--quiet", "-p", "drover", "-p", "bench"])?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let built = built.join("release");
    let backends = Backends::start(backends)?;
    say("measuring");
    let status = command(&built.join("bench").display().to_string())
        .args(arguments)
        .envs(backends.environment())
        .env("DROVER_TEST_BINARY", built.join("drover"))
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

fn packages(backends: &BTreeSet<Backend>, with_celery: bool) -> Vec<&'static str> {
    let of = |backend: &Backend| match backend {
        Backend::Rabbitmq | Backend::Sshd | Backend::Libvirt => test::PACKAGES,
        Backend::Postgres => &["postgresql"],
        Backend::Etcd => &["etcd-server"],
        Backend::Redis => &["redis-server"],
        Backend::Ceph => &["ceph-mon", "ceph-osd", "ceph-mgr", "ceph-common"],
    };
    backends.iter().flat_map(of).copied().chain(with_celery.then_some("python3-venv")).collect()
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
