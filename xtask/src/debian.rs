//! Installing what the tests need, where it is missing: Debian, as root.

use crate::run::{command, quietly, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Packages of servers that nobody but the bench needs, and what they would start with the machine.
const SERVICES: [(&str, &str); 2] = [("etcd-server", "etcd"), ("redis-server", "redis-server")];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs those of the packages that are not installed; services are not started.
pub fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() {
        bail!("this is no Debian; install by hand: {}", missing.join(" "));
    }
    if !is_root() {
        bail!("not root; install by hand: apt-get install {}", missing.join(" "));
    }
    say(&format!("installing {}", missing.join(" ")));
    quietly(command("apt-get").args(["update", "-qq"]))?;
    let _quiet = NoServices::begin()?;
    if let Err(first) = apt(&missing) {
        // A package that is newer than the archive's, from backports say, holds up those that fit the archive's.
        let newer = newer_than_archive();
        if newer.is_empty() {
            return Err(first);
        }
        say(&format!("taking the archive's version of {}", newer.join(" ")));
        let all: Vec<&str> = missing.iter().copied().chain(newer.iter().map(String::as_str)).collect();
        apt(&all)?;
    }
    for (_, service) in SERVICES.iter().filter(|(package, _)| missing.contains(package)) {
        // On the files alone: there may be no systemd that runs.
        quietly(command("systemctl").args(["--root=/", "disable", service]))?;
    }
    Ok(())
}

fn apt(packages: &[&str]) -> Result<()> {
    let mut apt = command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "-y", "-qq", "--no-install-recommends", "--allow-downgrades"]).args(packages);
    quietly(&mut apt).map(drop)
}

/// `name/release` of QEMU's packages that are installed in a version the release does not have.
fn newer_than_archive() -> Vec<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename =
        release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("stable").to_owned();
    let candidates = ["qemu-utils", "qemu-system-common", "qemu-system-data"];
    let newer = candidates.iter().filter(|package| {
        let Ok(policy) = quietly(command("apt-cache").args(["policy", package])) else { return false };
        let policy = String::from_utf8_lossy(&policy.stdout).into_owned();
        // The installed version has no source but the status file.
        let mut lines = policy.lines().skip_while(|line| !line.trim_start().starts_with("***")).skip(1);
        lines.next().is_some_and(|line| line.contains("/var/lib/dpkg/status"))
            && lines.next().is_some_and(|line| !line.trim_start().starts_with("500 "))
    });
    newer.map(|package| format!("{package}/{codename}")).collect()
}

fn is_installed(package: &str) -> bool {
    let query = quietly(command("dpkg-query").args(["-W", "-f", "${Status}", package]));
    query.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("ok installed"))
}

pub fn is_root() -> bool {
    quietly(command("id").arg("-u")).is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Keeps packages from starting their services while they are installed.
struct NoServices {
    before: Option<Vec<u8>>,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let before = fs::read(POLICY).ok();
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").context("writing policy-rc.d")?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).context("policy-rc.d's mode")?;
        Ok(Self { before })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        let result = match &self.before {
            Some(before) => fs::write(POLICY, before),
            None => fs::remove_file(POLICY),
        };
        if let Err(error) = result {
            eprintln!("{POLICY} could not be put back: {error}");
        }
    }
}
