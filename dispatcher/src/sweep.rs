//! The sweep: what was asked for and not claimed, leases that ran out, timers and grace periods that ended. The API finds
//! them by index and puts them into the feed; from there they take the one way through.

use crate::Dispatcher;
use iaas::fleet::Sweep;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub(crate) async fn repeat(dispatcher: &Dispatcher, shutdown: &CancellationToken) {
    let sweep = Sweep { dispatcher: dispatcher.name.clone() };
    let mut tick = tokio::time::interval(dispatcher.sweep_every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        match dispatcher.client.sweep(&sweep).await {
            Ok(swept) => {
                let counts = [
                    ("unclaimed", swept.unclaimed),
                    ("expired", swept.expired),
                    ("woken", swept.woken),
                    ("failed", swept.failed),
                    ("due", swept.due),
                ];
                for (what, count) in counts {
                    metrics::counter!("drover_swept_total", "what" => what).increment(count.into());
                }
                if counts.iter().any(|(_, count)| *count > 0) {
                    info!(?swept, "swept");
                } else {
                    debug!(leader = swept.leader, "nothing to sweep");
                }
            }
            Err(failure) => warn!(%failure, "the sweep was not served; trying again"),
        }
    }
}
