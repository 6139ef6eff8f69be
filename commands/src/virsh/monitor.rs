//! virsh: QEMU's own monitor, for snapshots of single disks under a running guest, which libvirt does not take.

use super::{acts, looks};
use hosts::{Command, Output};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Reply<T> {
    #[serde(rename = "return")]
    value: Option<T>,
    error: Option<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    desc: String,
}

/// virsh ends well, whatever QEMU has answered.
fn read<T: DeserializeOwned>(output: &Output) -> Result<T, String> {
    let reply: Reply<T> = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    match (reply.value, reply.error) {
        (Some(value), _) => Ok(value),
        (None, Some(wrong)) => Err(wrong.desc),
        (None, None) => Err("it neither answers nor refuses".to_owned()),
    }
}

#[derive(Deserialize)]
struct Block {
    inserted: Option<Inserted>,
}

#[derive(Deserialize)]
struct Inserted {
    file: String,
    #[serde(rename = "node-name")]
    node: String,
}

/// What QEMU calls each disk of a guest that is on, by the disk's file.
pub fn nodes(uri: &str, domain: &str) -> Command<BTreeMap<String, String>> {
    let ask = json!({ "execute": "query-block" }).to_string();
    Command { invocation: looks(uri, ["qemu-monitor-command", domain, &ask]), read: read_nodes }
}

fn read_nodes(output: &Output) -> Result<BTreeMap<String, String>, String> {
    let blocks: Vec<Block> = read(output)?;
    Ok(blocks.into_iter().filter_map(|block| block.inserted).map(|disk| (disk.file, disk.node)).collect())
}

/// Inside a disk.
pub fn take_snapshot(uri: &str, domain: &str, node: &str, name: &str) -> Command<()> {
    of_snapshot(uri, domain, "blockdev-snapshot-internal-sync", node, name)
}

pub fn remove_snapshot(uri: &str, domain: &str, node: &str, name: &str) -> Command<()> {
    of_snapshot(uri, domain, "blockdev-snapshot-delete-internal-sync", node, name)
}

fn of_snapshot(uri: &str, domain: &str, execute: &str, node: &str, name: &str) -> Command<()> {
    let ask = json!({ "execute": execute, "arguments": { "device": node, "name": name } }).to_string();
    let read = |output: &Output| read::<serde_json::Value>(output).map(drop);
    Command { invocation: acts(uri, ["qemu-monitor-command", domain, &ask]), read }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> Output {
        Output { stdout: bytes.to_vec(), ..Output::default() }
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let nodes = read_nodes(&said(include_bytes!("../../golden/qmp-query-block.json"))).unwrap();
        assert_eq!(nodes["/srv/vms/7/root.qcow2"], "libvirt-2-format");
        assert_eq!(nodes.len(), 2);
    }

    #[test]
    fn what_qemu_refuses_is_a_failure_although_virsh_ends_well() {
        let refused = br#"{"id":"libvirt-413","error":{"class":"GenericError","desc":"Snapshot with id 'null' and name 'nope' does not exist on device 'libvirt-2-format'"}}"#;
        let read = remove_snapshot("u", "d", "n", "nope").read;
        assert!(read(&said(refused)).is_err_and(|reason| reason.contains("does not exist")));
        assert_eq!(read(&said(br#"{"return":{},"id":"libvirt-7"}"#)), Ok(()));
        assert!(read(&said(b"")).is_err());
    }
}
