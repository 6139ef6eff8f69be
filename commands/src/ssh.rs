//! ssh and scp: another machine, reached from the host with the host's own keys.

use hosts::{Command, Invocation};
use std::time::Duration;

/// Sending a disk of many gigabytes.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Never asks, and knows the other machine already.
const OPTIONS: [&str; 6] = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"];

/// The same command there. A shell reads the words on the other side, so each is quoted as one.
pub fn on<T>(address: &str, command: Command<T>) -> Command<T> {
    let Command { mut invocation, read } = command;
    let there = invocation.argv.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    let argv = ["ssh"].into_iter().chain(OPTIONS).chain(["--", address]).map(str::to_owned);
    invocation.argv = argv.chain(there).collect();
    Command { invocation, read }
}

/// Sends files into a folder there; at most so many MiB a second, 0 is no limit.
pub fn send(files: &[String], address: &str, folder: &str, mb_a_second: u32) -> Command<()> {
    transfer(files.iter().cloned(), format!("{address}:{folder}/"), mb_a_second)
}

/// Fetches a file.
pub fn fetch(address: &str, path: &str, to: &str) -> Command<()> {
    transfer([format!("{address}:{path}")], to.to_owned(), 0)
}

fn transfer(from: impl IntoIterator<Item = String>, to: String, mb_a_second: u32) -> Command<()> {
    let mut argv: Vec<String> = ["scp", "-q"].into_iter().chain(OPTIONS).map(str::to_owned).collect();
    if mb_a_second > 0 {
        // In Kbit.
        argv.extend(["-l".to_owned(), (u64::from(mb_a_second) * 8192).to_string()]);
    }
    argv.push("--".into());
    argv.extend(from);
    argv.push(to);
    Command::plain(Invocation::acts(argv).deadline(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn every_word_stays_one_word_there() {
        let command = on("drover@vault", files::exists("/a b/it's")).invocation;
        assert_eq!(command.argv[7..], ["--", "drover@vault", "'test'", "'-e'", "'/a b/it'\\''s'"]);
        assert_eq!(command.answers, [0, 1]);
    }
}
