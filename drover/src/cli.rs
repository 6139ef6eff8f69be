//! What can be typed.

use crate::client::{
    backup, ceph, drift, errand, events, gpu, hyperv, image, lock, orphans, project, queue, router, server, snapshot,
    task, token, vm,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::{Kind, Verb};
use std::path::PathBuf;

/// Drives a fleet of hypervisors: state changes POSTed to the IaaS API become tasks, and workers carry them out.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 conflict, 5 timed out, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "drover", version, propagate_version = true, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Configuration file (TOML); /etc/drover/drover.toml when it is there
    #[arg(long, global = true, env = "DROVER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The API's address; http://127.0.0.1:7070 when nothing else says so
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// File that holds the bearer token; else DROVER_CLIENT__TOKEN, else operator.token in the data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Data folder of `drover up`, where the operator's token is found
    #[arg(long, global = true, env = "DROVER_DATA", default_value = "./drover-data", value_name = "DIR")]
    pub data: PathBuf,
    /// One JSON document instead of tables; one object a line for streams
    #[arg(long, global = true)]
    pub json: bool,
    /// Only results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// No colours; NO_COLOR does the same
    #[arg(long, global = true)]
    pub no_color: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole fleet in one process: API, dispatcher, lock service, worker, on a data folder
    Up(Up),
    /// The API server
    Api(Role),
    /// The dispatcher
    Dispatch(Role),
    /// The worker of one or more hosts
    Worker(WorkerRole),
    /// The lock service
    Locks(Role),

    /// Projects: whose resources they are
    #[command(subcommand)]
    Project(project::Project),
    /// Servers: the hosts of the fleet
    #[command(subcommand)]
    Server(server::Server),
    /// Images: what VMs start from
    #[command(subcommand)]
    Image(image::Image),
    /// Virtual routers
    #[command(subcommand)]
    Router(router::Router),
    /// Resources that differ from their records
    #[command(subcommand)]
    Drift(drift::Command),
    /// Snapshots of VMs
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// Backups of VMs
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Volumes in Ceph
    #[command(subcommand)]
    Ceph(ceph::Ceph),
    /// Devices of hosts given to VMs
    #[command(subcommand)]
    Gpu(gpu::Gpu),
    /// Hyper-V hosts, at the host itself
    #[command(subcommand)]
    Hyperv(hyperv::Command),
    /// Virtual machines
    #[command(subcommand)]
    Vm(vm::Vm),
    /// Tasks: what is, was and will be done
    #[command(subcommand)]
    Task(task::Task),
    /// What is on hosts without a record: found, set aside, put back, removed
    #[command(subcommand)]
    Orphans(orphans::Orphans),
    /// Small jobs on hosts: surveys, and what is done about orphans
    #[command(subcommand)]
    Errand(errand::Errand),
    /// Every change of the fleet, as it happens
    Events(events::Events),
    /// Bearer tokens
    #[command(subcommand)]
    Token(token::Token),
    /// The task queue's dead letters
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Locks on hardware
    #[command(subcommand)]
    Lock(lock::Command),

    /// The error catalogue
    #[command(subcommand)]
    Errors(Errors),
    /// The configuration in force
    #[command(subcommand)]
    Config(Config),
    /// Shell completions, for sourcing
    Completions { shell: clap_complete::Shell },
    /// Manual pages, one file a command
    Man {
        /// The folder to write them into
        folder: PathBuf,
    },
    /// Generated reference pages, for the book
    #[command(hide = true)]
    Reference { page: Page },
}

#[derive(Args, Debug)]
pub struct Up {
    /// Where the API listens
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDR")]
    pub listen: String,
    /// A demo project: a router and three VMs, one of them quiesced, restarted and scrubbed
    #[arg(long)]
    pub demo: bool,
    /// End after the demo
    #[arg(long, requires = "demo")]
    pub exit: bool,
}

#[derive(Args, Debug)]
pub struct Role {
    /// Where it listens; for the dispatcher, its health and metrics
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

#[derive(Args, Debug)]
pub struct WorkerRole {
    /// A host to serve, by its server's name; may be given again. All that the token covers when left out
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// Where its health and metrics are
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Errors {
    /// Every code; filtered by what it contains
    List { contains: Option<String> },
    /// What a code means, why it happens, and what to do
    Explain { code: String },
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Every key with its value; secrets are not shown
    Show {
        /// Where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Whether it is valid
    Check,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Page {
    States,
    Verbs,
    Errors,
    Config,
    Metrics,
    Cli,
    Api,
    Openapi,
}

/// Options of every command that changes a resource.
#[derive(Args, Clone, Copy, Debug)]
pub struct Follow {
    /// Wait until the task has ended, with a progress bar
    #[arg(long)]
    pub wait: bool,
    /// How long to wait, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECS", requires = "wait")]
    pub timeout: u64,
    /// Show the steps, commands and locks that it would take, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Every driver's verb, for the reference page.
pub fn verbs() -> impl Iterator<Item = (Kind, Verb)> {
    Kind::ALL.iter().flat_map(|kind| kind.verbs().map(|verb| (*kind, verb)))
}
