//! What starts the agent: one command line that is always the same, and the agent itself as the first line of stdin.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::sync::LazyLock;

/// Reads the agent from stdin, and runs it.
pub const STAGE0: &str = include_str!("stage0.ps1");

/// All that ever runs on a host.
pub const AGENT: &str = include_str!("agent.ps1");

/// What the far side's shell is given, whichever it is: letters, digits, blanks, `-`, `.`, and what base64 is made of.
pub static COMMAND: LazyLock<String> = LazyLock::new(|| {
    // PowerShell wants UTF-16, low byte first.
    let bytes: Vec<u8> = STAGE0.trim_end().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let switches = "-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -InputFormat Text -OutputFormat Text";
    format!("powershell.exe {switches} -EncodedCommand {}", BASE64_STANDARD.encode(bytes))
});

/// The first line of stdin.
pub static FIRST: LazyLock<String> = LazyLock::new(|| BASE64_STANDARD.encode(AGENT));

#[cfg(test)]
mod tests {
    use super::*;

    /// What cmd.exe takes.
    const LONGEST: usize = 8191;

    #[test]
    fn the_line_is_the_same_under_every_shell() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -.=+/".contains(&byte);
        assert!(COMMAND.bytes().all(plain), "{}", *COMMAND);
        assert!(COMMAND.len() < LONGEST, "{}", COMMAND.len());
    }

    #[test]
    fn the_agent_is_short_and_ascii() {
        assert!(AGENT.is_ascii() && STAGE0.is_ascii());
        assert!(AGENT.len() < 5120, "{}", AGENT.len());
    }
}
