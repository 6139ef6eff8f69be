//! rbd: images of a Ceph pool, named `pool/image`. The user's key is in a keyring that the cluster's configuration names.

use hosts::{Command, Invocation, Output};
use model::ceph::Feature;
use model::server::CephSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A pool that is full answers nothing at all.
const DEADLINE: Duration = Duration::from_secs(60);

/// An image is removed, or brought back, object by object.
const LONG: Duration = Duration::from_secs(3600);

/// What is not there.
const ABSENT: i32 = 2;

/// What the user may not, and whatever else has no number of its own.
const DENIED: i32 = 1;

/// What is in use.
const BUSY: i32 = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Image {
    #[serde(rename = "size")]
    pub bytes: u64,
    pub features: Vec<String>,
    #[serde(rename = "snapshot_count", default)]
    pub snapshots: u32,
    #[serde(default)]
    pub parent: Option<Parent>,
}

/// The snapshot that a clone starts as.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Parent {
    pool: String,
    image: String,
    snapshot: String,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.pool, self.image, self.snapshot)
    }
}

/// A client that has the image open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Watcher {
    pub address: String,
    pub client: u64,
}

/// Who may write to the image; it stays when its owner dies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Lock {
    pub id: String,
    pub locker: String,
    pub address: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    pub name: String,
    #[serde(rename = "size")]
    pub bytes: u64,
    protected: String,
}

impl Snapshot {
    pub fn is_protected(&self) -> bool {
        self.protected == "true"
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Trashed {
    pub id: String,
    pub name: String,
    status: String,
}

impl Trashed {
    pub fn has_expired(&self) -> bool {
        self.status.starts_with("expired ")
    }
}

fn argv<'a>(ceph: &'a CephSettings, rest: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ["rbd", "-c", &ceph.conf, "--id", &ceph.user].into_iter().chain(rest).collect()
}

fn looks<'a>(ceph: &'a CephSettings, rest: impl IntoIterator<Item = &'a str>) -> Invocation {
    Invocation::looks(argv(ceph, rest)).deadline(DEADLINE)
}

fn acts<'a>(ceph: &'a CephSettings, rest: impl IntoIterator<Item = &'a str>) -> Invocation {
    Invocation::acts(argv(ceph, rest)).deadline(DEADLINE)
}

fn json<T: DeserializeOwned>(output: &Output) -> Result<T, String> {
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// Nothing, when the image or the pool is absent.
fn present<T: DeserializeOwned>(output: &Output) -> Result<Option<T>, String> {
    if output.status == ABSENT { Ok(None) } else { json(output).map(Some) }
}

fn listed<T: DeserializeOwned>(output: &Output) -> Result<Vec<T>, String> {
    Ok(present(output)?.unwrap_or_default())
}

/// Every image of a pool by name; none when the pool is absent, or of those that the user has no rights in.
pub fn list(ceph: &CephSettings, pool: &str) -> Command<Vec<String>> {
    let invocation = looks(ceph, ["ls", "--format", "json", pool]).answers(&[0, DENIED, ABSENT]);
    Command { invocation, read: read_list }
}

fn read_list(output: &Output) -> Result<Vec<String>, String> {
    if output.status == DENIED {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let is_denied = stderr.contains("(1) Operation not permitted");
        return if is_denied { Ok(Vec::new()) } else { Err(stderr.trim().to_owned()) };
    }
    listed(output)
}

/// None when the image is absent.
pub fn info(ceph: &CephSettings, image: &str) -> Command<Option<Image>> {
    let invocation = looks(ceph, ["info", "--format", "json", image]).answers(&[0, ABSENT]);
    Command { invocation, read: present }
}

pub fn trashed_info(ceph: &CephSettings, pool: &str, id: &str) -> Command<Option<Image>> {
    let argv = ["info", "--format", "json", "--pool", pool, "--image-id", id];
    Command { invocation: looks(ceph, argv).answers(&[0, ABSENT]), read: present }
}

/// What is written beside an image; nothing when the image is absent.
pub fn metadata(ceph: &CephSettings, image: &str) -> Command<BTreeMap<String, String>> {
    let invocation = looks(ceph, ["image-meta", "list", "--format", "json", image]).answers(&[0, ABSENT]);
    // With nothing to list it says nothing.
    let read = |output: &Output| if output.stdout.trim_ascii().is_empty() { Ok(BTreeMap::new()) } else { json(output) };
    Command { invocation, read }
}

/// Who has it open; nobody when it is absent.
pub fn watchers(ceph: &CephSettings, image: &str) -> Command<Vec<Watcher>> {
    #[derive(Deserialize)]
    struct Status {
        watchers: Vec<Watcher>,
    }
    let invocation = looks(ceph, ["status", "--format", "json", image]).answers(&[0, ABSENT]);
    let read = |output: &Output| Ok(present::<Status>(output)?.map_or_else(Vec::new, |status| status.watchers));
    Command { invocation, read }
}

pub fn locks(ceph: &CephSettings, image: &str) -> Command<Vec<Lock>> {
    let invocation = looks(ceph, ["lock", "ls", "--format", "json", image]).answers(&[0, ABSENT]);
    Command { invocation, read: listed }
}

/// Of an image; nothing when it is absent.
pub fn snapshots(ceph: &CephSettings, image: &str) -> Command<Vec<Snapshot>> {
    let invocation = looks(ceph, ["snap", "ls", "--format", "json", image]).answers(&[0, ABSENT]);
    Command { invocation, read: listed }
}

pub fn trash(ceph: &CephSettings, pool: &str) -> Command<Vec<Trashed>> {
    let argv = ["trash", "ls", pool, "--all", "--long", "--format", "json"];
    Command { invocation: looks(ceph, argv), read: json }
}

fn words(features: &[Feature]) -> String {
    features.iter().map(|feature| feature.word()).collect::<Vec<_>>().join(",")
}

/// An empty image.
pub fn create(ceph: &CephSettings, image: &str, gb: u64, features: &[Feature]) -> Command<()> {
    let (size, features) = (format!("{gb}G"), words(features));
    Command::plain(acts(ceph, ["create", "--size", &size, "--image-feature", &features, image]))
}

/// An image that starts as a protected snapshot and keeps only what differs from it.
pub fn clone(ceph: &CephSettings, parent: &str, image: &str, features: &[Feature]) -> Command<()> {
    Command::plain(acts(ceph, ["clone", "--image-feature", &words(features), parent, image]))
}

pub fn take_snapshot(ceph: &CephSettings, snapshot: &str) -> Command<()> {
    Command::plain(acts(ceph, ["snap", "create", "--no-progress", snapshot]))
}

/// The image is as it was, and as large; under whoever has it open, too.
pub fn roll_back(ceph: &CephSettings, snapshot: &str) -> Command<()> {
    Command::plain(acts(ceph, ["snap", "rollback", "--no-progress", snapshot]).deadline(LONG))
}

/// What is absent is removed already.
pub fn remove_snapshot(ceph: &CephSettings, snapshot: &str) -> Command<()> {
    Command::plain(acts(ceph, ["snap", "rm", "--no-progress", snapshot]).answers(&[0, ABSENT]).deadline(LONG))
}

/// From being removed: clones stand on it.
pub fn protect(ceph: &CephSettings, snapshot: &str) -> Command<()> {
    Command::plain(acts(ceph, ["snap", "protect", snapshot]))
}

/// False while clones stand on it.
pub fn unprotect(ceph: &CephSettings, snapshot: &str) -> Command<bool> {
    let invocation = acts(ceph, ["snap", "unprotect", snapshot]).answers(&[0, BUSY]);
    Command { invocation, read: |output: &Output| Ok(output.status == 0) }
}

pub fn set_metadata(ceph: &CephSettings, image: &str, key: &str, value: &str) -> Command<()> {
    Command::plain(acts(ceph, ["image-meta", "set", image, key, value]))
}

/// Fails when the other name is taken.
pub fn rename(ceph: &CephSettings, from: &str, to: &str) -> Command<()> {
    Command::plain(acts(ceph, ["rename", from, to]))
}

/// Grows an image; a guest that has it open does not see it.
pub fn resize(ceph: &CephSettings, image: &str, gb: u64) -> Command<()> {
    Command::plain(acts(ceph, ["resize", "--size", &format!("{gb}G"), "--no-progress", image]))
}

/// Takes the lock from its owner, who is put on the cluster's blocklist: it never writes again.
pub fn break_lock(ceph: &CephSettings, image: &str, lock: &Lock) -> Command<()> {
    // It may have gone just before.
    Command::plain(acts(ceph, ["lock", "rm", image, &lock.id, &lock.locker]).answers(&[0, ABSENT]))
}

/// What is absent is removed already.
pub fn remove(ceph: &CephSettings, image: &str) -> Command<()> {
    Command::plain(acts(ceph, ["rm", "--no-progress", image]).answers(&[0, ABSENT]).deadline(LONG))
}

/// Into the pool's trash, from where it can be restored for this long. It does so under a client that has it open, too.
pub fn move_to_trash(ceph: &CephSettings, image: &str, hours: u32) -> Command<()> {
    let until = format!("+{hours} hours");
    Command::plain(acts(ceph, ["trash", "mv", image, "--expires-at", &until]).answers(&[0, ABSENT]))
}

/// Out of the trash and for ever; refused while it can still be restored.
pub fn purge(ceph: &CephSettings, pool: &str, id: &str) -> Command<()> {
    let image = format!("{pool}/{id}");
    Command::plain(acts(ceph, ["trash", "rm", "--no-progress", &image]).answers(&[0, ABSENT]).deadline(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> Output {
        Output { stdout: bytes.to_vec(), ..Output::default() }
    }

    fn ceph() -> CephSettings {
        CephSettings::default()
    }

    fn read<T>(command: Command<T>, output: &Output) -> T {
        (command.read)(output).unwrap()
    }

    #[test]
    fn recorded_answers_are_read() {
        let image = read(info(&ceph(), "p/i"), &said(include_bytes!("../golden/rbd-info.json"))).unwrap();
        assert_eq!((image.bytes, image.snapshots), (1 << 30, 0));
        assert_eq!(image.features, ["layering", "exclusive-lock"]);
        assert_eq!(image.parent.unwrap().to_string(), "volumes/img@base");
        let watchers = read(watchers(&ceph(), "p/i"), &said(include_bytes!("../golden/rbd-status.json")));
        assert_eq!(watchers, [Watcher { address: "127.0.0.1:0/13502208".into(), client: 4337 }]);
        let locks = read(locks(&ceph(), "p/i"), &said(include_bytes!("../golden/rbd-lock-ls.json")));
        assert_eq!((locks[0].id.as_str(), locks[0].locker.as_str()), ("auto 140430666634368", "client.4337"));
        let snapshots = read(snapshots(&ceph(), "p/i"), &said(include_bytes!("../golden/rbd-snap-ls.json")));
        assert!(snapshots[0].is_protected() && snapshots[0].name == "base");
        let trash = read(trash(&ceph(), "p"), &said(include_bytes!("../golden/rbd-trash-ls.json")));
        let expired: Vec<_> = trash.iter().filter(|image| image.has_expired()).map(|image| &image.name).collect();
        assert_eq!(expired, ["drover-volume-7"]);
    }

    #[test]
    fn pools_of_others_have_no_images_of_drovers() {
        let denied = |stderr: &str| read_list(&Output { status: 1, stderr: stderr.into(), ..Output::default() });
        assert_eq!(denied("rbd: listing images failed: (1) Operation not permitted\n"), Ok(Vec::new()));
        assert!(denied("rbd: couldn't connect to the cluster!\n").is_err());
        assert_eq!(read_list(&said(b"[\"drover-volume-7\"]")), Ok(vec!["drover-volume-7".to_owned()]));
    }

    #[test]
    fn what_is_absent_is_no_failure() {
        let absent = Output { status: ABSENT, ..Output::default() };
        assert_eq!(read(info(&ceph(), "p/i"), &absent), None);
        assert_eq!(read(watchers(&ceph(), "p/i"), &absent), []);
        assert_eq!(read(metadata(&ceph(), "p/i"), &absent), BTreeMap::new());
        assert_eq!(read(metadata(&ceph(), "p/i"), &said(b"{\"a\":\"1\"}\n"))["a"], "1");
    }
}
