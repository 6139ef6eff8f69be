//! nftables in a namespace. A file is loaded as one transaction: all of it, or nothing.

use crate::ip::netns::inside;
use hosts::{Command, Invocation, Output};

/// A table as nftables writes it, without counters and with handles; none when it is absent. It is for comparing with what it
/// wrote before, line by line, so in its own words.
pub fn table(namespace: &str, name: &str) -> Command<Option<String>> {
    let argv = inside(namespace, &["nft", "-s", "-a", "list", "table", "inet", name]);
    Command { invocation: Invocation::looks(argv).answers(&[0, 1]), read: read_table }
}

fn read_table(output: &Output) -> Result<Option<String>, String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status {
        0 => Ok(Some(output.text())),
        _ if stderr.contains("No such file or directory") => Ok(None),
        _ => Err(stderr.trim().to_owned()),
    }
}

pub fn load(namespace: &str, path: &str) -> Command<()> {
    Command::plain(Invocation::acts(load_argv(namespace, path)))
}

/// Commands of nftables' own, as one transaction.
pub fn change(namespace: &str, commands: &str) -> Command<()> {
    Command::plain(Invocation::acts(inside(namespace, &["nft", "-f", "-"])).stdin(commands))
}

/// As [`load`] runs it.
pub fn load_argv<'a>(namespace: &'a str, path: &'a str) -> Vec<&'a str> {
    inside(namespace, &["nft", "-f", path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_and_failure_are_told_apart() {
        let said = |stderr: &str| Output { status: 1, stderr: stderr.into(), ..Output::default() };
        let absent = "Error: No such file or directory\nlist table inet drover\n                ^^^^^^\n";
        assert_eq!(read_table(&said(absent)), Ok(None));
        assert!(read_table(&said("Error: Could not process rule: Operation not permitted\n")).is_err());
    }
}
