//! The processes of a router that its steps start: each has a pid file in the router's folder whose name says what it has read.

use super::namespace::end;
use super::pids;
use commands::files;
use errors::Fault;
use lifecycle::Context;

/// Those that run, of the pid files that begin so: pid file and pid.
pub async fn running(cx: &Context, namespace: &str, folder: &str, program: &str) -> Result<Vec<(String, u32)>, Fault> {
    let alive = pids(cx, namespace).await?;
    let mut running = Vec::new();
    if alive.is_empty() {
        return Ok(running);
    }
    for name in cx.run(files::list(folder)).await? {
        if !(name.starts_with(program) && name.ends_with(".pid")) {
            continue;
        }
        let path = format!("{folder}/{name}");
        let text = cx.get(&path).await?.unwrap_or_default();
        // One that a power cut left behind names nobody in this namespace.
        let pid = String::from_utf8_lossy(&text).trim().parse().ok().filter(|pid| alive.contains(pid));
        running.extend(pid.map(|pid| (path, pid)));
    }
    Ok(running)
}

pub async fn end_all_but(
    cx: &Context,
    namespace: &str,
    running: &[(String, u32)],
    wanted: Option<&str>,
) -> Result<(), Fault> {
    let stale: Vec<_> = running.iter().filter(|(path, _)| Some(path.as_str()) != wanted).map(|(_, pid)| *pid).collect();
    end(cx, namespace, &stale).await
}
