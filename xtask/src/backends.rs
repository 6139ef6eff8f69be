//! Private instances of the real backends: free ports, a folder of their own, gone afterwards, also when the tests fail or
//! are interrupted. What a killed run left behind, the next one takes down.

mod ceph;

use crate::guest;
use crate::run::{command, quietly, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PREFIX: &str = "drover-test-";

/// Nothing here takes longer to come up.
const LIMIT: Duration = Duration::from_secs(120);

/// The folder of this run, for the handler of interrupts.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    Rabbitmq,
    Postgres,
    Sshd,
    /// And the tiny guest that runs there.
    Libvirt,
    Ceph,
    Etcd,
    Redis,
}

pub struct Backends {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Backends {
    pub fn start(wanted: impl IntoIterator<Item = Backend>) -> Result<Self> {
        Self::start_with(wanted, [])
    }

    /// And of the others those that come up: who can do without them says what is missing.
    pub fn start_with(
        wanted: impl IntoIterator<Item = Backend>,
        optional: impl IntoIterator<Item = Backend>,
    ) -> Result<Self> {
        take_down_leftovers();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // The servers drop to users of their own, who must find their folders below.
        quietly(command("chmod").arg("755").arg(&folder))?;
        *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.clone());
        ctrlc::set_handler(|| {
            if let Some(folder) = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).take() {
                take_down(&folder);
            }
            std::process::exit(130);
        })
        .context("the handler of interrupts")?;
        // Takes down what has started, should a later one fail.
        let mut backends = Self { folder, environment: Vec::new() };
        for backend in wanted {
            backends.bring(backend)?;
        }
        for backend in optional {
            if let Err(error) = backends.bring(backend) {
                say(&format!("without {backend:?}: {error:#}"));
            }
        }
        Ok(backends)
    }

    fn bring(&mut self, backend: Backend) -> Result<()> {
        match backend {
            Backend::Rabbitmq => self.rabbitmq(),
            Backend::Postgres => self.postgres(),
            Backend::Sshd => self.sshd(),
            Backend::Libvirt => self.libvirt(),
            Backend::Ceph => self.ceph(),
            Backend::Etcd => self.etcd(),
            Backend::Redis => self.redis(),
        }
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    fn set(&mut self, name: &str, value: impl ToString) {
        self.environment.push((name.to_owned(), value.to_string()));
    }

    fn own(&self, name: &str, user: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        quietly(command("chown").arg(user).arg(&folder))?;
        Ok(folder)
    }

    /// A script, so that a test can start the very same broker again.
    fn rabbitmq(&mut self) -> Result<()> {
        let folder = self.own("rabbitmq", "rabbitmq")?;
        let (port, distribution, epmd) = (free_port()?, free_port()?, free_port()?);
        let at = folder.display();
        let script = format!(
            "export RABBITMQ_NODENAME=drover{port}@localhost RABBITMQ_NODE_PORT={port} RABBITMQ_NODE_IP_ADDRESS=127.0.0.1\n\
             export RABBITMQ_DIST_PORT={distribution} ERL_EPMD_PORT={epmd} RABBITMQ_MNESIA_BASE={at} RABBITMQ_LOG_BASE={at}\n\
             export RABBITMQ_PID_FILE={at}/pid RABBITMQ_ENABLED_PLUGINS_FILE={at}/plugins RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {{127,0,0,1}}'\n\
             exec rabbitmq-server >>{at}/out 2>&1\n"
        );
        let start = folder.join("start");
        fs::write(&start, script)?;
        detached(command("sh").arg(&start))?;
        fs::write(folder.join("epmd-port"), epmd.to_string())?;
        answers("RabbitMQ", || listens(port))?;
        self.set("DROVER_TEST_AMQP", format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
        self.set("DROVER_TEST_AMQP_FOLDER", folder.display());
        Ok(())
    }

    fn postgres(&mut self) -> Result<()> {
        let folder = self.own("postgres", "postgres")?;
        let port = free_port()?;
        let programs =
            fs::read_dir("/usr/lib/postgresql")?.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).max();
        let programs = programs.context("PostgreSQL's programs")?;
        let cluster = folder.join("cluster");
        let as_user = |program: &str| {
            let mut command = command("runuser");
            command.args(["-u", "postgres", "--"]).arg(programs.join(program)).arg("-D").arg(&cluster).current_dir("/");
            command
        };
        quietly(as_user("initdb").args(["-A", "trust", "-U", "postgres", "--no-sync"]))?;
        let options = format!("-p {port} -k {} -h 127.0.0.1 -c max_connections=400", folder.display());
        quietly(as_user("pg_ctl").args(["-w", "-o", &options, "-l"]).arg(folder.join("log")).arg("start"))?;
        self.set("DROVER_TEST_POSTGRES", format!("postgres://postgres@127.0.0.1:{port}/postgres"));
        Ok(())
    }

    fn sshd(&mut self) -> Result<()> {
        let folder = self.own("sshd", "root")?;
        let port = free_port()?;
        for key in ["host", "user"] {
            quietly(command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)))?;
        }
        fs::copy(folder.join("user.pub"), folder.join("authorized"))?;
        let host_key = fs::read_to_string(folder.join("host.pub"))?;
        fs::write(folder.join("known"), format!("[127.0.0.1]:{port} {host_key}"))?;
        fs::create_dir(folder.join("home"))?;
        let at = folder.display();
        // A home of its own: what this machine's user has in the shell's start-up files writes to the commands' answers.
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile {at}/pid\n\
             SetEnv HOME={at}/home\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nMaxSessions 100\nMaxStartups 100\n"
        );
        fs::write(folder.join("config"), config)?;
        fs::create_dir_all("/run/sshd")?;
        quietly(Command::new("/usr/sbin/sshd").arg("-f").arg(folder.join("config")))?;
        answers("sshd", || listens(port))?;
        let ssh = serde_json::json!({
            "address": format!("root@127.0.0.1:{port}"),
            "identity": folder.join("user"),
            "known_hosts": folder.join("known"),
        });
        self.set("DROVER_TEST_SSH", ssh);
        Ok(())
    }

    /// A libvirtd of root's in a mount namespace of its own, where its usual folders are this run's.
    fn libvirt(&mut self) -> Result<()> {
        let guest = guest::build()?;
        self.set("DROVER_TEST_GUEST", guest.display());
        let folder = self.own("libvirt", "root")?;
        for name in ["run", "lib", "log", "cache"] {
            fs::create_dir_all(folder.join(name))?;
        }
        quietly(command("cp").args(["-a", "/etc/libvirt"]).arg(folder.join("etc")))?;
        // No default network: the tests make their own bridges.
        let _ = fs::remove_dir_all(folder.join("etc/qemu/networks"));
        let qemu = "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nremember_owner = 0\ndynamic_ownership = 0\n\
                    cgroup_controllers = []\nnamespaces = []\nstdio_handler = \"file\"\n";
        fs::write(folder.join("etc/qemu.conf"), qemu)?;
        fs::write(
            folder.join("etc/libvirtd.conf"),
            "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\nlog_outputs = \"2:stderr\"\n",
        )?;
        let at = folder.display();
        let script = format!(
            "set -e\nfor pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do\n\
             mkdir -p \"${{pair#*:}}\"; mount --bind \"{at}/${{pair%%:*}}\" \"${{pair#*:}}\"; done\n\
             exec libvirtd -p {at}/pid >{at}/out 2>&1\n"
        );
        let start = folder.join("start");
        fs::write(&start, script)?;
        detached(command("unshare").args(["-m", "--propagation", "private", "sh"]).arg(&start))?;
        let socket = folder.join("run/libvirt-sock");
        let uri = format!("qemu+unix:///system?socket={}", socket.display());
        answers("libvirtd", || quietly(command("virsh").args(["-c", &uri, "list"])).is_ok())?;
        self.set("DROVER_TEST_LIBVIRT_URI", uri);
        Ok(())
    }

    /// As it comes: every write waits for the disk.
    fn etcd(&mut self) -> Result<()> {
        let folder = self.own("etcd", "root")?;
        let (port, peers) = (free_port()?, free_port()?);
        let [client, peer] = [port, peers].map(|port| format!("http://127.0.0.1:{port}"));
        let mut etcd = command("etcd");
        etcd.arg("--data-dir").arg(folder.join("data")).args(["--name", "bench", "--logger", "zap"]);
        etcd.args(["--log-level", "error", "--log-outputs"]).arg(folder.join("out"));
        etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        detached(etcd.args(["--initial-cluster", &format!("bench={peer}")]))?;
        answers("etcd", || listens(port))?;
        self.set("BENCH_ETCD", client);
        Ok(())
    }

    /// Every write waits for the disk, as etcd's do.
    fn redis(&mut self) -> Result<()> {
        let folder = self.own("redis", "root")?;
        let port = free_port()?;
        let at = folder.display();
        let config = format!(
            "bind 127.0.0.1\nport {port}\ndir {at}\npidfile {at}/pid\nlogfile {at}/out\n\
             appendonly yes\nappendfsync always\nsave \"\"\n"
        );
        fs::write(folder.join("config"), config)?;
        detached(command("redis-server").arg(folder.join("config")))?;
        answers("Redis", || listens(port))?;
        self.set("BENCH_REDIS", format!("redis://127.0.0.1:{port}"));
        Ok(())
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        say("taking everything down");
        // Held meanwhile, so that an interrupt does not end the process in the middle of it.
        let mut folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folder.take() {
            take_down(&folder);
        }
    }
}

/// Starts a server that outlives the handler of interrupts, in a session of its own.
fn detached(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map(drop).with_context(|| format!("starting {}", command.get_program().to_string_lossy()))
}

fn answers(what: &str, asks: impl Fn() -> bool) -> Result<()> {
    say(&format!("starting {what}"));
    let until = Instant::now() + LIMIT;
    while !asks() {
        if Instant::now() > until {
            bail!("{what} does not answer");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Runs whose process is gone.
fn take_down_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            say(&format!("taking down what an earlier run left: {name}"));
            take_down(&entry.path());
        }
    }
}

/// Every process whose command line, working folder or start names this folder, and then the folder.
fn take_down(folder: &Path) {
    let cluster = folder.join("postgres/cluster/postmaster.pid");
    let own = ["rabbitmq/pid", "sshd/pid", "libvirt/pid", "redis/pid"].map(|file| folder.join(file));
    let named = own.into_iter().chain([cluster]);
    let pids: Vec<String> = named
        .filter_map(|file| Some(fs::read_to_string(file).ok()?.lines().next()?.trim().to_owned()))
        .chain(processes_of(folder))
        .collect();
    for signal in ["-TERM", "-KILL"] {
        let left: Vec<&String> = pids.iter().filter(|pid| Path::new("/proc").join(pid).exists()).collect();
        if left.is_empty() {
            break;
        }
        // One that has ended meanwhile is what is wanted.
        let _ = command("kill").arg(signal).args(left).stderr(Stdio::null()).status();
        let until = Instant::now() + Duration::from_secs(5);
        while pids.iter().any(|pid| Path::new("/proc").join(pid).exists()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    if let Ok(port) = fs::read_to_string(folder.join("rabbitmq/epmd-port")) {
        let _ =
            command("epmd").args(["-port", port.trim(), "-kill"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
    if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!("{} stays: {error}", folder.display());
    }
}

/// What names the folder among its arguments, and what lives in libvirtd's mount namespace: QEMU.
fn processes_of(folder: &Path) -> Vec<String> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let libvirtd = fs::read_to_string(folder.join("libvirt/pid")).unwrap_or_default();
    let private = namespace(libvirtd.trim()).filter(|found| Some(found) != namespace("self").as_ref());
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mark = folder.display().to_string();
    let own = std::process::id().to_string();
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != own)
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&mark) || private.is_some() && namespace(pid) == private
        })
        .collect()
}
