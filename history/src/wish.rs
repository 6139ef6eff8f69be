//! What an operation is about, drawn from the seed.

use crate::record::Owner;
use model::lock::LockName;
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::Duration;

/// Few enough that tasks stand in line for them.
const HOT_LOCKS: u32 = 8;
const COLD_LOCKS: u32 = 512;

const PATIENCE: Duration = Duration::from_secs(3);

pub struct Wish {
    pub owner: Owner,
    pub names: Vec<LockName>,
    pub patience: Duration,
    /// Leaves the line then, if it still waits.
    pub leaves: Option<Duration>,
    pub re_enters: bool,
    /// Its commands are so far apart that the lease is renewed in between.
    pub slow: bool,
}

impl Wish {
    pub fn draw(owner: Owner, rng: &mut StdRng) -> Self {
        let (pool, locks, count) = match rng.random_range(0..32) {
            0 => ("cold", COLD_LOCKS, 6),
            1..28 => ("cold", COLD_LOCKS, rng.random_range(1..=2)),
            _ => ("hot", HOT_LOCKS, rng.random_range(1..=2)),
        };
        let mut name = || {
            let device = format!("{pool}-{}", rng.random_range(0..locks));
            LockName::Device { host: "host".to_owned(), device }
        };
        let mut names: Vec<LockName> = (0..count).map(|_| name()).collect();
        names.sort();
        names.dedup();
        Self {
            owner,
            names,
            patience: if rng.random_ratio(1, 16) { Duration::ZERO } else { PATIENCE },
            leaves: rng.random_ratio(1, 16).then(|| Duration::from_millis(rng.random_range(1..30))),
            re_enters: rng.random_ratio(1, 32),
            slow: rng.random_ratio(1, 200),
        }
    }
}
