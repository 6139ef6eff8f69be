//! One token for the whole process: cancelled by the first SIGTERM or SIGINT; a second one ends it at once.

use crate::notify;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// As a shell reports a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

pub fn token() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let cancel = token.clone();
    tokio::spawn(async move {
        either(&mut term, &mut int).await;
        info!("shutting down; once more to end at once");
        notify::tell("STOPPING=1");
        cancel.cancel();
        either(&mut term, &mut int).await;
        std::process::exit(INTERRUPTED);
    });
    tokio::spawn(notify::watchdog(token.clone()));
    Ok(token)
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}

/// Every SIGHUP.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
