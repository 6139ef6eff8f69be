//! `drover server`

use super::{Session, every_page};
use crate::out::{dash, pairs};
use clap::{Args, Subcommand};
use iaas::{Client, Failure};
use model::server::{HostDevice, HostSettings, Server as Record, ServerSpec, Virtualisation};
use model::{Moment, ServerId, ServerType};
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub enum Server {
    /// Make a host known to the fleet
    Create(Box<Create>),
    List,
    Show {
        id: ServerId,
    },
    /// Let placement use it
    Enable {
        id: ServerId,
    },
    /// Keep placement off it; what stands there goes on
    Disable {
        id: ServerId,
    },
    /// Change its record
    Update {
        id: ServerId,
        /// JSON merge patch: '{"settings": {"drift": "repair"}}'
        #[arg(long = "set", value_name = "JSON", value_parser = json)]
        patch: Value,
    },
    /// Remove it, once nothing stands on it
    Delete {
        id: ServerId,
    },
}

#[derive(Args, Debug)]
pub struct Create {
    /// Unique; names its queue and its locks
    name: String,
    #[arg(long = "type", value_name = "TYPE")]
    server_type: ServerType,
    #[arg(long, default_value = "default")]
    region: String,
    /// Virtual CPUs that may be given away
    #[arg(long)]
    cores: u32,
    #[arg(long)]
    ram_mb: u64,
    #[arg(long)]
    gb: u64,
    /// `local`, or user@address[:port] for SSH
    #[arg(long, default_value = "local")]
    address: String,
    /// May be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Folder on the host for images, disks and seeds
    #[arg(long)]
    storage: Option<String>,
    /// What virsh connects to
    #[arg(long)]
    libvirt_uri: Option<String>,
    /// Run guests in software even where there is hardware virtualisation
    #[arg(long)]
    tcg: bool,
    /// What a guest gets to shut itself down before it is powered off
    #[arg(long, value_name = "SECONDS")]
    shutdown_secs: Option<u32>,
    /// Further settings as JSON, as the reference has them
    #[arg(long, value_name = "JSON", value_parser = settings)]
    settings: Option<HostSettings>,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn settings(text: &str) -> Result<HostSettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

const COLLECTION: &str = "servers";

/// Every record of a collection.
pub async fn all<T: DeserializeOwned>(client: &Client, collection: &str) -> Result<Vec<T>, Failure> {
    every_page(async |cursor| client.record_list(collection, cursor.as_deref()).await).await
}

fn used(used: impl ToString, of: impl ToString) -> String {
    format!("{}/{}", used.to_string(), of.to_string())
}

/// What its worker last said, in a few words.
fn seen(server: &Record) -> String {
    let Some(worker) = &server.worker else { return "no worker yet".to_owned() };
    let secs = Moment::now().duration_since(worker.seen_at).as_secs().max(0);
    match &worker.host_error {
        Some(error) => format!("{}, {secs} s ago: {error}", worker.worker),
        None => format!("{}, {secs} s ago", worker.worker),
    }
}

fn text(server: &Record) -> String {
    let spec = &server.spec;
    let mut rows = vec![
        ("id", server.id.to_string()),
        ("name", spec.name.clone()),
        ("type", spec.server_type.to_string()),
        ("region", spec.region.clone()),
        ("enabled", spec.enabled.to_string()),
        ("address", spec.address.clone()),
        ("cores", used(server.used.cores, spec.cores)),
        ("ram_mb", used(server.used.ram_mb, spec.ram_mb)),
        ("gb", used(server.used.gb, spec.gb)),
        ("labels", spec.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")),
        ("worker", seen(server)),
        ("version", dash(server.worker.as_ref().map(|worker| &worker.version))),
    ];
    if let Some(worker) = &server.worker {
        rows.push(("drivers", worker.drivers.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" ")));
        rows.extend(worker.devices.iter().map(|device| ("device", line(device, spec))));
        rows.extend(worker.warnings.iter().map(|warning| ("warning", warning.clone())));
    }
    pairs(&rows)
}

fn line(device: &HostDevice, server: &ServerSpec) -> String {
    let driver = device.driver.as_deref().unwrap_or("no driver");
    let group = device.group.map_or_else(|| "no IOMMU group".to_owned(), |group| format!("IOMMU group {group}"));
    let node = device.numa_node.map(|node| format!(", NUMA node {node}")).unwrap_or_default();
    let part = device.parent.map(|parent| format!(", part of {parent}")).unwrap_or_default();
    let may = server.settings.gpu.allows(device.device, Some(&device.id));
    let given = if may { "" } else { ", not to be given" };
    let HostDevice { device, vendor, product, id, .. } = device;
    format!("{device} {vendor} {product} ({id}{part}, {driver}, {group}{node}{given})")
}

pub async fn run(session: &Session, command: Server) -> anyhow::Result<()> {
    let client = &session.client;
    match command {
        Server::Create(create) => {
            let settings = create.settings.unwrap_or_default();
            let spec = ServerSpec {
                name: create.name,
                server_type: create.server_type,
                region: create.region,
                cores: create.cores,
                ram_mb: create.ram_mb,
                gb: create.gb,
                address: create.address,
                labels: create.labels.into_iter().collect(),
                enabled: true,
                settings: HostSettings {
                    storage: create.storage.unwrap_or(settings.storage),
                    libvirt_uri: create.libvirt_uri.unwrap_or(settings.libvirt_uri),
                    virtualisation: if create.tcg { Virtualisation::Tcg } else { settings.virtualisation },
                    shutdown_secs: create.shutdown_secs.unwrap_or(settings.shutdown_secs),
                    ..settings
                },
            };
            session.out.document(&client.record_create::<_, Record>(COLLECTION, &spec).await?, text)
        }
        Server::List => {
            let items: Vec<Record> = all(client, COLLECTION).await?;
            session.out.list(&items, &["id", "name", "type", "enabled", "cores", "ram_mb", "gb", "worker"], |server| {
                vec![
                    server.id.to_string(),
                    server.spec.name.clone(),
                    server.spec.server_type.to_string(),
                    server.spec.enabled.to_string(),
                    used(server.used.cores, server.spec.cores),
                    used(server.used.ram_mb, server.spec.ram_mb),
                    used(server.used.gb, server.spec.gb),
                    seen(server),
                ]
            })
        }
        Server::Show { id } => session.out.document(&client.record_read(COLLECTION, id.0).await?, text),
        Server::Enable { id } => change(session, id, &serde_json::json!({ "enabled": true })).await,
        Server::Disable { id } => change(session, id, &serde_json::json!({ "enabled": false })).await,
        Server::Update { id, patch } => change(session, id, &patch).await,
        Server::Delete { id } => Ok(client.record_delete(COLLECTION, id.0).await?),
    }
}

async fn change(session: &Session, id: ServerId, patch: &Value) -> anyhow::Result<()> {
    let server: Record = session.client.record_read(COLLECTION, id.0).await?;
    session.out.document(&session.client.record_change(COLLECTION, id.0, server.version, patch).await?, text)
}
