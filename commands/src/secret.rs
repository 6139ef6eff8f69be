//! virsh: libvirt's secrets, by number. A value goes over stdin and comes by stdout only.

use hosts::{Command, Invocation, Output};

fn argv<'a>(uri: &'a str, rest: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ["virsh", "-q", "-c", uri].into_iter().chain(rest).collect()
}

/// What an answer of status 1 means: the secret, or its value, is absent; or something went wrong.
fn present(output: &Output) -> Result<bool, String> {
    if output.status == 0 {
        return Ok(true);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("Secret not found") { Ok(false) } else { Err(stderr.trim().to_owned()) }
}

pub fn is_defined(uri: &str, uuid: &str) -> Command<bool> {
    Command { invocation: Invocation::looks(argv(uri, ["secret-dumpxml", uuid])).answers(&[0, 1]), read: present }
}

/// In base 64, as Ceph has its keys; none when the secret or its value is absent.
pub fn value(uri: &str, uuid: &str) -> Command<Option<String>> {
    let read = |output: &Output| Ok(present(output)?.then(|| output.text().trim().to_owned()));
    Command { invocation: Invocation::looks(argv(uri, ["secret-get-value", uuid])).answers(&[0, 1]), read }
}

pub fn define(uri: &str, xml: &str) -> Command<()> {
    Command::plain(Invocation::acts(argv(uri, ["secret-define", "/dev/stdin"])).stdin(xml))
}

/// The value is in base 64.
pub fn set_value(uri: &str, uuid: &str, value: &str) -> Command<()> {
    Command::plain(Invocation::acts(argv(uri, ["secret-set-value", uuid, "--file", "/dev/stdin"])).stdin(value))
}

pub fn undefine(uri: &str, uuid: &str) -> Command<()> {
    Command::plain(Invocation::acts(argv(uri, ["secret-undefine", uuid])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_and_failure_are_told_apart() {
        let refused = |stderr: &str| Output { status: 1, stderr: stderr.into(), ..Output::default() };
        let valueless = "error: Secret not found: secret '1' does not have a value\n";
        assert_eq!((value("u", "1").read)(&refused(valueless)), Ok(None));
        assert!((value("u", "1").read)(&refused("error: failed to connect to the hypervisor\n")).is_err());
    }

    #[test]
    fn a_value_is_in_no_argument() {
        let command = set_value("u", "1", "canary").invocation;
        assert!(!command.line().contains("canary") && !format!("{command:?}").contains("canary"), "{command:?}");
    }
}
