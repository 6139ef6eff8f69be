//! How a host reaches its Ceph cluster.

use crate::names;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CephSettings {
    /// The cluster's configuration on the host; it says where the keyring is.
    #[serde(default = "default_conf")]
    pub conf: String,
    /// Without `client.`
    #[serde(default = "default_user")]
    pub user: String,
    /// How long a scrubbed image can still be restored from the trash; 0 removes it at once.
    #[serde(default = "default_trash_hours")]
    pub trash_hours: u32,
}

impl Default for CephSettings {
    fn default() -> Self {
        Self { conf: default_conf(), user: default_user(), trash_hours: default_trash_hours() }
    }
}

fn default_conf() -> String {
    "/etc/ceph/ceph.conf".into()
}

fn default_user() -> String {
    "drover".into()
}

fn default_trash_hours() -> u32 {
    24
}

impl CephSettings {
    pub fn check(&self) -> Result<(), String> {
        // Both stand in a list of options, where these have a meaning.
        if !self.conf.starts_with('/') || self.conf.contains([':', ',', '=', '\\']) {
            return Err("settings.ceph.conf is an absolute path without any of : , = \\".into());
        }
        names::check_rbd("settings.ceph.user", &self.user)?;
        if self.trash_hours > 24 * 365 {
            return Err("settings.ceph.trash_hours is at most a year's 8760".into());
        }
        Ok(())
    }
}
