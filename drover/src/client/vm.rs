//! `drover vm`

use super::Session;
use super::resource::{self, List};
use crate::cli::Follow;
use anyhow::Context;
use clap::{Args, Subcommand};
use errors::Fault;
use iaas::tenant::Create as Wish;
use model::vm::{Disk, Nic, VmSpec};
use model::{ImageId, ProjectId, ResourceId, ServerId, State};
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Vm {
    /// Build a VM
    Create(Box<Create>),
    List(List),
    Show {
        id: ResourceId,
    },
    History {
        id: ResourceId,
    },
    /// Shut it down, keep everything
    Quiesce {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Start it again from quiesced, or out of the scrub queue
    Restart {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Put it into the scrub queue, to be removed after the project's grace period
    Scrub {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Change the wish: running or quiesced, as it is
    Update {
        id: ResourceId,
        /// JSON merge patch of the spec: '{"cpu": 4}'
        #[arg(long = "set", value_name = "JSON")]
        patch: String,
        #[command(flatten)]
        follow: Follow,
    },
}

#[derive(Args, Debug)]
pub struct Create {
    name: String,
    #[arg(long, value_name = "ID")]
    project: ProjectId,
    #[arg(long, value_name = "ID", required_unless_present = "spec")]
    image: Option<ImageId>,
    #[arg(long, default_value_t = 1)]
    cpu: u32,
    #[arg(long, default_value_t = 1024)]
    ram_mb: u64,
    /// A disk, NAME=GB; the first is primary; may be given again
    #[arg(long = "disk", value_name = "NAME=GB", value_parser = disk, default_value = "root=10")]
    disks: Vec<(String, u64)>,
    /// A nic, SEGMENT[=CIDR[,CIDR...]]; may be given again
    #[arg(long = "nic", value_name = "SEGMENT=CIDR", value_parser = nic)]
    nics: Vec<Nic>,
    /// Of the first nic
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<IpAddr>,
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// File with public keys, one a line
    #[arg(long, value_name = "FILE")]
    ssh_keys: Option<PathBuf>,
    /// File with cloud-init user data
    #[arg(long, value_name = "FILE")]
    userdata: Option<PathBuf>,
    /// The server it must stand on
    #[arg(long, value_name = "ID")]
    server: Option<ServerId>,
    /// A label that its server must have
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = super::server::label)]
    labels: Vec<(String, String)>,
    /// The whole wish as JSON, instead of the options
    #[arg(long, value_name = "JSON")]
    spec: Option<String>,
    /// Makes a repeated create answer as the first did
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    follow: Follow,
}

fn disk(text: &str) -> Result<(String, u64), String> {
    let (name, gb) = text.split_once('=').ok_or("a disk is NAME=GB")?;
    Ok((name.to_owned(), gb.parse().map_err(|_| format!("{gb:?} is no number of GB"))?))
}

fn nic(text: &str) -> Result<Nic, String> {
    let (segment, addresses) = text.split_once('=').unwrap_or((text, ""));
    let addresses: Vec<String> = addresses.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    for address in &addresses {
        model::names::check_cidr("nic", address)?;
    }
    Ok(Nic { segment: segment.to_owned(), mac: None, addresses, gateway: None })
}

/// A wish given as JSON.
pub fn parse_spec<S: serde::de::DeserializeOwned>(text: &str) -> Result<S, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("--spec: {error}")))
}

impl Create {
    fn spec(&self) -> anyhow::Result<VmSpec> {
        if let Some(text) = &self.spec {
            return Ok(parse_spec(text)?);
        }
        let read =
            |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
        let keys = self.ssh_keys.as_ref().map(read).transpose()?.unwrap_or_default();
        let mut nics = self.nics.clone();
        if let Some(first) = nics.first_mut() {
            first.gateway = self.gateway;
        }
        Ok(VmSpec {
            cpu: self.cpu,
            ram_mb: self.ram_mb,
            disks: self
                .disks
                .iter()
                .enumerate()
                .map(|(n, (name, gb))| Disk { name: name.clone(), gb: *gb, primary: n == 0 })
                .collect(),
            nics,
            dns: self.dns.clone(),
            ssh_keys: keys.lines().map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
            userdata: self.userdata.as_ref().map(read).transpose()?,
            image: self.image.unwrap_or(ImageId(0)),
            server: self.server,
            labels: self.labels.iter().cloned().collect(),
            phantom: None,
        })
    }
}

pub async fn run(session: &Session, command: Vm) -> anyhow::Result<()> {
    match command {
        Vm::Create(create) => {
            let wish = Wish { project_id: create.project, name: create.name.clone(), spec: create.spec()? };
            resource::create(session, wish, create.idempotency_key, create.follow).await
        }
        Vm::List(list) => resource::list::<VmSpec>(session, list).await,
        Vm::Show { id } => resource::show::<VmSpec>(session, id).await,
        Vm::History { id } => resource::history::<VmSpec>(session, id).await,
        Vm::Quiesce { id, follow } => resource::ask::<VmSpec>(session, id, State::Quiesce, follow).await,
        Vm::Restart { id, follow } => resource::ask::<VmSpec>(session, id, State::Restart, follow).await,
        Vm::Scrub { id, follow } => resource::ask::<VmSpec>(session, id, State::Scrub, follow).await,
        Vm::Update { id, patch, follow } => resource::change::<VmSpec>(session, id, &patch, follow).await,
    }
}
