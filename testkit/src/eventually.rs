//! Waiting for a condition, the only way to wait in a test.

use std::fmt::Debug;
use std::time::Duration;
use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_millis(20);

/// Asks until `Ok`, and fails with the last status when the limit has passed.
pub async fn eventually<T, E: Debug>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let until = Instant::now() + limit;
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(status) if Instant::now() >= until => panic!("{what}: not within {limit:?}; last seen: {status:#?}"),
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}
