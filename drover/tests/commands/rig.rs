//! `drover up` in a folder of its own, and the commands that find it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing in a test takes longer; a limit, not a measure.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The binary, with nothing of this shell's own settings.
pub fn drover() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DROVER_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

pub fn run(arguments: &[&str]) -> Said {
    drover().args(arguments).output().expect("the binary runs").into()
}

pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running `drover up`; killed with its test.
pub struct Up {
    child: Child,
    pub url: String,
    pub data: PathBuf,
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Up {
    pub fn start(folder: &TempDir) -> Self {
        let data = folder.path().join("data");
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = drover();
        command.args(["up", "--listen", &listen, "--data"]).arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
        let up = Self { child: command.spawn().expect("it starts"), url: format!("http://{listen}"), data };
        until("up serves", || (up.run(&["server", "list", "--json"]).code == Some(0)).then_some(()));
        up
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let mut command = drover();
        command.args(arguments).args(["--url", &self.url, "--data"]).arg(&self.data);
        command.output().expect("the binary runs").into()
    }

    /// One that must work: its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).ends(0).json()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// How it ends by itself.
    pub fn ended(mut self) -> ExitStatus {
        until("up ends", || self.child.try_wait().expect("its status"))
    }

    /// A project, an image and the phantom server that is always there; gives project and image.
    pub fn ground(&self) -> (String, String) {
        let project = self.json(&["project", "create", "shop", "--grace-hours", "0"])["id"].to_string();
        let sum = "0".repeat(64);
        let image = ["image", "create", "tiny", "--source", "/tiny.img", "--sha256", &sum, "--min-gb", "1"];
        (project, self.json(&image)["id"].to_string())
    }

    pub fn server(&self) -> String {
        let servers = self.json(&["server", "list"]);
        let phantom = servers.as_array().into_iter().flatten().find(|server| server["name"] == "phantom-1");
        phantom.unwrap_or_else(|| panic!("no phantom server: {servers:#}"))["id"].to_string()
    }
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("the file").permissions().mode() & 0o777
}
