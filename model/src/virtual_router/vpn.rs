//! Site-to-site VPNs as they are wished for.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpn {
    pub name: String,
    /// The other site's address or host name. Without one the other site is who calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    pub tunnel: Tunnel,
    /// What goes through it, both ways. A rule of the firewall that denies it comes first.
    pub routes: Vec<VpnRoute>,
}

/// A network of this site and one of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VpnRoute {
    pub local: String,
    pub remote: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tunnel {
    Ipsec(Box<Ipsec>),
    Wireguard(Wireguard),
}

/// Of algorithms the two sites take the first that both know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ipsec {
    #[schema(value_type = String)]
    pub pre_shared_key: Secret,
    /// Who this site says it is; the router's public address when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_id: Option<String>,
    /// Who the other site says it is; the peer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Of IKE, 1 or 2.
    #[serde(default = "newest")]
    pub version: u8,
    #[serde(default = "encryption")]
    pub ike_encryption: Vec<String>,
    #[serde(default = "authentication")]
    pub ike_authentication: Vec<String>,
    #[serde(default = "groups")]
    pub ike_dh: Vec<String>,
    #[serde(default = "eight_hours")]
    pub ike_lifetime_secs: u32,
    #[serde(default = "encryption")]
    pub esp_encryption: Vec<String>,
    #[serde(default = "authentication")]
    pub esp_authentication: Vec<String>,
    /// For a new exchange with every new key; none when empty.
    #[serde(default = "groups")]
    pub esp_dh: Vec<String>,
    #[serde(default = "an_hour")]
    pub esp_lifetime_secs: u32,
    #[serde(default)]
    pub establish: Establish,
}

/// When the tunnel is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Establish {
    /// At once, and again when it was lost.
    #[default]
    Start,
    /// When there is traffic for it.
    Trap,
    /// When the other site asks.
    None,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wireguard {
    /// This site's, as `wg genkey` writes it.
    #[schema(value_type = String)]
    pub private_key: Secret,
    pub peer_public_key: String,
    /// As `wg genpsk` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pre_shared_key: Option<Secret>,
    /// Of UDP, on the router's public address.
    #[serde(default = "wireguard_port")]
    pub port: u16,
    #[serde(default = "wireguard_port")]
    pub peer_port: u16,
    /// How often the way is kept open, in seconds; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_secs: Option<u16>,
}

fn newest() -> u8 {
    2
}

fn encryption() -> Vec<String> {
    vec!["aes256".into()]
}

fn authentication() -> Vec<String> {
    vec!["sha256".into()]
}

fn groups() -> Vec<String> {
    vec!["curve25519".into(), "modp2048".into()]
}

fn eight_hours() -> u32 {
    8 * 3600
}

fn an_hour() -> u32 {
    3600
}

fn wireguard_port() -> u16 {
    51820
}
