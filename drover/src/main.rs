//! The one binary: the roles of the fleet, and the commands of those who use it.

mod cli;
mod client;
mod out;
mod reference;
mod roles;
mod waterfall;

use crate::cli::{Cli, Command, Config, Errors};
use crate::client::Session;
use crate::out::{Out, pairs};
use clap::{CommandFactory, Parser};
use errors::Fault;
use service::config::Loaded;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.global.no_color {
        // Read by everything that colours; set before any thread is started.
        anstream::ColorChoice::Never.write_global();
    }
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, json),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let out = Out::of(&cli.global);
    match cli.command {
        Command::Errors(command) => return explain(out, command),
        Command::Completions { shell } => {
            let mut page = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "drover", &mut page);
            return out.line(String::from_utf8_lossy(&page).trim_end());
        }
        Command::Man { folder } => return man(&folder),
        Command::Reference { page } => return out.line(reference::page(page)?.trim_end()),
        _ => {}
    }
    let loaded = roles::load(&cli.global, &cli.command)?;
    let config = loaded.config.clone();
    let global = cli.global;
    match cli.command {
        Command::Up(up) => roles::up::run(global, loaded, up).await,
        Command::Api(_) => roles::api::run(config).await,
        Command::Dispatch(_) => roles::dispatch::run(config).await,
        Command::Worker(_) => roles::worker::run(loaded, global).await,
        Command::Locks(_) => roles::locks::run(config).await,
        Command::Config(command) => show_config(out, command, &loaded),
        Command::Queue(command) => client::queue::run(out, &config, command).await,
        Command::Hyperv(command) => client::hyperv::run(out, &global, &config, command).await,
        Command::Lock(command) => client::lock::run(out, &global, &config, command).await,
        Command::Project(command) => client::project::run(&Session::open(&global, &config)?, command).await,
        Command::Server(command) => client::server::run(&Session::open(&global, &config)?, command).await,
        Command::Image(command) => client::image::run(&Session::open(&global, &config)?, command).await,
        Command::Snapshot(command) => client::snapshot::run(&Session::open(&global, &config)?, command).await,
        Command::Backup(command) => client::backup::run(&Session::open(&global, &config)?, command).await,
        Command::Ceph(command) => client::ceph::run(&Session::open(&global, &config)?, command).await,
        Command::Gpu(command) => client::gpu::run(&Session::open(&global, &config)?, command).await,
        Command::Drift(command) => client::drift::run(&Session::open(&global, &config)?, command).await,
        Command::Router(command) => client::router::run(&Session::open(&global, &config)?, command).await,
        Command::Vm(command) => client::vm::run(&Session::open(&global, &config)?, command).await,
        Command::Task(command) => client::task::run(&Session::open(&global, &config)?, command).await,
        Command::Orphans(command) => client::orphans::run(&Session::open(&global, &config)?, command).await,
        Command::Errand(command) => client::errand::run(&Session::open(&global, &config)?, command).await,
        Command::Events(command) => client::events::run(&Session::open(&global, &config)?, command).await,
        Command::Token(command) => client::token::run(&Session::open(&global, &config)?, command).await,
        Command::Errors(_) | Command::Completions { .. } | Command::Man { .. } | Command::Reference { .. } => Ok(()),
    }
}

fn explain(out: Out, command: Errors) -> anyhow::Result<()> {
    match command {
        Errors::List { contains } => {
            let wanted = contains.unwrap_or_default();
            let rows: Vec<_> = errors::all()
                .filter(|(code, entry)| code.contains(&wanted) || entry.text.contains(&wanted))
                .map(
                    |(code, entry)| serde_json::json!({ "code": code, "category": entry.category, "text": entry.text }),
                )
                .collect();
            let cell = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            out.list(&rows, &["code", "category", "text"], |row| {
                vec![cell(row, "code"), cell(row, "category"), cell(row, "text")]
            })
        }
        Errors::Explain { code } => {
            let entry =
                errors::find(&code).ok_or_else(|| Fault::new(&errors::operate::EXPLAIN_UNKNOWN).hole("code", &code))?;
            let policy = entry.category.policy();
            let document = serde_json::json!({
                "code": code, "text": entry.text, "cause": entry.cause, "remedy": entry.remedy, "category": entry.category,
                "http_status": policy.http_status, "exit_code": policy.exit_code,
            });
            out.document(&document, |_| {
                pairs(&[
                    ("code", code.clone()),
                    ("text", entry.text.to_owned()),
                    ("cause", entry.cause.to_owned()),
                    ("remedy", entry.remedy.to_owned()),
                    (
                        "category",
                        format!(
                            "{} (HTTP {}, exit code {})",
                            entry.category.title(),
                            policy.http_status,
                            policy.exit_code
                        ),
                    ),
                ])
            })
        }
    }
}

fn show_config(out: Out, command: Config, loaded: &Loaded) -> anyhow::Result<()> {
    match command {
        Config::Check => out.line("the configuration is valid"),
        Config::Show { origin } => {
            let mut header = vec!["key", "value"];
            header.extend(origin.then_some("origin"));
            out.list(&loaded.values(), &header, |value| {
                let mut row = vec![value.key.clone(), value.value.clone()];
                row.extend(origin.then(|| value.origin.clone()));
                row
            })
        }
    }
}

fn man(folder: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(clap_mangen::generate_to(Cli::command(), folder)?)
}

/// Says what went wrong and what to do, and gives the exit code of its category.
fn fail(error: &anyhow::Error, json: bool) -> ExitCode {
    let (code, text, hint, exit) = if let Some(fault) = error.downcast_ref::<Fault>() {
        (
            Some(fault.entry.code.to_owned()),
            fault.chain(),
            Some(fault.remedy()),
            fault.entry.category.policy().exit_code,
        )
    } else if let Some(failure) = error.downcast_ref::<iaas::Failure>() {
        of_failure(failure)
    } else {
        (None, format!("{error:#}"), None, 1)
    };
    if json {
        eprintln!("{}", serde_json::json!({ "code": code, "detail": text, "hint": hint, "exit_code": exit }));
    } else {
        let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
        eprintln!("error{code}: {text}");
        if let Some(hint) = hint {
            eprintln!("hint: {hint}");
        }
    }
    ExitCode::from(exit)
}

fn of_failure(failure: &iaas::Failure) -> (Option<String>, String, Option<String>, u8) {
    match failure {
        iaas::Failure::Problem(problem) => {
            let mut text = problem.detail.clone();
            for check in &problem.checks {
                text.push_str(&format!(
                    "\n  {}: {} is {}, wanted {}",
                    check.server, check.check, check.found, check.wanted
                ));
            }
            let exit = errors::find(&problem.code).map_or(1, |entry| entry.category.policy().exit_code);
            (Some(problem.code.clone()), text, Some(problem.hint.clone()), exit)
        }
        iaas::Failure::Unreachable { url, reason } => {
            let fault = Fault::new(&errors::operate::API_UNREACHABLE).hole("url", url).hole("reason", reason);
            (Some(fault.entry.code.to_owned()), fault.text(), Some(fault.remedy()), 1)
        }
        iaas::Failure::Nonsense { .. } => (None, failure.to_string(), None, 1),
    }
}
