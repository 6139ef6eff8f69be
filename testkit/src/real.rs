//! The real backends that the test command has started, as the environment names them.

use crate::fleet::{image, server, vm};
use hosts::ssh::SshOptions;
use model::ServerType;
use model::image::{DirectBoot, Image, ImageSpec};
use model::server::{ServerSpec, Virtualisation};
use model::vm::{Nic, VmSpec};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run cargo xtask test"))
}

/// What virsh connects to.
pub fn libvirt_uri() -> String {
    named("DROVER_TEST_LIBVIRT_URI")
}

/// The folder with the tiny guest's `kernel`, `initrd` and `disk.qcow2`.
pub fn guest() -> PathBuf {
    PathBuf::from(named("DROVER_TEST_GUEST"))
}

/// The tiny guest's image.
pub fn tiny() -> ImageSpec {
    let guest = guest();
    let at = |name: &str| guest.join(name).display().to_string();
    let sum = run("sha256sum", &[&at("disk.qcow2")]);
    let direct_boot = DirectBoot { kernel: at("kernel"), initrd: at("initrd"), cmdline: "console=ttyS0 quiet".into() };
    ImageSpec {
        name: "tiny".into(),
        source: at("disk.qcow2"),
        sha256: sum[..64].to_owned(),
        direct_boot: Some(direct_boot),
        format: Default::default(),
        ..image()
    }
}

/// A folder for disks, where a QEMU of another user finds it.
pub fn storage() -> TempDir {
    let storage = TempDir::new().expect("a folder");
    run("chmod", &["711", &storage.path().display().to_string()]);
    storage
}

/// This machine as a KVM server, the same on every one: with or without hardware virtualisation that works.
pub fn kvm(storage: &TempDir) -> ServerSpec {
    let mut kvm = server("kvm-1", ServerType::Kvm);
    kvm.settings.storage = storage.path().display().to_string();
    kvm.settings.libvirt_uri = libvirt_uri();
    kvm.settings.virtualisation = Virtualisation::Tcg;
    kvm
}

/// A small VM on one network.
pub fn small(image: &Image, segment: &str, address: &str) -> VmSpec {
    let nic =
        Nic { segment: segment.into(), segment_id: None, mac: None, addresses: vec![address.into()], gateway: None };
    VmSpec { ram_mb: 192, nics: vec![nic], ..vm(image) }
}

/// The configuration of the Ceph cluster; its users are `drover` and `admin`.
pub fn ceph_conf() -> String {
    named("DROVER_TEST_CEPH")
}

/// This machine as the Ceph cluster's server.
pub fn ceph(storage: &TempDir) -> ServerSpec {
    let mut ceph = server("ceph-1", ServerType::Ceph);
    ceph.settings.storage = storage.path().display().to_string();
    ceph.settings.ceph.conf = ceph_conf();
    ceph
}

/// Of `rbd` as the cluster's administrator.
pub fn rbd(arguments: &[&str]) -> String {
    run("rbd", &[["-c", &ceph_conf()].as_slice(), arguments].concat())
}

/// An sshd on loopback that lets root in by key.
#[derive(Deserialize)]
pub struct Sshd {
    /// `root@127.0.0.1:port`
    pub address: String,
    identity: PathBuf,
    known_hosts: PathBuf,
}

impl Sshd {
    /// In ssh's own format, for a machine that is called `vault`.
    pub fn config(&self) -> String {
        let (identity, known) = (self.identity.display(), self.known_hosts.display());
        let (host, port) = self.address.rsplit_once(':').expect("an address with a port");
        let host = host.trim_start_matches("root@");
        format!(
            "Host vault\n  HostName {host}\n  Port {port}\n  IdentityFile {identity}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n"
        )
    }

    pub fn options(&self) -> SshOptions {
        SshOptions { identity: Some(self.identity.clone()), known_hosts: Some(self.known_hosts.clone()) }
    }
}

pub fn sshd() -> Sshd {
    serde_json::from_str(&named("DROVER_TEST_SSH")).expect("DROVER_TEST_SSH is JSON")
}

/// A broker that can be stopped and started again.
pub struct Broker {
    pub url: String,
    folder: PathBuf,
}

pub fn broker() -> Broker {
    Broker { url: named("DROVER_TEST_AMQP"), folder: PathBuf::from(named("DROVER_TEST_AMQP_FOLDER")) }
}

impl Broker {
    fn pid(&self) -> Option<String> {
        let pid = std::fs::read_to_string(self.folder.join("pid")).ok()?;
        let pid = pid.trim().to_owned();
        std::path::Path::new("/proc").join(&pid).exists().then_some(pid)
    }

    /// As a power cut would: the node is killed, and started again on what it had synced.
    pub fn restart(&self) {
        let pid = self.pid().expect("the broker runs");
        run("kill", &["-KILL", &pid]);
        while self.pid().is_some() {
            std::thread::yield_now();
        }
        run("setsid", &["-f", "sh", &self.folder.join("start").display().to_string()]);
    }
}

/// A database of a test's own, dropped with it.
pub struct Database {
    pub url: String,
    admin: String,
    name: String,
}

pub fn database(name: &str) -> Database {
    let admin = named("DROVER_TEST_POSTGRES");
    let name = format!("{name}_{}", std::process::id());
    run("psql", &["-q", "-d", &admin, "-c", &format!("CREATE DATABASE {name}")]);
    let url = format!("{}/{name}", admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server));
    Database { url, admin, name }
}

impl Drop for Database {
    fn drop(&mut self) {
        run("psql", &["-q", "-d", &self.admin, "-c", &format!("DROP DATABASE {} WITH (FORCE)", self.name)]);
    }
}

/// Runs a program of the test's own, and gives what it said.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
