//! `virsh snapshot-...`, and the agent inside a guest: a snapshot holds the disks as they are, the definitions and, of a
//! guest that runs, its memory.

use super::domain::{self, Domain, Memory};
use super::state::{Answer, Refused, State, refused};
use super::virsh::said;
use super::xml::Node;

#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub name: String,
    description: Option<String>,
    /// What it stands on.
    pub parent: Option<String>,
    kept: Option<Node>,
    /// What ran, and what was in its memory.
    live: Option<(Node, Memory)>,
    /// Path and content.
    disks: Vec<(String, Vec<u8>)>,
}

impl Snapshot {
    pub fn state(&self) -> &'static str {
        if self.live.is_some() { "running" } else { "shutoff" }
    }

    pub fn is_in(&self, path: &str) -> bool {
        self.disks.iter().any(|(disk, _)| disk == path)
    }
}

fn unknown<T>(name: &str) -> Result<T, Refused> {
    refused(1, format!("error: Domain snapshot not found: no domain snapshot with matching name '{name}'\n"))
}

fn position(domain: &Domain, name: &str) -> Result<usize, Refused> {
    domain.snapshots.iter().position(|snapshot| snapshot.name == name).map_or_else(|| unknown(name), Ok)
}

/// In the order of `--topological`: those on top of one behind it, the newest first.
fn on_top(domain: &Domain, of: Option<&str>, into: &mut Vec<String>) {
    for snapshot in domain.snapshots.iter().rev().filter(|snapshot| snapshot.parent.as_deref() == of) {
        into.push(snapshot.name.clone());
        on_top(domain, Some(&snapshot.name), into);
    }
}

pub(super) fn list(state: &State, domain: &str, from: Option<&str>) -> Answer {
    let domain = state.domain(domain)?;
    if let Some(from) = from {
        position(domain, from)?;
    }
    let mut names = Vec::new();
    on_top(domain, from, &mut names);
    Ok(names.iter().map(|name| format!("{name}\n")).collect())
}

pub(super) fn dumpxml(state: &State, domain: &str, name: &str) -> Answer {
    let domain = state.domain(domain)?;
    let snapshot = &domain.snapshots[position(domain, name)?];
    let mut xml = Node::new("domainsnapshot");
    xml.children.push(Node::new("name").saying(name));
    let description = snapshot.description.iter().map(|text| Node::new("description").saying(text));
    xml.children.extend(description);
    xml.children.push(Node::new("state").saying(snapshot.state()));
    if let Some(parent) = &snapshot.parent {
        let mut beneath = Node::new("parent");
        beneath.children.push(Node::new("name").saying(parent));
        xml.children.push(beneath);
    }
    let mut own = snapshot.live.as_ref().map(|(live, _)| live).or(snapshot.kept.as_ref()).cloned().unwrap_or_default();
    own.attributes.retain(|(name, _)| name != "id");
    xml.children.push(own);
    Ok(xml.write())
}

/// Paths of what a snapshot is taken of: every disk that the guest may write to.
fn own_disks(xml: &Node) -> impl Iterator<Item = &str> {
    domain::disks(xml).filter(|disk| disk.child("readonly").is_none()).filter_map(|disk| disk.of("source", "file"))
}

pub(super) fn create(state: &mut State, domain: &str, text: &str) -> Answer {
    let found = state.domain(domain)?;
    let wanted = Node::read(text).unwrap_or_else(|reason| panic!("the snapshot is no XML: {reason}"));
    let name = wanted.child("name").map(|name| name.text.clone());
    let name = name.unwrap_or_else(|| panic!("a snapshot without a name is not simulated"));
    if position(found, &name).is_ok() {
        return refused(1, format!("error: operation failed: domain moment {name} already exists\n"));
    }
    let live = found.live.clone().map(|live| (live, found.memory));
    let kept = found.kept.clone();
    let xml = live.as_ref().map(|(live, _)| live).or(kept.as_ref()).cloned().unwrap_or_default();
    if let Some(disk) = domain::disks(&xml).find(|disk| super::network::image(disk).is_some()) {
        let target = disk.of("target", "dev").unwrap_or_default();
        let why = if live.is_some() {
            format!("unsupported configuration: internal snapshot for disk {target} unsupported for storage type raw")
        } else {
            let why = "inactive snapshots are not supported on 'network' disks using 'rbd' protocol";
            format!("internal error: internal {why}")
        };
        return refused(1, format!("error: {why}\n"));
    }
    let mut disks = Vec::new();
    for path in own_disks(&xml) {
        match state.files.read(path) {
            Ok(file) => disks.push((path.to_owned(), file.bytes.clone())),
            Err(wrong) => return refused(1, no_disk(&format!("-c {name}"), path, wrong.text())),
        }
    }
    let description = wanted.child("description").map(|description| description.text.clone());
    let domain = state.domain_mut(domain)?;
    let parent = domain.current.replace(name.clone());
    domain.snapshots.push(Snapshot { name, description, parent, kept, live, disks });
    Ok(String::new())
}

fn no_disk(what: &str, path: &str, why: &str) -> String {
    format!(
        "error: internal error: Child process (/usr/bin/qemu-img snapshot {what} {path}) unexpected exit status 1: \
         qemu-img: Could not open '{path}': Could not open '{path}': {why}\n\n"
    )
}

/// Stops what runs, and starts what was in memory, paused.
pub(super) fn revert(state: &mut State, name: &str, snapshot: &str, paused: bool) -> Answer {
    let domain = state.domain(name)?;
    let found = domain.snapshots[position(domain, snapshot)?].clone();
    let what = format!("Failed to revert snapshot {snapshot}");
    if let Some((path, wrong)) = found.disks.iter().find_map(|(path, _)| Some((path, state.files.read(path).err()?))) {
        let why = no_disk(&format!("-a {snapshot}"), path, wrong.text());
        state.stop(name);
        return said(&what, Err(why.trim_start_matches("error: ").trim_end().to_owned() + "\n"));
    }
    if state.domain(name)?.backups.records() {
        state.stop(name);
        let why = "internal error: qemu unexpectedly closed the monitor: qemu-system-x86_64: Device has active dirty bitmaps\n";
        return said(&what, Err(why.into()));
    }
    for (path, bytes) in &found.disks {
        if let Some(file) = state.files.read_mut(path) {
            file.bytes.clone_from(bytes);
        }
    }
    let domain = state.domain_mut(name)?;
    domain.kept = found.kept;
    domain.current = Some(snapshot.to_owned());
    state.stop(name);
    if found.live.is_some() || paused {
        domain::start(state, name)?;
    }
    let domain = state.domain_mut(name)?;
    if let Some((live, memory)) = found.live {
        domain.live = Some(live);
        domain.memory = memory;
    }
    domain.is_paused = paused;
    Ok(String::new())
}

/// What stands on top of it comes to stand on what is beneath it.
pub(super) fn delete(state: &mut State, domain: &str, name: &str) -> Answer {
    let domain = state.domain_mut(domain)?;
    let at = position(domain, name)?;
    let gone = domain.snapshots.remove(at);
    for snapshot in domain.snapshots.iter_mut().filter(|snapshot| snapshot.parent.as_deref() == Some(name)) {
        snapshot.parent.clone_from(&gone.parent);
    }
    if domain.current.as_deref() == Some(name) {
        domain.current = gone.parent;
    }
    Ok(String::new())
}

pub(super) fn resume(state: &mut State, name: &str) -> Answer {
    let domain = state.domain_mut(name)?;
    let what = format!("Failed to resume domain '{name}'");
    if domain.live.is_none() {
        return said(&what, Err("Requested operation is not valid: domain is not running".into()));
    }
    if !domain.is_paused {
        return said(&what, Err("Requested operation is not valid: domain is already running".into()));
    }
    domain.is_paused = false;
    Ok(String::new())
}

// --- the agent inside the guest -------------------------------------------------------------------------------------

/// Why it does not answer.
fn silent(state: &State, name: &str) -> Result<Option<&'static str>, Refused> {
    let has_agent = state.guests.agent;
    Ok(match state.domain(name)? {
        domain if domain.live.is_none() => Some("Requested operation is not valid: domain is not running"),
        _ if !has_agent => Some("Guest agent is not responding: QEMU guest agent is not connected"),
        domain if domain.is_paused => Some("Requested operation is not valid: domain is not running"),
        _ => None,
    })
}

pub(super) fn agent(state: &State, name: &str, ask: &str) -> Answer {
    assert_eq!(ask, r#"{"execute":"guest-fsfreeze-status"}"#, "this question to the agent is not simulated");
    if let Some(why) = silent(state, name)? {
        return refused(1, format!("error: {why}\n"));
    }
    let is_frozen = state.domain(name)?.memory.is_frozen;
    if is_frozen && state.guests.mute_when_frozen {
        let why = "Guest agent is not responding: Guest agent not available for now";
        return refused(1, format!("error: {why}\n"));
    }
    let word = if is_frozen { "frozen" } else { "thawed" };
    Ok(format!("{{\"return\":\"{word}\"}}\n"))
}

pub(super) fn freeze(state: &mut State, name: &str, freeze: bool) -> Answer {
    let what = format!("Unable to {} filesystems", if freeze { "freeze" } else { "thaw" });
    if let Some(why) = silent(state, name)? {
        return said(&what, Err(why.into()));
    }
    let memory = &mut state.domain_mut(name)?.memory;
    if freeze && memory.is_frozen {
        let why = "internal error: unable to execute QEMU agent command 'guest-fsfreeze-freeze': \
                   The command guest-fsfreeze-freeze has been disabled for this instance";
        return said(&what, Err(why.into()));
    }
    memory.is_frozen = freeze;
    Ok(String::new())
}
