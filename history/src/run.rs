//! A run: services, clients and faults are started, go on until the operations are done, and the history is checked.

use crate::clients::{self, Common};
use crate::folder::Folder;
use crate::nemesis::{self, Counts, Fault};
use crate::network::Network;
use crate::report::{Report, Searched};
use crate::service::Service;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// More than a subnet of addresses would not do.
const MOST_CLIENTS: i64 = 200;

#[derive(Args)]
pub struct Options {
    /// Acquires and releases
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    operations: u64,
    /// Client processes
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=MOST_CLIENTS))]
    clients: u32,
    /// Tasks of each client
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    tasks: u32,
    /// Two need registers that they share
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    services: u32,
    /// Where the services keep their registers: what DROVER_LOCKS__REGISTERS takes. A file of the run's own if not named
    #[arg(long, env = "DROVER_LOCKS__REGISTERS", hide_env_values = true)]
    registers: Option<String>,
    /// Whether the host refuses a fence below the highest
    #[arg(long, value_enum, default_value_t = Guard::On)]
    guard: Guard,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A cut needs root: each client gets a network namespace
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Fault::Kill, Fault::Stop, Fault::Cut, Fault::Jump])]
    faults: Vec<Fault>,
    /// The drover binary; the one beside this program if not named
    #[arg(long, env = "DROVER_TEST_BINARY")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Guard {
    On,
    Off,
}

pub async fn run(options: &Options) -> Result<Report> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Whichever way it goes, what was started is dropped, and so taken down.
    tokio::select! {
        report = whole(options) => report,
        _ = term.recv() => bail!("terminated"),
        _ = int.recv() => bail!("interrupted"),
    }
}

async fn whole(options: &Options) -> Result<Report> {
    if options.services > 1 && options.registers.is_none() {
        bail!("two services share nothing without --registers");
    }
    Folder::remove_left_over()?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("drover"),
    };
    let folder = Folder::new("run")?;
    let host = folder.path().join("host");
    fs::create_dir(&host)?;
    let network = if options.faults.contains(&Fault::Cut) {
        Network::remove_left_over()?;
        Some(Network::new(options.clients).context("making the clients' networks")?)
    } else {
        None
    };
    let address = network.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |network| network.address);
    let own = || format!("file://{}", folder.path().join("registers").display());
    let registers = options.registers.clone().unwrap_or_else(own);
    let mut services = Vec::new();
    for number in 0..options.services {
        let log = folder.path().join(format!("service-{number}.log"));
        services.push(Service::start(&binary, address, &registers, log).await?);
    }
    let urls: Vec<String> = services.iter().map(Service::url).collect();
    let common = Common {
        tasks: options.tasks,
        seed: options.seed,
        host: &host,
        guarded: options.guard == Guard::On,
        services: &urls,
    };
    let namespaces = match &network {
        Some(network) => network.namespaces.iter().cloned().map(Some).collect(),
        None => (0..options.clients).map(|_| None).collect(),
    };
    let start = Instant::now();
    let (clients, mut voices) = clients::start(&common, namespaces)?;
    let counts = Counts::default();
    tokio::select! {
        failed = nemesis::run(&options.faults, options.seed, &mut services, &clients, &counts) => match failed? {},
        done = voices.until(options.operations) => done?,
    }
    let took = start.elapsed();
    let tally = voices.end(clients).await?;
    Ok(Report::new(tally, took, &counts, Searched::new(&host)?))
}
