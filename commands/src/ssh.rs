//! ssh and scp: another machine, reached from the host with the host's own keys.

use hosts::{Command, Invocation};
use std::time::Duration;

/// Sending a disk of many gigabytes.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Never asks, and knows the other machine already.
const OPTIONS: [&str; 6] = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"];

/// Where it is, and ssh's own configuration for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `user@host`
    pub address: String,
    pub config: Option<String>,
}

impl Machine {
    fn argv(&self, program: &[&str]) -> Vec<String> {
        let config = self.config.iter().flat_map(|path| ["-F", path.as_str()]);
        program.iter().copied().chain(OPTIONS).chain(config).map(str::to_owned).collect()
    }
}

/// The same command there. A shell reads the words on the other side, so each is quoted as one.
pub fn on<T>(machine: &Machine, command: Command<T>) -> Command<T> {
    let Command { mut invocation, read } = command;
    let there = invocation.argv.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    let mut argv = machine.argv(&["ssh"]);
    argv.extend(["--".to_owned(), machine.address.clone()]);
    argv.extend(there);
    invocation.argv = argv;
    Command { invocation, read }
}

/// Sends files into a folder there; at most so many MiB a second, 0 is no limit.
pub fn send(files: &[String], machine: &Machine, folder: &str, mb_a_second: u32) -> Command<()> {
    transfer(machine, files, &format!("{}:{folder}/", machine.address), mb_a_second)
}

/// Fetches a file.
pub fn fetch(machine: &Machine, path: &str, to: &str) -> Command<()> {
    transfer(machine, &[format!("{}:{path}", machine.address)], to, 0)
}

fn transfer(machine: &Machine, from: &[String], to: &str, mb_a_second: u32) -> Command<()> {
    let mut argv = machine.argv(&["scp", "-q"]);
    if mb_a_second > 0 {
        // In Kbit.
        argv.extend(["-l".to_owned(), (u64::from(mb_a_second) * 8192).to_string()]);
    }
    argv.push("--".into());
    argv.extend_from_slice(from);
    argv.push(to.to_owned());
    Command::plain(Invocation::acts(argv).deadline(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn every_word_stays_one_word_there() {
        let machine = Machine { address: "drover@vault".into(), config: Some("/etc/drover/ssh".into()) };
        let command = on(&machine, files::exists("/a b/it's")).invocation;
        assert_eq!(
            command.argv[7..],
            ["-F", "/etc/drover/ssh", "--", "drover@vault", "'test'", "'-e'", "'/a b/it'\\''s'"]
        );
        assert_eq!(command.answers, [0, 1]);
    }
}
