//! `cargo xtask bench`: the bench in release, with private backends and its peers in a private folder.

use crate::backends::Backends;
use crate::debian;
use crate::run::{command, quietly, root, say};
use anyhow::{Context, Result, bail};

const PACKAGES: &[&str] = &["rabbitmq-server", "postgresql", "python3-venv"];

pub fn run(json: bool) -> Result<()> {
    debian::install(PACKAGES)?;
    let python = celery()?;
    say("building the bench");
    crate::run::cargo(&["build", "--release", "--quiet", "--package", "bench", "--package", "drover"])?;
    let backends = Backends::start()?;
    let mut bench = command("target/release/bench");
    bench
        .envs(backends.environment())
        .env("DROVER_BENCH_PYTHON", python)
        .env("DROVER_BENCH_BINARY", root().join("target/release/drover"));
    if json {
        bench.arg("--json");
    }
    let status = bench.status().context("starting the bench")?;
    drop(backends);
    if !status.success() {
        bail!("the bench failed");
    }
    Ok(())
}

/// The peer: Celery in a virtual environment inside the checkout.
fn celery() -> Result<std::path::PathBuf> {
    let environment = root().join("target/bench/celery");
    let python = environment.join("bin/python");
    if !environment.join("bin/celery").exists() {
        say("installing Celery into target/bench");
        quietly(command("python3").args(["-m", "venv"]).arg(&environment))?;
        quietly(command(&python.display().to_string()).args(["-m", "pip", "install", "--quiet", "celery"]))?;
    }
    Ok(python)
}
