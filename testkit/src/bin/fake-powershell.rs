//! What the loopback sshd runs where a Windows host would run PowerShell: `fake-powershell FOLDER`, forced on every session.
//! It looks at the command line as sharply as a real one would look blindly, and then speaks as the agent does.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hosts::powershell::STAGE0;
use std::fs::File as StdFile;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use testkit::fakes::hyperv::{CLIXML, End, Process, serve, was_refused};
use tokio::fs::File;
use tokio::io::BufReader;

/// What cmd.exe takes.
const LONGEST: usize = 8191;

const SWITCHES: &str =
    "-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -InputFormat Text -OutputFormat Text -EncodedCommand";

/// Why this command line is not run.
fn judge(line: &str) -> Result<(), String> {
    if line.len() > LONGEST {
        return Err(format!("the command line has {} characters, cmd.exe takes {LONGEST}", line.len()));
    }
    if let Some(odd) = line.chars().find(|odd| !odd.is_ascii_alphanumeric() && !" -.=+/".contains(*odd)) {
        return Err(format!("{odd:?} in the command line means something to a shell"));
    }
    let Some(rest) = line.strip_prefix("powershell.exe ") else { return Err("it does not call powershell.exe".into()) };
    let Some(encoded) = rest.strip_prefix(SWITCHES).and_then(|rest| rest.strip_prefix(' ')) else {
        return Err("the switches are not the documented ones".into());
    };
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    let units: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
    match String::from_utf16(&units).ok().as_deref() == Some(STAGE0.trim_end()) {
        true => Ok(()),
        false => Err("the encoded command is not stage 0".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else { return ExitCode::from(2) };
    let line = std::env::var("SSH_ORIGINAL_COMMAND").unwrap_or_default();
    if let Err(why) = judge(&line) {
        was_refused(&folder, &why);
        // An encoded command with its errors on a pipe comes as CLIXML, unless text was asked for.
        eprintln!("{}", if line.contains("-OutputFormat Text") { why } else { CLIXML.to_owned() });
        return ExitCode::from(1);
    }
    let (from, to, aside) = (own(std::io::stdin()), own(std::io::stdout()), own(std::io::stderr()));
    match serve(&folder, BufReader::new(from), to, aside).await {
        Ok(End::Asked) => ExitCode::SUCCESS,
        Ok(End::Unknown | End::NoModule) | Err(_) => ExitCode::from(1),
        Ok(End::Cut(Process::Dies | Process::Survives)) => cut(),
    }
}

fn own(stream: impl AsFd) -> File {
    File::from_std(StdFile::from(stream.as_fd().try_clone_to_owned().expect("one more descriptor")))
}

/// The connection's own process goes, as when the line was cut: the client learns no status.
fn cut() -> ExitCode {
    if let Some(sshd) = rustix::process::getppid() {
        // It may be gone already.
        let _ = rustix::process::kill_process(sshd, rustix::process::Signal::KILL);
    }
    ExitCode::from(1)
}
