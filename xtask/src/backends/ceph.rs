//! A Ceph cluster of one monitor, one manager and one OSD on a sparse file, with cephx, and a user with the rights that
//! drover needs and no others.

use super::{Backends, answers, free_port, listens};
use crate::run::{command, quietly};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Each for one chapter, so that it can compare what was there with what is.
pub const POOLS: [&str; 6] = ["volumes", "killed", "full", "disks", "snapped", "orphans"];

/// What the OSD may write in all.
const BYTES: u64 = 6 << 30;

impl Backends {
    pub(super) fn ceph(&mut self) -> Result<()> {
        let folder = self.own("ceph", "root")?;
        for name in ["mon", "mgr", "osd"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let uuid = || fs::read_to_string("/proc/sys/kernel/random/uuid").map(|text| text.trim().to_owned());
        let (cluster, osd, port) = (uuid()?, uuid()?, free_port()?);
        let conf = folder.join("ceph.conf");
        fs::write(&conf, configuration(&folder, &cluster, port))?;
        monitor(&folder, &conf, &cluster, port)?;
        answers("Ceph", || listens(port))?;
        let ceph = |argv: &[&str]| quietly(command("ceph").arg("-c").arg(&conf).args(argv));
        let keyring = |name: &str| folder.join(format!("{name}.keyring")).display().to_string();
        ceph(&["auth", "get-or-create", "mgr.a", "mon", "profile mgr", "osd", "allow *", "-o", &keyring("mgr.a")])?;
        daemon(command("ceph-mgr").arg("-c").arg(&conf).args(["-i", "a"]))?;
        ceph(&["osd", "new", &osd])?;
        ceph(&[
            "auth",
            "get-or-create",
            "osd.0",
            "mon",
            "profile osd",
            "mgr",
            "profile osd",
            "osd",
            "allow *",
            "-o",
            &keyring("osd.0"),
        ])?;
        let store = || {
            let mut store = command("ceph-osd");
            store.arg("-c").arg(&conf).args(["-i", "0"]);
            store
        };
        quietly(store().args(["--mkfs", "--osd-uuid", &osd]))?;
        daemon(&mut store())?;
        for pool in POOLS {
            ceph(&["osd", "pool", "create", pool, "4"])?;
            quietly(command("rbd").arg("-c").arg(&conf).args(["pool", "init", pool]))?;
        }
        let rights = POOLS.map(|pool| format!("profile rbd pool={pool}")).join(", ");
        let user = ["auth", "get-or-create", "client.drover", "mon", "profile rbd", "osd", &rights, "mgr", &rights];
        ceph(&[user.as_slice(), &["-o", &keyring("client.drover")]].concat())?;
        self.set("DROVER_TEST_CEPH", conf.display());
        Ok(())
    }
}

/// It puts itself into the background, once it has come up; with nothing of ours open.
fn daemon(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| format!("starting {name}"))?;
    if !status.success() {
        bail!("{name} does not start ({status}); its log is in the cluster's folder");
    }
    Ok(())
}

/// One copy of everything is enough for a test, and one OSD has it.
fn configuration(folder: &Path, cluster: &str, port: u16) -> String {
    let at = folder.display();
    format!(
        "[global]\nfsid = {cluster}\nmon host = [v2:127.0.0.1:{port}]\nmon initial members = a\n\
         auth cluster required = cephx\nauth service required = cephx\nauth client required = cephx\n\
         auth allow insecure global id reclaim = false\nkeyring = {at}/$name.keyring\npublic addr = 127.0.0.1\n\
         run dir = {at}\nadmin socket = {at}/$name.$pid.asok\nlog file = {at}/$name.log\npid file = {at}/$name.pid\ncrash dir = {at}\n\
         osd pool default size = 1\nosd pool default min size = 1\nosd pool default pg autoscale mode = off\n\
         mon allow pool size one = true\nmon allow pool delete = true\nmon warn on pool no redundancy = false\n\
         osd crush chooseleaf type = 0\nmon data avail warn = 0\nmon data avail crit = 0\nmon max pg per osd = 1000\n\
         bluestore block size = {BYTES}\nosd memory target = 939524096\nmgr initial modules =\n\
         [mon.a]\nmon data = {at}/mon\nkeyring = {at}/mon.keyring\n[mgr.a]\nmgr data = {at}/mgr\n[osd.0]\nosd data = {at}/osd\n"
    )
}

fn monitor(folder: &Path, conf: &Path, cluster: &str, port: u16) -> Result<()> {
    let (own, admin, map) = (folder.join("mon.keyring"), folder.join("client.admin.keyring"), folder.join("monmap"));
    let key = |path: &Path, name: &str, rights: &[&str]| {
        let mut tool = command("ceph-authtool");
        tool.arg("--create-keyring").arg(path).args(["--gen-key", "-n", name]);
        for right in rights {
            tool.args(["--cap", right, "allow *"]);
        }
        quietly(&mut tool)
    };
    key(&own, "mon.", &["mon"])?;
    key(&admin, "client.admin", &["mon", "osd", "mgr"])?;
    quietly(command("ceph-authtool").arg(&own).arg("--import-keyring").arg(&admin))?;
    let address = format!("[v2:127.0.0.1:{port}]");
    quietly(command("monmaptool").args(["--create", "--fsid", cluster, "--addv", "a", &address]).arg(&map))?;
    let monitor = || {
        let mut monitor = command("ceph-mon");
        monitor.arg("-c").arg(conf).args(["-i", "a"]);
        monitor
    };
    quietly(monitor().args(["--mkfs", "--monmap"]).arg(&map).arg("--keyring").arg(&own))?;
    daemon(&mut monitor())
}
