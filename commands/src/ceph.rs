//! ceph and ceph-conf: what a cluster has room for, and where a user's key is.

use hosts::{Command, Invocation, Output};
use model::server::CephSettings;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    /// What can still be written to it, replication and its quota reckoned in.
    pub room_bytes: u64,
}

#[derive(Deserialize)]
struct Usage {
    pools: Vec<PoolUsage>,
}

#[derive(Deserialize)]
struct PoolUsage {
    name: String,
    stats: Stats,
}

#[derive(Deserialize)]
struct Stats {
    stored: u64,
    max_avail: u64,
    /// Zero for none.
    quota_bytes: u64,
}

/// Every pool of the cluster.
pub fn pools(ceph: &CephSettings) -> Command<Vec<Pool>> {
    let argv = ["ceph", "-c", &ceph.conf, "--id", &ceph.user, "df", "detail", "--format", "json"];
    Command { invocation: Invocation::looks(argv), read: read_pools }
}

fn read_pools(output: &Output) -> Result<Vec<Pool>, String> {
    let usage: Usage = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let room = |stats: &Stats| match stats.quota_bytes {
        0 => stats.max_avail,
        quota => stats.max_avail.min(quota.saturating_sub(stats.stored)),
    };
    Ok(usage.pools.into_iter().map(|pool| Pool { room_bytes: room(&pool.stats), name: pool.name }).collect())
}

/// The files in which the user's key may be.
pub fn keyrings(ceph: &CephSettings) -> Command<Vec<String>> {
    let user = format!("client.{}", ceph.user);
    let argv = ["ceph-conf", "-c", &ceph.conf, "--name", &user, "--show-config-value", "keyring"];
    let read = |output: &Output| Ok(output.text().trim().split(',').map(|path| path.trim().to_owned()).collect());
    Command { invocation: Invocation::looks(argv), read }
}

/// A user's key in a keyring.
pub fn key(keyring: &str, user: &str) -> Option<String> {
    let section = format!("[client.{user}]");
    let lines = keyring.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
    lines.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "key").then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_room_for_what_is_free_and_within_its_quota() {
        let output = Output { stdout: include_bytes!("../golden/ceph-df.json").to_vec(), ..Output::default() };
        let room: Vec<_> = read_pools(&output).unwrap().into_iter().map(|pool| (pool.name, pool.room_bytes)).collect();
        // The first is over its quota.
        assert_eq!(room, [("volumes".to_owned(), 0), ("second".to_owned(), 2_755_814_912)]);
    }

    #[test]
    fn a_key_is_its_users() {
        let keyring = "[client.admin]\n\tkey = AAA==\n[client.drover]\n\tcaps mon = \"profile rbd\"\n\tkey = BBB==\n";
        assert_eq!(key(keyring, "drover").as_deref(), Some("BBB=="));
        assert_eq!(key(keyring, "admin").as_deref(), Some("AAA=="));
        assert_eq!(key(keyring, "nobody"), None);
    }
}
