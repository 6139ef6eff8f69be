//! curl: fetching an image. The URL may hold a credential, so it goes over stdin and never into an argument.

use hosts::{Command, Invocation};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);

/// Into a file, following redirects; an HTTP error is a failure.
pub fn fetch(url: &str, to: &str) -> Command<()> {
    let argv = ["curl", "--fail", "--silent", "--location", "--retry", "2", "--config", "-", "--output", to];
    let url = url.replace('\\', "\\\\").replace('"', "\\\"");
    Command::plain(Invocation::acts(argv).stdin(format!("url = \"{url}\"\n")).deadline(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_in_no_argument() {
        let command = fetch("https://user:canary@images/debian.qcow2", "/images/1.part").invocation;
        assert!(!command.line().contains("canary") && !format!("{command:?}").contains("canary"), "{command:?}");
        assert_eq!(command.stdin, b"url = \"https://user:canary@images/debian.qcow2\"\n");
    }
}
