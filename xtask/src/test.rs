//! `cargo xtask test`

use crate::backends::{Backend, Backends};
use crate::debian;
use crate::run::{self, command, root, say};
use anyhow::{Context, Result, bail};

/// What the real backends need.
pub const PACKAGES: &[&str] = &[
    "rabbitmq-server",
    "postgresql",
    "libvirt-daemon-system",
    "libvirt-clients",
    "qemu-system-x86",
    "qemu-utils",
    "qemu-block-extra",
    "ceph-mon",
    "ceph-osd",
    "ceph-mgr",
    "ceph-common",
    "openssh-server",
    "openssh-client",
    "linux-image-cloud-amd64",
    "busybox-static",
    "cpio",
    "curl",
    "docker-compose",
    "iproute2",
    "iputils-ping",
    "nftables",
    "dnsmasq-base",
    "conntrack",
    "procps",
    "socat",
    "strongswan-swanctl",
    "charon-systemd",
    "libcharon-extra-plugins",
    "libstrongswan-standard-plugins",
    "keepalived",
    "genisoimage",
    "xorriso",
    "wireguard-tools",
    "wireguard-go",
    "tcpdump",
];

pub fn run(fast: bool, arguments: &[String]) -> Result<()> {
    let runner = Runner::find()?;
    if fast {
        return runner.run("fast", &[], arguments);
    }
    debian::install(PACKAGES)?;
    // Built before anything is started: a fault of the compiler needs no backends.
    say("building");
    run::cargo(&["build", "--workspace", "--all-targets", "--quiet"])?;
    let backends =
        Backends::start([Backend::Rabbitmq, Backend::Postgres, Backend::Sshd, Backend::Libvirt, Backend::Ceph])?;
    let result = runner.run("default", &backends.environment(), arguments);
    drop(backends);
    result
}

/// nextest where it is, or can be had; else cargo's own runner.
struct Runner {
    nextest: Option<std::path::PathBuf>,
}

impl Runner {
    fn find() -> Result<Self> {
        if run::has("cargo-nextest") {
            return Ok(Self { nextest: Some("cargo-nextest".into()) });
        }
        let tools = root().join("target/tools");
        let own = tools.join("bin/cargo-nextest");
        if !own.exists() {
            say("installing cargo-nextest into target/tools");
            let status = command("cargo")
                .args(["install", "cargo-nextest", "--locked", "--quiet", "--root"])
                .arg(&tools)
                .status();
            if !status.context("starting cargo")?.success() {
                say("cargo-nextest cannot be had; running with cargo test");
                return Ok(Self { nextest: None });
            }
        }
        Ok(Self { nextest: Some(own) })
    }

    fn run(&self, profile: &str, environment: &[(String, String)], arguments: &[String]) -> Result<()> {
        let mut tests = match &self.nextest {
            Some(nextest) => {
                let mut tests = command(&nextest.display().to_string());
                tests.args(["nextest", "run", "--workspace", "--profile", profile]).args(arguments);
                tests
            }
            None => {
                let mut tests = command("cargo");
                tests.args(["test", "--workspace", "--quiet", "--"]).args(arguments);
                if profile == "fast" {
                    tests.args(["--skip", "real_", "--skip", "postgres"]);
                }
                tests
            }
        };
        say("tests");
        let status = tests
            .envs(environment.iter().cloned())
            .env("RUST_BACKTRACE", "0")
            .status()
            .context("starting the tests")?;
        if !status.success() {
            bail!("the tests failed");
        }
        Ok(())
    }
}
