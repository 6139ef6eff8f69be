//! virsh: a domain's checkpoints, each a dirty bitmap in every disk that records what is written from then on.

use super::{acts, looks, present};
use hosts::{Command, Output};

fn absent(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("Domain checkpoint not found")
}

/// Every checkpoint by name; none when the domain is absent.
pub fn list(uri: &str, domain: &str) -> Command<Vec<String>> {
    let read = |output: &Output| {
        let text = if present(output)? { output.text() } else { String::new() };
        Ok(text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    };
    Command { invocation: looks(uri, ["checkpoint-list", domain, "--name"]).answers(&[0, 1]), read }
}

/// When it was made, in seconds since 1970; none when it is absent.
pub fn made_at(uri: &str, domain: &str, name: &str) -> Command<Option<i64>> {
    let argv = ["checkpoint-dumpxml", domain, name, "--no-domain"];
    Command { invocation: looks(uri, argv).answers(&[0, 1]), read: read_made_at }
}

fn read_made_at(output: &Output) -> Result<Option<i64>, String> {
    if absent(output) || !present(output)? {
        return Ok(None);
    }
    let text = output.text();
    let number = text.split_once("<creationTime>").and_then(|(_, rest)| rest.split_once("</creationTime>"));
    let seconds = number.and_then(|(number, _)| number.parse().ok());
    seconds.map(Some).ok_or_else(|| "the checkpoint does not say when it was made".to_owned())
}

/// With its bitmaps; what it recorded the others have too. Only while the guest runs.
pub fn delete(uri: &str, domain: &str, name: &str) -> Command<()> {
    Command::plain(acts(uri, ["checkpoint-delete", domain, name]))
}

/// Whether libvirt's words mean that there is no such bitmap to delete: QEMU was killed before it had written it down.
pub fn is_lost(words: &str) -> bool {
    words.contains("bitmap '") && words.contains("not found in backing chain")
        || words.contains("checkpoint inconsistent: missing or broken bitmap")
}

/// Without its bitmaps.
pub fn forget(uri: &str, domain: &str, name: &str) -> Command<()> {
    Command::plain(acts(uri, ["checkpoint-delete", domain, name, "--metadata"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_answers_are_read() {
        let answer =
            |status, stdout: &[u8], stderr: &str| Output { status, stdout: stdout.to_vec(), stderr: stderr.into() };
        let xml = include_bytes!("../../golden/checkpoint.xml");
        assert_eq!(read_made_at(&answer(0, xml, "")), Ok(Some(1_795_270_921)));
        let absent = "error: Domain checkpoint not found: no domain checkpoint with matching name 'drover-140'\n";
        assert_eq!(read_made_at(&answer(1, b"", absent)), Ok(None));
        assert_eq!(read_made_at(&answer(1, b"", "error: failed to get domain 'nope'\n")), Ok(None));
        let lost = "error: Failed to delete checkpoint drover-31\n\
                    error: internal error: bitmap 'drover-31' not found in backing chain of 'vda'\n";
        assert!(is_lost(lost) && !is_lost("error: Disconnected from qemu:///system due to end of file\n"));
    }
}
