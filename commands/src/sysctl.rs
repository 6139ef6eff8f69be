//! Settings of the kernel, in a namespace.

use crate::ip::netns::inside;
use hosts::{Command, Invocation, Output};

/// The settings' values, in the order of the keys.
pub fn read(namespace: &str, keys: &[&str]) -> Command<Vec<String>> {
    let argv = inside(namespace, &["sysctl", "-n"]).into_iter().chain(keys.iter().copied());
    let read = |output: &Output| Ok(output.text().lines().map(str::to_owned).collect());
    Command { invocation: Invocation::looks(argv), read }
}

/// Sets what a file says, a `key = value` a line.
pub fn load(namespace: &str, path: &str) -> Command<()> {
    Command::plain(Invocation::acts(load_argv(namespace, path)))
}

/// As [`load`] runs it.
pub fn load_argv<'a>(namespace: &'a str, path: &'a str) -> Vec<&'a str> {
    inside(namespace, &["sysctl", "-q", "-p", path])
}

/// A setting of the whole node.
pub fn node(key: &str) -> Command<String> {
    let read = |output: &Output| Ok(output.text().trim().to_owned());
    Command { invocation: Invocation::looks(["sysctl", "-n", key]), read }
}

pub fn set_node(key: &str, value: &str) -> Command<()> {
    Command::plain(Invocation::acts(["sysctl", "-q", "-w", &format!("{key}={value}")]))
}
