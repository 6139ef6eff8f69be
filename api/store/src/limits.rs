//! Times and bounds of the store, and its clock.

use model::Moment;
use std::sync::Arc;

/// What the time is.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an attempt may be silent.
    pub lease_secs: u32,
    /// A task of which no attempt has begun by then fails.
    pub queue_deadline_secs: u32,
    /// A queued task that nobody has claimed is handed out again after this, and then after twice, thrice ... of it,
    pub requeue_secs: u32,
    /// but at least so often.
    pub requeue_most_secs: u32,
    /// So many attempts may lose their worker before the task fails.
    pub lost_most: u32,
    pub idempotency_hours: u32,
    /// Events that are older and have been handed out are removed; none keeps them for ever.
    pub event_days: Option<u32>,
    /// A resource at rest is compared with its record this long after it was last; none for never.
    pub drift_secs: Option<u32>,
    /// A worker that was silent for longer is shown as what a queued task waits for.
    pub worker_silent_secs: u32,
    pub sweep_lease_secs: u32,
    /// How often a host is surveyed whose worker lives; 0 for never.
    pub survey_secs: u32,
    /// How long the errands of surveys are kept.
    pub surveys_kept_hours: u32,
    /// How long a token is believed without asking the database.
    pub token_cache_millis: u64,
    /// Connections for reading.
    pub readers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease_secs: 15,
            queue_deadline_secs: 3600,
            requeue_secs: 5,
            requeue_most_secs: 60,
            lost_most: 3,
            idempotency_hours: 24,
            event_days: Some(30),
            drift_secs: Some(24 * 3600),
            worker_silent_secs: 15,
            sweep_lease_secs: 10,
            survey_secs: 3600,
            surveys_kept_hours: 24,
            token_cache_millis: 1000,
            readers: 8,
        }
    }
}

/// The moment, cut to the microsecond: what is answered at once equals what is read back later.
pub(crate) fn now(clock: &Clock) -> Moment {
    moment(clock().as_microsecond())
}

pub(crate) fn moment(micros: i64) -> Moment {
    Moment::from_microsecond(micros).unwrap_or(if micros < 0 { Moment::MIN } else { Moment::MAX })
}

/// `at` plus so many seconds, never beyond the end of time.
pub(crate) fn later(at: Moment, secs: impl Into<i64>) -> Moment {
    moment(at.as_microsecond().saturating_add(secs.into().saturating_mul(1_000_000)))
}

/// Whole seconds from `from` to `until`, zero when `until` is earlier.
pub(crate) fn secs_between(from: Moment, until: Moment) -> i64 {
    (until.as_second() - from.as_second()).max(0)
}
