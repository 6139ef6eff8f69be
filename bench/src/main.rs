//! What drover costs, each figure beside something measured in the same run. `cargo xtask bench` brings the backends.

mod builds;
mod kvm;
mod peer;
mod row;
mod wire;

use anyhow::{Context, Result};
use clap::Parser;
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
    /// Only these parts: queue, builds, kvm
    #[arg(long)]
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let python = std::env::var_os("BENCH_PYTHON").context("no Celery: run cargo xtask bench")?;
    let celery = Celery { python: PathBuf::from(python) };
    let wanted = |part: &str| options.only.is_empty() || options.only.iter().any(|only| only == part);
    let mut rows: Vec<Row> = Vec::new();
    if wanted("queue") {
        rows.extend(wire::rows(&testkit::real::broker(), &celery, options.runs).await?);
    }
    if wanted("builds") {
        rows.extend(builds::rows(&celery, options.runs).await?);
    }
    if wanted("kvm") {
        rows.extend(kvm::rows(options.runs).await?);
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
