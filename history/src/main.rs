//! The lock service's history check: client processes over HTTP against service processes, under faults. Everything that
//! reaches the host is written down, and searched for two holders at once.
//!
//! It ends with 2 when the history shows a violation, with 1 when the run could not be made.

mod checker;
mod client;
mod clients;
mod folder;
mod guard;
mod nemesis;
mod network;
mod process;
mod record;
mod report;
mod run;
mod service;
mod tally;
mod task;
mod wish;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::runtime::Builder;

const VIOLATED: u8 = 2;

#[derive(Parser)]
#[command(name = "history", about, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    run: run::Options,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Part {
    /// One of the processes that a run starts
    #[command(hide = true)]
    Client(client::Options),
}

fn main() -> ExitCode {
    let CommandLine { part, run, json } = CommandLine::parse();
    let ended = match part {
        Some(Part::Client(options)) => client(options).map(|()| ExitCode::SUCCESS),
        None => whole(&run, json),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn client(options: client::Options) -> Result<()> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(client::run(options))
}

fn whole(options: &run::Options, json: bool) -> Result<ExitCode> {
    // One thread, this one: its end is the processes' end.
    let report = Builder::new_current_thread().enable_all().build()?.block_on(run::run(options))?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(VIOLATED) })
}
