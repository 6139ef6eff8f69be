//! What drover costs, each figure beside something measured in the same run. `cargo xtask bench` brings the backends.

mod builds;
mod drivers;
mod locks;
mod peer;
mod row;
mod wire;

use crate::locks::Registers;
use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use peer::Celery;
use row::Row;
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "bench")]
struct Options {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// How often each is measured; the median is the value
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only these parts
    parts: Vec<Part>,
    /// The same
    #[arg(long)]
    only: Vec<Part>,
    /// What the lock service's registers are kept in
    #[arg(long, default_value = "file")]
    registers: Registers,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Queue,
    Builds,
    Kvm,
    Drivers,
    Locks,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let named = [options.parts, options.only].concat();
    let wanted = |part: Part| named.is_empty() || named.contains(&part);
    let mut rows: Vec<Row> = Vec::new();
    if wanted(Part::Queue) {
        rows.extend(wire::rows(&testkit::real::broker(), &celery()?, options.runs).await?);
    }
    if wanted(Part::Builds) {
        rows.extend(builds::rows(&celery()?, options.runs).await?);
    }
    // The part `kvm` is a row of this one.
    if wanted(Part::Drivers) {
        rows.extend(drivers::rows(options.runs).await?);
    } else if wanted(Part::Kvm) {
        rows.extend(drivers::vm(options.runs).await?);
    }
    if wanted(Part::Locks) {
        rows.extend(locks::rows(options.registers, options.runs).await?);
    }
    if options.json {
        for row in &rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        println!("{}", row::table(&rows));
    }
    Ok(())
}

fn celery() -> Result<Celery> {
    let python = std::env::var_os("BENCH_PYTHON").context("no Celery: run cargo xtask bench")?;
    Ok(Celery { python: PathBuf::from(python) })
}
