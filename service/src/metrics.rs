//! Metrics in the Prometheus text format: one recorder a process, whatever roles run in it.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Seconds, from a lock's grant to a long build.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

pub(crate) fn start() -> anyhow::Result<()> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .install_recorder()?;
    metrics::gauge!("drover_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => option_env!("DROVER_COMMIT").unwrap_or("unknown")).set(1.0);
    // Lost only when two starts race; both handles are of the same recorder.
    let _ = HANDLE.set(handle);
    Ok(())
}

/// What `/metrics` answers.
pub fn page() -> String {
    process();
    let Some(handle) = HANDLE.get() else { return String::new() };
    handle.run_upkeep();
    handle.render()
}

/// The usual metrics of a process, read from the kernel at each scrape.
fn process() {
    if let Some(pages) = word("/proc/self/statm", 1) {
        metrics::gauge!("process_resident_memory_bytes").set(pages * 4096.0);
    }
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        // Fields are counted from behind the name, which may hold spaces.
        let fields: Vec<f64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        if let (Some(user), Some(system)) = (fields.get(11), fields.get(12)) {
            metrics::gauge!("process_cpu_seconds_total").set((user + system) / 100.0);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(open.count() as f64);
    }
}

fn word(path: &str, index: usize) -> Option<f64> {
    std::fs::read_to_string(path).ok()?.split_whitespace().nth(index)?.parse().ok()
}
