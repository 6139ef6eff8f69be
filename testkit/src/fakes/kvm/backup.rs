//! Backup jobs and checkpoints of a domain. What is in a disk is nobody's concern here: a checkpoint is its name, and whether
//! its bitmaps are still good.

use super::domain;
use super::qemu_img;
use super::state::{Answer, Refused, State, refused};
use super::xml::Node;
use hosts::Effect::{self, Acts, Looks};

#[derive(Clone, Debug, Default)]
pub(super) struct Backups {
    job: Option<Job>,
    /// How the last one ended since the guest was started.
    ended: Option<bool>,
    pub checkpoints: Vec<Checkpoint>,
}

#[derive(Clone, Debug)]
struct Job {
    xml: Node,
    targets: Vec<String>,
    /// How often it is still asked for until it has ended.
    looks: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub name: String,
    is_broken: bool,
}

const MADE_AT: u64 = 1_795_270_921;

const NO_JOB: &str = "error: Domain backup job id not found: no domain backup job present\n";

pub(super) fn answer(state: &mut State, argv: &[&str], stdin: &str) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["backup-begin", name, "/dev/stdin", checkpoint] => (Acts, begin(state, name, stdin, checkpoint)),
        ["backup-dumpxml", name] => (Looks, running(state, name)),
        ["domjobinfo", name, "--rawstats"] => (Looks, info(state, name)),
        ["domjobinfo", name, "--completed", "--keep-completed", "--rawstats"] => (Looks, ended(state, name)),
        ["domjobabort", name] => (Acts, abort(state, name)),
        ["blockjob", name, target, "--bandwidth", _] => (Acts, speed(state, name, target)),
        ["checkpoint-list", name, "--name"] => (Looks, list(state, name)),
        ["checkpoint-dumpxml", name, checkpoint, "--no-domain"] => (Looks, dumpxml(state, name, checkpoint, false)),
        ["checkpoint-dumpxml", name, checkpoint, "--no-domain", "--size"] => {
            (Looks, dumpxml(state, name, checkpoint, true))
        }
        ["checkpoint-delete", name, checkpoint] => (Acts, delete(state, name, checkpoint, false)),
        ["checkpoint-delete", name, checkpoint, "--metadata"] => (Acts, delete(state, name, checkpoint, true)),
        _ => return None,
    })
}

impl Backups {
    /// The guest ends, and with it its job; libvirt removes what that has written.
    pub fn stop(&mut self) -> Vec<String> {
        self.ended = None;
        self.job.take().map(|job| job.targets).unwrap_or_default()
    }

    /// Whether a disk has a bitmap.
    pub fn records(&self) -> bool {
        self.checkpoints.iter().any(|checkpoint| !checkpoint.is_broken)
    }

    /// As after a QEMU that was killed.
    pub fn break_bitmaps(&mut self) {
        self.checkpoints.iter_mut().for_each(|checkpoint| checkpoint.is_broken = true);
    }
}

fn failed<T>(why: &str) -> Result<T, Refused> {
    refused(1, format!("error: {why}\n"))
}

fn begin(state: &mut State, name: &str, xml: &str, checkpoint_file: &str) -> Answer {
    let looks = state.guests.back_up_after;
    let node = |text: &str| Node::read(text).unwrap_or_else(|reason| panic!("this is no XML: {reason}"));
    let xml = node(xml);
    let Ok(file) = state.files.read(checkpoint_file) else {
        return failed(&format!("Failed to open file '{checkpoint_file}': No such file or directory"));
    };
    let checkpoint = node(&String::from_utf8_lossy(&file.bytes));
    let Some(live) = state.domain(name)?.live.clone() else {
        return failed("Operation not supported: cannot perform disk backup for inactive domain");
    };
    let known = &state.domain(name)?.backups;
    if known.job.is_some() {
        return failed(
            "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainBackupBegin)",
        );
    }
    let text = |node: &Node, child: &str| node.child(child).map(|child| child.text.clone());
    let since = text(&xml, "incremental");
    let made = text(&checkpoint, "name").unwrap_or_default();
    if let Some(since) = &since {
        match known.checkpoints.iter().find(|kept| kept.name == *since) {
            None => {
                return failed(&format!(
                    "Domain checkpoint not found: Checkpoint '{since}' for incremental backup of disk 'vda' not found"
                ));
            }
            Some(kept) if kept.is_broken => {
                return failed(&format!("checkpoint inconsistent: missing or broken bitmap '{since}' for disk 'vda'"));
            }
            Some(_) => {}
        }
    }
    if known.checkpoints.iter().any(|kept| kept.name == made) {
        return failed(&format!("operation failed: domain moment {made} already exists"));
    }
    let mut files = Vec::new();
    for disk in xml.child("disks").into_iter().flat_map(|disks| &disks.children) {
        let target = disk.attribute("name").unwrap_or_default();
        let path = disk.of("target", "file").unwrap_or_default().to_owned();
        let source = domain::disks(&live).find(|disk| disk.of("target", "dev") == Some(target));
        let Some(source) = source.and_then(|disk| disk.of("source", "file")) else {
            return failed(&format!("invalid argument: no disk named '{target}'"));
        };
        if state.files.exists(&path) {
            return failed(&format!("invalid argument: store '{path}' for backup of '{target}' exists"));
        }
        let size = state.files.read(source).map(|file| qemu_img::virtual_size(&file.bytes)).unwrap_or(0);
        files.push((path, qemu_img::made(size, since.as_ref().map(|_| source))));
    }
    for (path, bytes) in &files {
        if let Err(wrong) = state.files.write(path, bytes.clone(), 0o600) {
            return failed(&format!("Unable to create file '{path}': {}", wrong.text()));
        }
    }
    let known = &mut state.domain_mut(name)?.backups;
    known.checkpoints.push(Checkpoint { name: made, is_broken: false });
    known.ended = None;
    known.job = Some(Job { xml, targets: files.into_iter().map(|(path, _)| path).collect(), looks });
    Ok("Backup started\n".into())
}

fn running(state: &State, name: &str) -> Answer {
    match &state.domain(name)?.backups.job {
        Some(job) => Ok(job.xml.write()),
        None => refused(1, NO_JOB),
    }
}

fn info(state: &mut State, name: &str) -> Answer {
    let domain = state.domain_mut(name)?;
    if domain.live.is_none() {
        return failed("Requested operation is not valid: domain is not running");
    }
    match &mut domain.backups.job {
        None => Ok("Job type: 0\n\n".into()),
        Some(job) if job.looks == 0 => {
            (domain.backups.job, domain.backups.ended) = (None, Some(true));
            Ok("Job type: 0\n\n".into())
        }
        Some(job) => {
            job.looks -= 1;
            Ok("Job type: 2\n\noperation: 9\ndisk_total: 1073741824\ndisk_processed: 536870912\n".into())
        }
    }
}

fn ended(state: &State, name: &str) -> Answer {
    let domain = state.domain(name)?;
    Ok(match domain.backups.ended {
        _ if domain.live.is_none() => return failed("Requested operation is not valid: domain is not running"),
        None => "Job type: 0\n\n".into(),
        Some(true) => "Job type: 3\n\noperation: 9\nsuccess: 1\n".into(),
        Some(false) => "Job type: 5\n\noperation: 9\nsuccess: 0\nerrmsg: Operation canceled\n".into(),
    })
}

fn abort(state: &mut State, name: &str) -> Answer {
    let known = &mut state.domain_mut(name)?.backups;
    if known.job.is_none() {
        return failed("Requested operation is not valid: no job is active on the domain");
    }
    let targets = known.stop();
    known.ended = Some(false);
    for path in targets {
        state.files.remove(&path)?;
    }
    Ok(String::new())
}

fn speed(state: &State, name: &str, target: &str) -> Answer {
    match state.domain(name)?.backups.job {
        Some(_) => Ok(String::new()),
        None => failed(&format!("invalid argument: disk {target} does not have an active block job")),
    }
}

fn list(state: &State, name: &str) -> Answer {
    Ok(state.domain(name)?.backups.checkpoints.iter().map(|kept| format!("{}\n", kept.name)).collect())
}

fn absent<T>(checkpoint: &str) -> Result<T, Refused> {
    failed(&format!("Domain checkpoint not found: no domain checkpoint with matching name '{checkpoint}'"))
}

fn dumpxml(state: &State, name: &str, checkpoint: &str, with_size: bool) -> Answer {
    let domain = state.domain(name)?;
    let Some(kept) = domain.backups.checkpoints.iter().find(|kept| kept.name == checkpoint) else {
        return absent(checkpoint);
    };
    if with_size && domain.live.is_none() {
        return failed("Requested operation is not valid: domain is not running");
    }
    if with_size && kept.is_broken {
        return failed(&format!("checkpoint inconsistent: missing or broken bitmap '{checkpoint}' for disk 'vda'"));
    }
    let node = Node::new("domaincheckpoint");
    let children = vec![Node::new("name").saying(checkpoint), Node::new("creationTime").saying(MADE_AT.to_string())];
    Ok(Node { children, ..node }.write())
}

fn delete(state: &mut State, name: &str, checkpoint: &str, metadata_only: bool) -> Answer {
    let domain = state.domain_mut(name)?;
    if !domain.backups.checkpoints.iter().any(|kept| kept.name == checkpoint) {
        return absent(checkpoint);
    }
    if !metadata_only && domain.live.is_none() {
        let why = "Operation not supported: cannot delete checkpoint for inactive domain";
        return refused(1, format!("error: Failed to delete checkpoint {checkpoint}\nerror: {why}\n"));
    }
    let is_lost = domain.backups.checkpoints.iter().any(|kept| kept.name == checkpoint && kept.is_broken);
    if !metadata_only && is_lost {
        let why = format!("internal error: bitmap '{checkpoint}' not found in backing chain of 'vda'");
        return refused(1, format!("error: Failed to delete checkpoint {checkpoint}\nerror: {why}\n"));
    }
    domain.backups.checkpoints.retain(|kept| kept.name != checkpoint);
    Ok(String::new())
}
