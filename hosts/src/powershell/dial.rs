//! The connection to a host's agent: an OpenSSH client of its own for each session.

use super::clixml;
use super::line::COMMAND;
use super::session::{Ending, Pipes};
use crate::host::HostError;
use crate::process::{self, Running};
use crate::ssh::{SshAddress, SshOptions};
use futures::future::BoxFuture;
use std::io::Read;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How long a client that has nothing more to say is waited for.
const LINGER: Duration = Duration::from_secs(2);

/// Of what was said on stderr, this much is kept.
const LONGEST_SAID: usize = 1 << 16;

/// What ssh ends with when the connection failed, or was lost.
const LOST: i32 = 255;

/// A way to a host's agent.
pub trait Dial: Send + Sync {
    fn dial(&self) -> BoxFuture<'_, Result<Pipes, HostError>>;
}

pub struct SshDial {
    pub name: String,
    pub address: SshAddress,
    pub options: SshOptions,
}

impl SshDial {
    /// A slow host may be busy merging; a connection that is shared would end for all who share it.
    const KEEPALIVE: (u32, u32) = (15, 4);

    fn argv(&self, log: &NamedTempFile) -> Vec<String> {
        let mut argv = self.options.argv(log.path(), Self::KEEPALIVE);
        argv.extend(["-o".into(), "ControlPath=none".into()]);
        argv.extend(self.address.arguments());
        argv.push(COMMAND.clone());
        argv
    }
}

impl Dial for SshDial {
    fn dial(&self) -> BoxFuture<'_, Result<Pipes, HostError>> {
        Box::pin(async move {
            let unreachable = |reason: String| HostError::Unreachable { host: self.name.clone(), reason };
            let log = NamedTempFile::with_prefix("drover-ssh-log-")
                .map_err(|error| unreachable(format!("preparing the connection: {error}")))?;
            let Running { mut child, group, stdin, stdout, stderr } =
                process::open(&self.argv(&log)).map_err(|error| unreachable(format!("ssh does not start: {error}")))?;
            let said = tokio::spawn(aside(stderr));
            let ending = Box::pin(async move {
                let status = timeout(LINGER, child.wait()).await.ok().and_then(Result::ok).and_then(|end| end.code());
                drop(group);
                let said = timeout(LINGER, said).await.ok().and_then(Result::ok).unwrap_or_default();
                let mut own = String::new();
                // Without its log the rest has to do.
                let _ = log.as_file().take(LONGEST_SAID as u64).read_to_string(&mut own);
                let texts = [clixml::decode(&String::from_utf8_lossy(&said)), own.trim().replace('\n', "; ")];
                let said = texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
                Ending { status: status.filter(|status| *status != LOST), said }
            });
            Ok(Pipes { to: Box::new(stdin), from: Box::new(stdout), ending })
        })
    }
}

/// Reads to the end, so that nobody waits for a full pipe.
async fn aside(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut part).await {
        let room = LONGEST_SAID.saturating_sub(said.len());
        said.extend_from_slice(&part[..length.min(room)]);
    }
    said
}
