//! A virtual machine's wish.

use crate::resource::Spec;
use crate::secret::Secret;
use crate::server::Capacity;
use crate::{ImageId, ResourceId, ResourceType, SegmentId, ServerId, names};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use utoipa::ToSchema;

pub type Vm = crate::resource::Resource<VmSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// Virtual CPUs, 1 to 255.
    pub cpu: u32,
    pub ram_mb: u64,
    /// Exactly one is primary.
    pub disks: Vec<Disk>,
    #[serde(default)]
    pub nics: Vec<Nic>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub dns: Vec<IpAddr>,
    #[serde(default)]
    pub ssh_keys: Vec<String>,
    /// cloud-init user data, at most 16 KiB. Never logged, never in an argument, never in a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userdata: Option<String>,
    /// Of the Administrator of a Windows guest, 8 to 127 characters: what its first start sets, and nothing later. Never
    /// logged, never in an argument, never in a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub admin_password: Option<Secret>,
    pub image: ImageId,
    /// Its disks start as this backup's, and only disks that the backup does not have are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<ResourceId>,
    /// The server it must stand on; without it the API picks one.
    #[serde(default)]
    pub server: Option<ServerId>,
    /// Labels that its server must have.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// On a phantom server: faults to rehearse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phantom: Option<PhantomScript>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Tells the VM's disks apart; it stays with the disk for its life.
    pub name: String,
    pub gb: u64,
    #[serde(default)]
    pub primary: bool,
    /// The Ceph pool that it is an image of; without one it is a file on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nic {
    /// The layer-2 segment, one of the project's.
    pub segment: String,
    /// The segment's number, by which it is told from another project's of the same name. Given by the API.
    #[serde(default)]
    pub segment_id: Option<SegmentId>,
    /// Tells the VM's nics apart. Given by the API when left out.
    #[serde(default)]
    pub mac: Option<String>,
    /// With prefix length, `10.1.0.5/24`.
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub gateway: Option<IpAddr>,
}

impl Nic {
    /// The bridge that it is plugged into on its host.
    pub fn bridge(&self) -> String {
        names::bridge(self.segment(), &self.segment)
    }

    /// The segment's number, once the API has given one.
    pub fn segment(&self) -> SegmentId {
        self.segment_id.unwrap_or(SegmentId(0))
    }
}

/// A VM as its project's router knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    pub id: ResourceId,
    pub name: String,
    pub nics: Vec<Nic>,
}

/// Faults that a phantom driver rehearses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhantomScript {
    /// How long each step takes, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The step that fails.
    #[serde(default)]
    pub fail_at: Option<String>,
    /// How many times it fails before it works; for ever when left out.
    #[serde(default)]
    pub fail_times: Option<u32>,
    /// The step that never ends.
    #[serde(default)]
    pub hang_at: Option<String>,
}

impl Disk {
    /// `pool/image`; none of a disk that is a file.
    pub fn image(&self, vm: ResourceId) -> Option<String> {
        self.pool.as_ref().map(|pool| names::in_pool(pool, &names::disk_image(vm, &self.name)))
    }
}

impl VmSpec {
    pub fn primary(&self) -> &Disk {
        self.disks.iter().find(|disk| disk.primary).unwrap_or(&self.disks[0])
    }
}

impl Spec for VmSpec {
    const TYPE: ResourceType = ResourceType::Vm;

    fn check(&self) -> Result<(), String> {
        if !(1..=255).contains(&self.cpu) {
            return Err(format!("cpu is 1 to 255, not {}", self.cpu));
        }
        if self.ram_mb < 64 {
            return Err(format!("ram_mb is at least 64, not {}", self.ram_mb));
        }
        match self.disks.iter().filter(|disk| disk.primary).count() {
            1 => {}
            count => return Err(format!("exactly one of disks is primary, not {count}")),
        }
        if self.disks.len() > 20 || self.nics.len() > 10 {
            return Err("at most 20 disks and 10 nics".into());
        }
        let mut disks = BTreeSet::new();
        for disk in &self.disks {
            names::check_name("disks.name", &disk.name, 20)?;
            if disk.name.starts_with("volume-") {
                return Err(format!("disk {}: names that begin with volume- are those of volumes", disk.name));
            }
            if let Some(pool) = &disk.pool {
                names::check_rbd("disks.pool", pool)?;
            }
            if disk.gb == 0 {
                return Err(format!("disk {} has 0 gb", disk.name));
            }
            if !disks.insert(&disk.name) {
                return Err(format!("two disks are named {}", disk.name));
            }
        }
        let mut macs = BTreeSet::new();
        for nic in &self.nics {
            names::check_name("nics.segment", &nic.segment, 12)?;
            if let Some(mac) = &nic.mac {
                names::check_mac(mac)?;
                if !macs.insert(mac) {
                    return Err(format!("two nics have the mac {mac}"));
                }
            }
            for address in &nic.addresses {
                names::check_cidr("nics.addresses", address)?;
            }
        }
        if self.userdata.as_ref().is_some_and(|data| data.len() > 16 * 1024) {
            return Err("userdata is at most 16 KiB".into());
        }
        if let Some(password) = &self.admin_password {
            let text = password.reveal();
            if !(8..=127).contains(&text.chars().count()) || text.chars().any(char::is_control) {
                return Err("admin_password is 8 to 127 characters, none of them a control character".into());
            }
        }
        if self.ssh_keys.iter().any(|key| key.contains(['\n', '\r'])) {
            return Err("an ssh key is one line".into());
        }
        Ok(())
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.image != next.image {
            return Err("image cannot be changed: build another VM".into());
        }
        if self.backup != next.backup {
            return Err("backup cannot be changed: build another VM".into());
        }
        if self.admin_password != next.admin_password {
            return Err("admin_password cannot be changed: set it in the guest".into());
        }
        if self.server != next.server && next.server.is_some() {
            return Err("server cannot be changed".into());
        }
        if self.primary().name != next.primary().name {
            return Err("the primary disk cannot be exchanged".into());
        }
        for disk in &self.disks {
            match next.disks.iter().find(|other| other.name == disk.name) {
                Some(other) if other.gb < disk.gb => {
                    return Err(format!("disk {} cannot shrink from {} to {} gb", disk.name, disk.gb, other.gb));
                }
                Some(other) if other.pool != disk.pool => {
                    return Err(format!("disk {} cannot go from pool to pool", disk.name));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn takes(&self) -> Capacity {
        Capacity { cores: self.cpu, ram_mb: self.ram_mb, gb: self.disks.iter().map(|disk| disk.gb).sum() }
    }
}
