//! What every role does first and last: configuration, logs, traces, metrics, health, shutdown.
//!
//! Invariant: it knows no role; a role calls it, never the other way.

pub mod config;
pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod notify;
pub mod shutdown;
pub mod traces;

use config::Telemetry;

/// Ends the telemetry of a process: spans that are still here go out.
pub struct Guard(#[expect(dead_code, reason = "held for its drop")] traces::Guard);

/// Logs, traces and metrics of this process. Once; a second call is refused by the subscriber and changes nothing.
pub fn start(role: &str, telemetry: &Telemetry) -> anyhow::Result<Guard> {
    let (tracer, guard) = traces::start(role, telemetry)?;
    logs::start(telemetry, tracer)?;
    metrics::start()?;
    Ok(Guard(guard))
}
