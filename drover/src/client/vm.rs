//! `drover vm`

use super::Session;
use super::resource::{self, Any, New, Switch};
use anyhow::Context;
use clap::{Args, Subcommand};
use model::secret::Secret;
use model::vm::{Disk, Nic, VmSpec};
use model::{ImageId, ServerId};
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Vm {
    /// Build a VM
    Create(Box<Create>),
    #[command(flatten)]
    Any(Any),
    #[command(flatten)]
    Switch(Switch),
}

#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    new: New,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
struct Options {
    #[arg(long, value_name = "ID", required_unless_present = "spec")]
    image: Option<ImageId>,
    #[arg(long, default_value_t = 1)]
    cpu: u32,
    #[arg(long, default_value_t = 1024)]
    ram_mb: u64,
    /// A disk, NAME=GB, or NAME=GB@POOL for an image of a Ceph pool; the first is primary; may be given again
    #[arg(long = "disk", value_name = "NAME=GB[@POOL]", value_parser = disk, default_value = "root=10")]
    disks: Vec<Disk>,
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
    /// File with the password of a Windows guest's Administrator, on its first line
    #[arg(long, value_name = "FILE")]
    admin_password: Option<PathBuf>,
    /// The server it must stand on
    #[arg(long, value_name = "ID")]
    server: Option<ServerId>,
    /// A label that its server must have
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = super::server::label)]
    labels: Vec<(String, String)>,
}

fn disk(text: &str) -> Result<Disk, String> {
    let (name, size) = text.split_once('=').ok_or("a disk is NAME=GB[@POOL]")?;
    let (gb, pool) = size.split_once('@').map_or((size, None), |(gb, pool)| (gb, Some(pool.to_owned())));
    let gb = gb.parse().map_err(|_| format!("{gb:?} is no number of GB"))?;
    Ok(Disk { name: name.to_owned(), gb, primary: false, pool })
}

fn nic(text: &str) -> Result<Nic, String> {
    let (segment, addresses) = text.split_once('=').unwrap_or((text, ""));
    let addresses: Vec<String> = addresses.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    for address in &addresses {
        model::names::check_cidr("nic", address)?;
    }
    Ok(Nic { segment: segment.to_owned(), segment_id: None, mac: None, addresses, gateway: None })
}

impl Options {
    fn spec(&self) -> anyhow::Result<VmSpec> {
        let read =
            |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
        let keys = self.ssh_keys.as_ref().map(read).transpose()?.unwrap_or_default();
        let password = self.admin_password.as_ref().map(read).transpose()?;
        let password = password.map(|text| Secret::new(text.lines().next().unwrap_or_default()));
        let mut nics = self.nics.clone();
        if let Some(first) = nics.first_mut() {
            first.gateway = self.gateway;
        }
        Ok(VmSpec {
            cpu: self.cpu,
            ram_mb: self.ram_mb,
            disks: self.disks.iter().enumerate().map(|(n, disk)| Disk { primary: n == 0, ..disk.clone() }).collect(),
            nics,
            dns: self.dns.clone(),
            ssh_keys: keys.lines().map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
            userdata: self.userdata.as_ref().map(read).transpose()?,
            admin_password: password,
            image: self.image.unwrap_or(ImageId(0)),
            backup: None,
            server: self.server,
            labels: self.labels.iter().cloned().collect(),
            phantom: None,
        })
    }
}

pub async fn run(session: &Session, command: Vm) -> anyhow::Result<()> {
    match command {
        Vm::Create(create) => {
            let Create { new, options } = *create;
            new.create(session, || options.spec()).await
        }
        Vm::Any(command) => resource::any::<VmSpec>(session, command).await,
        Vm::Switch(command) => resource::switch::<VmSpec>(session, command).await,
    }
}
