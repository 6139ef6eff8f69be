//! An image: what a VM's primary disk starts from.

use crate::{ImageId, Moment, ServerType, Version, windows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The wish, as it is POSTed by an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    pub name: String,
    /// An `http(s)://` URL, or an absolute path on the host. May hold a credential: it is shown to operators and workers only.
    /// Of a `vhdx` image a path on the host, `D:\images\win2k22.vhdx`, or of a share that it may read, `\\files\images\win2k22.vhdx`.
    pub source: String,
    /// Which hypervisor it is for.
    #[serde(default)]
    pub format: Format,
    /// Of the file as fetched, 64 hexadecimal digits.
    pub sha256: String,
    /// As libosinfo names it, `debian12` say.
    pub os: String,
    /// The smallest primary disk it fits on.
    pub min_gb: u64,
    #[serde(default)]
    pub firmware: Firmware,
    /// Whether the guest reads a NoCloud seed.
    #[serde(default = "yes")]
    pub cloud_init: bool,
    /// Boot this kernel on the host directly, instead of from the disk; for images without a boot loader.
    #[serde(default)]
    pub direct_boot: Option<DirectBoot>,
}

fn yes() -> bool {
    true
}

/// What the file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For KVM; whatever else QEMU reads will do too.
    #[default]
    Qcow2,
    /// For Hyper-V.
    Vhdx,
}

impl Format {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Vhdx => "vhdx",
        }
    }

    /// Whether a server of this type can start a VM from it.
    pub const fn fits(self, server: ServerType) -> bool {
        match server {
            ServerType::Kvm => matches!(self, Self::Qcow2),
            ServerType::Hyperv => matches!(self, Self::Vhdx),
            ServerType::Phantom | ServerType::Router | ServerType::Ceph => true,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectBoot {
    /// Absolute paths on the host.
    pub kernel: String,
    pub initrd: String,
    #[serde(default)]
    pub cmdline: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    pub id: ImageId,
    #[serde(flatten)]
    pub spec: ImageSpec,
    pub version: Version,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
}

impl ImageSpec {
    pub fn check(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("name is empty".into());
        }
        if self.sha256.len() != 64
            || !self.sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        {
            return Err("sha256 is 64 lower-case hexadecimal digits".into());
        }
        if self.format == Format::Vhdx {
            return self.check_vhdx();
        }
        let by_url = self.source.starts_with("https://") || self.source.starts_with("http://");
        if !by_url && !self.source.starts_with('/') {
            return Err("source is an http(s) URL or an absolute path on the host".into());
        }
        Ok(())
    }

    fn check_vhdx(&self) -> Result<(), String> {
        if !windows::is_file(&self.source) || !self.source.to_lowercase().ends_with(".vhdx") {
            return Err(
                r"source of a vhdx image is a path on the host or of a share, D:\images\win2k22.vhdx say: a Hyper-V \
                         host fetches nothing from URLs"
                    .into(),
            );
        }
        if self.firmware != Firmware::Uefi {
            return Err("firmware of a vhdx image is uefi: VMs on Hyper-V are of generation 2".into());
        }
        if self.direct_boot.is_some() {
            return Err("direct_boot is for qcow2 images: Hyper-V boots from the disk".into());
        }
        Ok(())
    }

    /// Whether the Administrator's password is set at the first start.
    pub fn takes_password(&self) -> bool {
        self.format == Format::Vhdx && self.is_windows()
    }

    /// As libosinfo names them: `win2k22`, `win11`.
    pub fn is_windows(&self) -> bool {
        self.os.starts_with("win")
    }
}
