//! nftables in a namespace. A file is loaded as one transaction: all of it, or nothing.

use crate::ip::netns::inside;
use hosts::{Command, Invocation, Output};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Listing {
    nftables: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    chain: Option<Chain>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Chain {
    pub family: String,
    pub table: String,
    pub name: String,
}

/// Every chain of a namespace.
pub fn chains(namespace: &str) -> Command<Vec<Chain>> {
    Command { invocation: Invocation::looks(inside(namespace, &["nft", "-j", "list", "chains"])), read: read_chains }
}

fn read_chains(output: &Output) -> Result<Vec<Chain>, String> {
    let listing: Listing = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(listing.nftables.into_iter().filter_map(|row| row.chain).collect())
}

pub fn load(namespace: &str, path: &str) -> Command<()> {
    Command::plain(Invocation::acts(load_argv(namespace, path)))
}

/// As [`load`] runs it.
pub fn load_argv<'a>(namespace: &'a str, path: &'a str) -> Vec<&'a str> {
    inside(namespace, &["nft", "-f", path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../golden/nft-chains.json").to_vec(), ..Output::default() };
        let names: Vec<_> = read_chains(&output).unwrap().into_iter().map(|chain| chain.name).collect();
        assert_eq!(names, ["input", "revision-0123abcd"]);
    }
}
