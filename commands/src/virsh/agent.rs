//! virsh: the agent inside a guest, for file systems that stand still while a snapshot is taken.

use super::{acts, looks};
use hosts::{Command, Output};
use serde::Deserialize;

/// What an agent gets to answer, in seconds.
const PATIENCE: &str = "5";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "return")]
    status: String,
}

/// Whether the guest's file systems are frozen; none when it has no agent that answers, or one that cannot freeze.
pub fn is_frozen(uri: &str, domain: &str) -> Command<Option<bool>> {
    let ask = r#"{"execute":"guest-fsfreeze-status"}"#;
    let invocation = looks(uri, ["qemu-agent-command", domain, ask, "--timeout", PATIENCE]).answers(&[0, 1]);
    Command { invocation, read: read_frozen }
}

fn read_frozen(output: &Output) -> Result<Option<bool>, String> {
    if output.status == 1 {
        let stderr = String::from_utf8_lossy(&output.stderr).to_lowercase();
        let is_agents = stderr.contains("agent") || stderr.contains("domain is not running");
        return if is_agents { Ok(None) } else { Err(stderr.trim().to_owned()) };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    match answer.status.as_str() {
        "frozen" => Ok(Some(true)),
        "thawed" => Ok(Some(false)),
        other => Err(format!("the file systems are {other}")),
    }
}

/// Everything is written, and nothing more until the thaw.
pub fn freeze(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["domfsfreeze", domain]))
}

pub fn thaw(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["domfsthaw", domain]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_does_not_answer_is_no_failure() {
        let said = |status, stdout: &str, stderr: &str| {
            read_frozen(&Output { status, stdout: stdout.into(), stderr: stderr.into() })
        };
        assert_eq!(said(0, "{\"return\":\"thawed\"}\n", ""), Ok(Some(false)));
        assert_eq!(said(0, "{\"return\":\"frozen\"}\n", ""), Ok(Some(true)));
        for silent in [
            "error: Guest agent is not responding: QEMU guest agent is not connected\n",
            "error: argument unsupported: QEMU guest agent is not configured\n",
            "error: Requested operation is not valid: domain is not running\n",
        ] {
            assert_eq!(said(1, "", silent), Ok(None), "{silent}");
        }
        assert!(said(1, "", "error: failed to connect to the hypervisor\n").is_err());
    }
}
