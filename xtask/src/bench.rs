//! `cargo xtask bench`: private backends, Celery in a folder of the target, the release binary, and the figures.

use crate::backends::Backends;
use crate::debian;
use crate::run::{self, command, quietly, root, say};
use crate::test::PACKAGES;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// What the figures were first taken with.
const CELERY: &str = "celery==5.7.0";

pub fn run(arguments: &[String]) -> Result<()> {
    let packages: Vec<&str> = PACKAGES.iter().copied().chain(["python3-venv"]).collect();
    debian::install(&packages)?;
    let python = celery()?;
    say("building");
    run::cargo(&["build", "--release", "--quiet", "-p", "drover", "-p", "bench"])?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let built = built.join("release");
    let backends = Backends::start()?;
    say("measuring");
    let status = command(&built.join("bench").display().to_string())
        .args(arguments)
        .envs(backends.environment())
        .env("DROVER_TEST_BINARY", built.join("drover"))
        .env("BENCH_PYTHON", python)
        .status()
        .context("starting the bench")?;
    drop(backends);
    if !status.success() {
        bail!("the bench failed");
    }
    Ok(())
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
