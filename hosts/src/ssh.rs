//! Another machine, by OpenSSH's own client: its known hosts, its keys, its agent, its connection sharing.
//!
//! A command crosses as one line that is quoted in one function. It runs under `timeout`, so that its deadline holds on the
//! far side too, and its exit status comes back on a line of stderr of its own: without that line it was ssh that failed,
//! and the host was not reached.

use crate::host::{Host, HostError, Invocation, Output};
use crate::local;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How ssh finds its key and the hosts it knows; its own defaults where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshOptions {
    pub identity: Option<PathBuf>,
    /// A host that is not in it is refused.
    pub known_hosts: Option<PathBuf>,
}

/// `user@host`, `user@host:port`, `user@[address]:port`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    pub user: String,
    pub host: String,
    pub port: u16,
}

impl FromStr for SshAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not user@host[:port]");
        let (user, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(22), str::parse).map_err(|_| wrong())?;
        // ssh would take a leading dash for an option.
        let odd = |part: &str| part.is_empty() || part.starts_with('-') || part.contains(char::is_whitespace);
        if odd(user) || odd(host) {
            return Err(wrong());
        }
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }
}

pub struct Ssh {
    name: String,
    address: SshAddress,
    options: SshOptions,
    /// Where connections are shared; removed with the last one.
    control: PathBuf,
}

/// Begins the line of stderr that carries the status.
const MARK: &str = "drover-status:";

/// What the far side's `timeout` answers when it had to stop the command.
const TIMED_OUT: i32 = 124;

/// How much longer the near side waits than the far side, for the way there and back.
const WAY: Duration = Duration::from_secs(15);

/// What the scripts below answer for an absent file.
const ABSENT: i32 = 44;

const PUT: &str = r#"set -e; d=$(dirname -- "$1"); mkdir -p -- "$d"; t=$(mktemp -- "$1.XXXXXX"); trap 'rm -f -- "$t"' EXIT; chmod "$2" "$t"; cat >"$t"; sync -- "$t"; mv -f -- "$t" "$1"; sync -- "$d""#;
const GET: &str = r#"[ -e "$1" ] || exit 44; cat -- "$1""#;
const REMOVE: &str = r#"if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1"; else rm -f -- "$1"; fi"#;

impl Ssh {
    pub fn new(name: impl Into<String>, address: SshAddress, options: SshOptions) -> Self {
        let control = std::env::temp_dir().join(format!("drover-ssh-{}", std::process::id()));
        Self { name: name.into(), address, options, control }
    }

    /// The far side's line: the command under its deadline, then its status.
    fn line(command: &Invocation) -> String {
        let secs = command.deadline.as_secs_f64().max(0.1);
        let argv = command.argv.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
        format!("LC_ALL=C timeout -k 2 {secs} {argv}; printf '\\n{MARK}%d\\n' $? >&2")
    }

    fn ssh(&self, command: &Invocation) -> Invocation {
        let mut argv: Vec<String> = ["ssh", "-T"].map(str::to_owned).into();
        let mut option = |name: &str, value: &str| argv.extend(["-o".to_owned(), format!("{name}={value}")]);
        option("BatchMode", "yes");
        option("StrictHostKeyChecking", "yes");
        option("ConnectTimeout", "10");
        option("ServerAliveInterval", "5");
        option("ServerAliveCountMax", "3");
        option("ControlMaster", "auto");
        option("ControlPersist", "60");
        option("ControlPath", &format!("{}/%C", self.control.display()));
        if let Some(known) = &self.options.known_hosts {
            option("UserKnownHostsFile", &known.display().to_string());
            option("GlobalKnownHostsFile", "/dev/null");
        }
        if let Some(identity) = &self.options.identity {
            option("IdentityFile", &identity.display().to_string());
            option("IdentitiesOnly", "yes");
        }
        let SshAddress { user, host, port } = &self.address;
        argv.extend([
            "-p".into(),
            port.to_string(),
            "-l".into(),
            user.clone(),
            "--".into(),
            host.clone(),
            Self::line(command),
        ]);
        let deadline = command.deadline + WAY;
        Invocation { argv, stdin: command.stdin.clone(), deadline, effect: command.effect, answers: command.answers }
    }

    async fn cross(&self, command: &Invocation) -> Result<Output, HostError> {
        let unreachable = |reason: String| HostError::Unreachable { host: self.name.clone(), reason };
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.control);
        made.map_err(|error| unreachable(format!("{}: {error}", self.control.display())))?;
        let output = match local::spawn(&self.name, &self.ssh(command)).await {
            Err(HostError::Deadline { .. }) => {
                return Err(unreachable("no answer within the command's deadline".to_owned()));
            }
            result => result?,
        };
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let Some((said, status)) = stderr.rsplit_once(&format!("\n{MARK}")) else {
            return Err(unreachable(stderr.trim().to_owned()));
        };
        let status: i32 = status.trim().parse().map_err(|_| unreachable("the status line was cut".to_owned()))?;
        match status {
            TIMED_OUT => Err(local::deadline(&self.name, command)),
            127 => Err(HostError::ProgramMissing { host: self.name.clone(), program: command.program().to_owned() }),
            _ => local::judged(
                &self.name,
                command,
                Output { status, stdout: output.stdout, stderr: said.as_bytes().to_vec() },
            ),
        }
    }
}

fn script(script: &str, arguments: &[&str]) -> Invocation {
    let argv = ["sh", "-c", script, "sh"].into_iter().chain(arguments.iter().copied());
    Invocation::acts(argv)
}

impl Host for Ssh {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, command: &'a Invocation) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(self.cross(command))
    }

    fn put<'a>(&'a self, path: &'a str, bytes: &'a [u8], mode: u32) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.cross(&script(PUT, &[path, &format!("{mode:o}")]).stdin(bytes)).await.map(drop) })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move {
            let output = self.cross(&script(GET, &[path]).answers(&[0, ABSENT])).await?;
            Ok((output.status == 0).then_some(output.stdout))
        })
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.cross(&script(REMOVE, &[path])).await.map(drop) })
    }
}

/// The one place where an argument becomes part of a shell's line: in single quotes, a quote itself outside of them.
fn quoted(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Local;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_read_with_and_without_a_port() {
        let of = |text: &str| text.parse::<SshAddress>().map(|address| (address.user, address.host, address.port));
        assert_eq!(of("root@kvm-1"), Ok(("root".into(), "kvm-1".into(), 22)));
        assert_eq!(of("root@10.0.0.1:2222"), Ok(("root".into(), "10.0.0.1".into(), 2222)));
        assert_eq!(of("root@[fd00::1]:2222"), Ok(("root".into(), "fd00::1".into(), 2222)));
        for wrong in ["kvm-1", "root@", "@kvm-1", "root@-oProxyCommand=x", "root@kvm-1:ssh", "root@a b"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_quoted_comes_out_of_a_real_shell_as_it_went_in(arguments in prop::collection::vec("[^\u{0}]{0,20}", 1..4)) {
            let line = arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let command = Invocation::looks(["sh".to_owned(), "-c".into(), format!("printf '%s\\0' {line}")]);
            let output = runtime.block_on(Local::new("here").run(&command)).unwrap();
            let wanted: String = arguments.iter().map(|argument| format!("{argument}\u{0}")).collect();
            prop_assert_eq!(output.text(), wanted);
        }
    }
}
