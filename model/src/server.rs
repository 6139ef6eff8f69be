//! A server: one host of a region that drivers act on, its capacity, and what its worker last said.

pub mod backup;
mod hyperv;
mod router;

pub use backup::BackupSettings;
pub use hyperv::{HypervSettings, RootDisk};
pub use router::{Carrier, RouterSettings};

use crate::device::Device;
use crate::drift::DriftPolicy;
use crate::pci::PciAddress;
use crate::{Kind, Moment, ServerId, ServerType, Version, windows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

mod ceph;
mod gpu;

pub use ceph::CephSettings;
pub use gpu::GpuSettings;

/// The wish, as it is POSTed by an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// Unique in the fleet; names the host's queue and its locks. Lower-case letters, digits and dashes, at most 40.
    pub name: String,
    #[serde(rename = "type")]
    pub server_type: ServerType,
    #[serde(default = "default_region")]
    pub region: String,
    /// Virtual CPUs that may be given away in all; oversubscription is the operator's, by naming more than there are.
    pub cores: u32,
    pub ram_mb: u64,
    pub gb: u64,
    /// `local` for the worker's own machine, or `user@address[:port]` for SSH.
    #[serde(default = "default_address")]
    pub address: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    #[serde(default)]
    pub settings: HostSettings,
}

/// How drivers find their way on the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// Folder on the host that holds images, disks and seeds.
    #[serde(default = "default_storage")]
    pub storage: String,
    /// What virsh connects to, on the host itself.
    #[serde(default = "default_libvirt_uri")]
    pub libvirt_uri: String,
    #[serde(default)]
    pub virtualisation: Virtualisation,
    /// What a guest gets to shut itself down before it is powered off.
    #[serde(default = "default_shutdown_secs")]
    pub shutdown_secs: u32,
    #[serde(default)]
    pub ceph: CephSettings,
    /// What is done when a resource is found to differ from its record.
    #[serde(default)]
    pub drift: DriftPolicy,
    #[serde(default)]
    pub backup: BackupSettings,
    #[serde(default)]
    pub router: RouterSettings,
    #[serde(default)]
    pub gpu: GpuSettings,
    #[serde(default)]
    pub hyperv: HypervSettings,
}

/// What runs a KVM server's guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Virtualisation {
    /// The hardware where `/dev/kvm` is there, else software.
    #[default]
    Auto,
    /// Software (TCG): many times slower, and works on hosts whose KVM does not, nested ones say.
    Tcg,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            storage: default_storage(),
            libvirt_uri: default_libvirt_uri(),
            virtualisation: Virtualisation::Auto,
            shutdown_secs: default_shutdown_secs(),
            ceph: CephSettings::default(),
            drift: DriftPolicy::default(),
            backup: BackupSettings::default(),
            router: RouterSettings::default(),
            gpu: GpuSettings::default(),
            hyperv: HypervSettings::default(),
        }
    }
}

fn default_region() -> String {
    "default".into()
}

fn default_address() -> String {
    "local".into()
}

fn default_enabled() -> bool {
    true
}

fn default_storage() -> String {
    "/var/lib/drover".into()
}

fn default_shutdown_secs() -> u32 {
    60
}

fn default_libvirt_uri() -> String {
    "qemu:///system".into()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Server {
    pub id: ServerId,
    #[serde(flatten)]
    pub spec: ServerSpec,
    /// Capacity claimed by resources that are not closed.
    pub used: Capacity,
    /// What its worker last reported; none before a worker has come.
    pub worker: Option<WorkerReport>,
    pub version: Version,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capacity {
    pub cores: u32,
    pub ram_mb: u64,
    pub gb: u64,
}

/// A worker's heartbeat for one of its hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerReport {
    /// The worker's own name; several may serve one host.
    pub worker: String,
    pub version: String,
    pub drivers: Vec<Kind>,
    /// Whether the worker could reach the host just now, and why not.
    pub host_error: Option<String>,
    /// Things an operator should know: no hardware virtualisation, say.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What can be given to VMs, as the worker has found it: when it began to serve the host, when the server's settings
    /// changed, and every ten minutes.
    #[serde(default)]
    pub devices: Vec<HostDevice>,
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Moment,
}

/// A display or processing accelerator of a host, or a mediated device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostDevice {
    /// A PCI address, `0000:65:00.0`, or the UUID of a mediated device.
    #[schema(value_type = String)]
    #[serde(alias = "address")]
    pub device: Device,
    /// The PCI device that a mediated one is a share of.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub parent: Option<PciAddress>,
    /// Vendor and product by their numbers, `10de:2204`; the type of a mediated device, `nvidia-35`.
    #[serde(default)]
    pub id: String,
    /// A mediated device has its parent's.
    pub vendor: String,
    pub product: String,
    /// The kernel's driver that has it.
    pub driver: Option<String>,
    /// Its IOMMU group; none when the host cannot give it to a guest.
    pub group: Option<u32>,
    pub numa_node: Option<u32>,
}

impl ServerSpec {
    pub fn check(&self) -> Result<(), String> {
        crate::names::check_name("name", &self.name, 40)?;
        if self.cores == 0 || self.ram_mb == 0 {
            return Err("cores and ram_mb are at least 1".into());
        }
        let storage = self.settings.storage.as_str();
        match self.server_type {
            ServerType::Hyperv if !windows::is_folder(storage) => {
                return Err(r"settings.storage of a Hyper-V host is a folder of a drive, D:\drover say".into());
            }
            ServerType::Kvm | ServerType::Phantom | ServerType::Router | ServerType::Ceph
                if !storage.starts_with('/') =>
            {
                return Err("settings.storage is an absolute path".into());
            }
            _ => {}
        }
        if self.settings.shutdown_secs > 3600 {
            return Err("settings.shutdown_secs is at most 3600".into());
        }
        if self.server_type == ServerType::Hyperv {
            self.check_hyperv()?;
        }
        self.settings.backup.check(self.server_type)?;
        self.settings.ceph.check()?;
        self.settings.gpu.check()?;
        self.settings.hyperv.check()?;
        self.settings.router.check()
    }

    /// A Windows host is reached over SSH, and knows nothing of libvirt and Ceph.
    fn check_hyperv(&self) -> Result<(), String> {
        if self.address == "local" {
            return Err("address of a Hyper-V host is user@host[:port]: it is reached over SSH".into());
        }
        let HostSettings { libvirt_uri, virtualisation, ceph, .. } = &self.settings;
        let usual = HostSettings::default();
        if (libvirt_uri, virtualisation, ceph) != (&usual.libvirt_uri, &usual.virtualisation, &usual.ceph) {
            return Err("settings.libvirt_uri, virtualisation and ceph mean nothing on a Hyper-V host".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hyperv(settings: serde_json::Value) -> Result<(), String> {
        let mut spec = serde_json::json!({
            "name": "hv-1", "type": "hyperv", "cores": 1, "ram_mb": 1, "gb": 1, "address": "robot@hv-1",
            "settings": { "storage": r"D:\drover" },
        });
        if let Some(settings) = settings.as_object() {
            for (name, value) in settings {
                match name.as_str() {
                    "address" => spec[name] = value.clone(),
                    _ => spec["settings"][name] = value.clone(),
                }
            }
        }
        serde_json::from_value::<ServerSpec>(spec).unwrap().check()
    }

    #[test]
    fn a_hyper_v_host_has_a_folder_of_a_drive_and_an_address() {
        assert_eq!(hyperv(serde_json::json!({})), Ok(()));
        for (wrong, reason) in [
            (serde_json::json!({ "storage": "/var/lib/drover" }), "a folder of a drive"),
            (serde_json::json!({ "address": "local" }), "over SSH"),
            (serde_json::json!({ "libvirt_uri": "test:///default" }), "mean nothing"),
            (serde_json::json!({ "virtualisation": "tcg" }), "mean nothing"),
        ] {
            assert!(hyperv(wrong.clone()).unwrap_err().contains(reason), "{wrong}");
        }
    }
}
