//! `drover hyperv`: Hyper-V hosts, without the fleet.

use super::Session;
use crate::cli::Global;
use crate::out::{Out, pairs};
use anyhow::Context;
use clap::{Args, Subcommand};
use errors::Fault;
use hosts::Host;
use hosts::ssh::SshOptions;
use model::ServerType;
use probe::{Findings, Wish};
use service::config::Config;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look whether a host is as drover takes Hyper-V hosts to be, and record a throw-away VM's life on it
    Probe(Probe),
    /// The one command line that drover runs on a Hyper-V host, for `command=` of its authorized keys
    Command,
}

#[derive(Args, Debug)]
pub struct Probe {
    /// `user@address[:port]`, or the name of a server of the fleet
    host: String,
    /// Private key file; else the worker's own, else ssh's
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Known hosts file; else the worker's own, else ssh's
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
    /// A folder of the host; the probe makes one of its own in it. Else the server's
    #[arg(long, value_name = r"D:\FOLDER")]
    storage: Option<String>,
    /// A virtual switch that the VM is plugged into for a moment, its adapter in VLAN 2
    #[arg(long, value_name = "NAME")]
    switch: Option<String>,
    /// Make no VM: versions and parameters only
    #[arg(long)]
    no_vm: bool,
    /// Where the record is written
    #[arg(long, default_value = "hyperv-probe.jsonl", value_name = "FILE")]
    record: PathBuf,
}

/// A host, and where on it.
struct Target {
    name: String,
    address: String,
    storage: String,
}

const STORAGE: &str = r"C:\drover-probe";

/// Between two looks at a merge, an export.
const PAUSE: Duration = Duration::from_secs(2);

pub async fn run(out: Out, global: &Global, config: &Config, command: Command) -> anyhow::Result<()> {
    let wanted = match command {
        Command::Probe(wanted) => wanted,
        Command::Command => return out.line(&hosts::powershell::COMMAND),
    };
    let target = target(global, config, &wanted).await?;
    let options = SshOptions {
        identity: wanted.identity.or_else(|| config.worker.ssh_identity.clone()),
        known_hosts: wanted.known_hosts.or_else(|| config.worker.known_hosts.clone()),
    };
    let host = hosts::open_windows(&target.name, &target.address, &options);
    // One session: jobs are its own.
    let session = host.session().unwrap_or(host);
    let wish = Wish { storage: target.storage, switch: wanted.switch, life: !wanted.no_vm, pause: PAUSE };
    let findings = look(out, session.as_ref(), &wish).await?;
    std::fs::write(&wanted.record, findings.record.text())
        .with_context(|| format!("{} cannot be written", wanted.record.display()))?;
    show(out, &findings, &wanted.record)?;
    judge(&target.name, findings)
}

async fn look(out: Out, session: &dyn Host, wish: &Wish) -> Result<Findings, Fault> {
    let say = |step: &str| out.say(step);
    probe::run(session, wish, &say).await.map_err(hosts::failure::of_host)
}

async fn target(global: &Global, config: &Config, wanted: &Probe) -> anyhow::Result<Target> {
    let named = |storage: Option<String>| wanted.storage.clone().or(storage).unwrap_or_else(|| STORAGE.to_owned());
    if wanted.host.contains('@') {
        return Ok(Target { name: wanted.host.clone(), address: wanted.host.clone(), storage: named(None) });
    }
    let session = Session::open(global, config)?;
    let servers: Vec<model::server::Server> = super::server::all(&session.client, "servers").await?;
    let found = servers
        .into_iter()
        .find(|server| server.spec.name == wanted.host && server.spec.server_type == ServerType::Hyperv)
        .ok_or_else(|| Fault::new(&errors::operate::SERVER_UNKNOWN).hole("server", &wanted.host))?;
    Ok(Target { name: found.spec.name, address: found.spec.address, storage: named(Some(found.spec.settings.storage)) })
}

fn show(out: Out, findings: &Findings, record: &std::path::Path) -> anyhow::Result<()> {
    let hello = &findings.hello;
    let document = serde_json::json!({
        "hello": hello,
        "differences": findings.differences,
        "requests": findings.record.exchanges.len(),
        "failure": findings.failure.as_ref().map(ToString::to_string),
        "record": record,
    });
    out.document(&document, |_| {
        let mut rows = vec![
            ("host", hello.os.clone()),
            ("PowerShell", hello.version.clone()),
            ("culture", hello.culture.clone()),
            ("modules", hello.modules.join(", ")),
            ("requests", findings.record.exchanges.len().to_string()),
            ("record", record.display().to_string()),
        ];
        rows.extend(findings.differences.iter().map(|difference| ("differs", difference.clone())));
        pairs(&rows)
    })
}

/// The exit code: what went wrong in the life comes before what differs.
fn judge(host: &str, findings: Findings) -> anyhow::Result<()> {
    if let Some(failure) = findings.failure {
        return Err(hosts::failure::of_host(failure).into());
    }
    let Some(first) = findings.differences.first() else { return Ok(()) };
    let differs = Fault::new(&errors::operate::PROBE_DIFFERS).hole("host", host).hole("first", first);
    Err(differs.hole("count", findings.differences.len()).into())
}
