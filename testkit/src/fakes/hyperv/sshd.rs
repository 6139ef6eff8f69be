//! A simulated Hyper-V host behind a real sshd on loopback: its own host key, user key and port for each test.

use super::Hyperv;
use hosts::powershell::PowerShell;
use hosts::ssh::SshOptions;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer to come up.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Sshd {
    folder: PathBuf,
    port: u16,
    server: Child,
}

impl Sshd {
    /// In front of this host.
    pub fn start(host: &Hyperv) -> Self {
        let folder = host.folder().join("sshd");
        fs::create_dir_all(&folder).expect("a folder");
        for key in ["host", "user"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)));
        }
        fs::copy(folder.join("user.pub"), folder.join("authorized")).expect("it is copied");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let key = fs::read_to_string(folder.join("host.pub")).expect("a key");
        fs::write(folder.join("known"), format!("[127.0.0.1]:{port} {key}")).expect("it is written");
        let (at, world) = (folder.display(), host.folder().display());
        let shell = powershell();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nPermitTTY no\nAllowTcpForwarding no\nMaxSessions 100\nMaxStartups 100\n\
             ForceCommand {} {world}\n",
            shell.display()
        );
        fs::write(folder.join("config"), config).expect("it is written");
        fs::create_dir_all("/run/sshd").expect("a folder");
        let log = fs::File::create(folder.join("log")).expect("a log");
        let mut sshd = Command::new("/usr/sbin/sshd");
        let sshd = sshd.args(["-D", "-e", "-f"]).arg(folder.join("config")).stdin(Stdio::null()).stderr(log);
        let server = sshd.spawn().expect("sshd starts");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < LIMIT, "sshd does not answer");
            std::thread::yield_now();
        }
        Self { folder, port, server }
    }

    pub fn address(&self) -> String {
        format!("{}@127.0.0.1:{}", user(), self.port)
    }

    pub fn options(&self) -> SshOptions {
        SshOptions { identity: Some(self.folder.join("user")), known_hosts: Some(self.folder.join("known")) }
    }

    /// The host as a worker reaches it.
    pub fn host(&self, name: &str) -> PowerShell {
        PowerShell::new(name, self.address().parse().expect("an address"), self.options())
    }

    /// Another key than the one that is known.
    pub fn change_host_key(&self) {
        let known = self.folder.join("known");
        let other = fs::read_to_string(self.folder.join("user.pub")).expect("a key");
        fs::write(known, format!("[127.0.0.1]:{} {other}", self.port)).expect("it is written");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "root".into())
}

/// Beside the tests' own folder.
fn powershell() -> PathBuf {
    let own = std::env::current_exe().expect("this test's file");
    let folder = own.parent().and_then(Path::parent).expect("a folder of programs");
    let found = folder.join("fake-powershell");
    assert!(found.is_file(), "{} is not built: cargo build -p testkit --bins", found.display());
    found
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
