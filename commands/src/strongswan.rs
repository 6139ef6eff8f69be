//! strongSwan in a namespace: one charon, told by swanctl over a socket of its own.

use crate::ip::netns::inside;
use hosts::{Command, Invocation, Output};

pub const CHARON: &str = "/usr/sbin/charon-systemd";
/// ESP in user space, for a kernel without it.
pub const LIBIPSEC: &str = "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so";
pub const SWANCTL: &str = "/usr/sbin/swanctl";

/// What it is started with.
pub struct Start {
    setting: String,
    pid_file: String,
}

impl Start {
    pub fn new(config: &str, pid_file: &str) -> Self {
        Self { setting: format!("STRONGSWAN_CONF={config}"), pid_file: pid_file.to_owned() }
    }

    /// Into the background, once it says that it is ready.
    pub fn argv<'a>(&'a self, namespace: &'a str) -> Vec<&'a str> {
        let start = ["start-stop-daemon", "--start", "--background", "--notify-await", "--make-pidfile", "--pidfile"];
        let argv = [&["env", self.setting.as_str()], start.as_slice(), &[&self.pid_file, "--exec", CHARON]].concat();
        inside(namespace, &argv)
    }
}

pub fn start(namespace: &str, start: &Start) -> Command<()> {
    Command::plain(Invocation::acts(start.argv(namespace)))
}

/// Takes over connections and secrets from a file: what is as before stays, what the file does not have goes.
pub fn load(socket: &str, file: &str) -> Command<()> {
    let uri = uri(socket);
    Command::plain(Invocation::acts(load_argv(&uri, file)))
}

pub fn uri(socket: &str) -> String {
    format!("unix://{socket}")
}

/// As [`load`] runs it.
pub fn load_argv<'a>(uri: &'a str, file: &'a str) -> Vec<&'a str> {
    vec!["swanctl", "--load-all", "--clear", "--noprompt", "--file", file, "--uri", uri]
}

/// The names of the connections that charon has.
pub fn connections(socket: &str) -> Command<Vec<String>> {
    let uri = uri(socket);
    let argv = ["swanctl", "--list-conns", "--raw", "--uri", &uri];
    Command { invocation: Invocation::looks(argv), read: read_connections }
}

fn read_connections(output: &Output) -> Result<Vec<String>, String> {
    let text = output.text();
    let name = |line: &str| {
        let (name, _) = line.strip_prefix("list-conn event {")?.split_once(" {")?;
        Some(name.to_owned())
    };
    let connections = text.lines().filter(|line| line.starts_with("list-conn event"));
    connections.map(|line| name(line).ok_or_else(|| "a connection without a name".to_owned())).collect()
}

/// Ends what a connection has established, without waiting for the peer to agree. Status 1 says that there was nothing.
pub fn terminate(socket: &str, connection: &str) -> Command<()> {
    let uri = uri(socket);
    let argv = ["swanctl", "--terminate", "--ike", connection, "--force", "--timeout", "3", "--uri", &uri];
    Command::plain(Invocation::acts(argv).answers(&[0, 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../golden/swanctl-conns.txt").to_vec(), ..Output::default() };
        assert_eq!(read_connections(&output).unwrap(), ["lab", "office"]);
        let none = Output { stdout: b"list-conns reply {}\n".to_vec(), ..Output::default() };
        assert_eq!(read_connections(&none).unwrap(), Vec::<String>::new());
    }
}
