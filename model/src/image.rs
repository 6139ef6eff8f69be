//! An image: what a VM's primary disk starts from.

use crate::{ImageId, Moment, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The wish, as it is POSTed by an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    pub name: String,
    /// An `http(s)://` URL, or an absolute path on the host. May hold a credential: it is shown to operators and workers only.
    pub source: String,
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
        let by_url = self.source.starts_with("https://") || self.source.starts_with("http://");
        if !by_url && !self.source.starts_with('/') {
            return Err("source is an http(s) URL or an absolute path on the host".into());
        }
        Ok(())
    }
}
