//! How VMs stand on a Hyper-V host.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HypervSettings {
    /// The operator's external virtual switch, on the adapter that the region's trunk ends on. Each segment is a VLAN of it,
    /// the segment's number plus `settings.router.carrier.vlan.first`, the same as on KVM hosts.
    #[serde(default = "default_switch")]
    pub switch: String,
    #[serde(default)]
    pub root_disk: RootDisk,
    /// What a guest gets to take up its first settings, before their disc is taken away from one that says nothing.
    #[serde(default = "default_first_boot_secs")]
    pub first_boot_secs: u32,
}

/// What a VM's primary disk is at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RootDisk {
    /// A copy of the image: it stands on nothing.
    #[default]
    Copy,
    /// What differs from the image, which must stay as it is for as long as any VM stands on it.
    Differencing,
}

impl Default for HypervSettings {
    fn default() -> Self {
        Self { switch: default_switch(), root_disk: RootDisk::Copy, first_boot_secs: default_first_boot_secs() }
    }
}

fn default_switch() -> String {
    "trunk".into()
}

fn default_first_boot_secs() -> u32 {
    600
}

impl HypervSettings {
    pub fn check(&self) -> Result<(), String> {
        let is_plain = !self.switch.chars().any(|char| char.is_control() || "*?[]".contains(char));
        if self.switch.trim().is_empty() || !is_plain {
            return Err("settings.hyperv.switch is the plain name of a virtual switch".into());
        }
        if self.first_boot_secs > 3600 {
            return Err("settings.hyperv.first_boot_secs is at most 3600".into());
        }
        Ok(())
    }
}
