//! Fences: what comes late does nothing. On every host, by way of its files.

use super::Ground;
use hosts::{Fences, HostError};
use model::fence::Seen;
use model::lock::{LockName, Mode};
use model::{Fence, ResourceId};
use std::time::Duration;

pub(super) fn lock() -> LockName {
    LockName::Resource { id: ResourceId(7) }
}

impl Ground {
    /// Nothing held yet; what the host has seen is kept in the test's own folder.
    pub(super) fn fences(&self) -> Fences {
        Fences::new(&self.path("the storage"))
    }

    /// One lock held alone.
    pub(super) fn alone(&self, fence: i64) -> Fences {
        self.held(Mode::Exclusive, fence)
    }

    pub(super) fn held(&self, mode: Mode, fence: i64) -> Fences {
        self.fences().with(lock(), mode, Fence(fence))
    }

    async fn put(&self, fences: &Fences, content: &str) -> Result<(), HostError> {
        self.host.put_under(fences, &self.path("file"), content.as_bytes(), 0o600).await
    }

    async fn content(&self) -> Option<String> {
        let found = self.host.get(&self.path("file")).await.expect("it is read");
        found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[track_caller]
pub(super) fn is_fenced<T>(result: Result<T, HostError>, seen: i64, fence: i64) {
    match result.err() {
        Some(HostError::Fenced { lock: found, seen: Fence(s), fence: Fence(f), .. }) => {
            assert_eq!((found, s, f), (lock(), seen, fence));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_smaller_fence_is_refused_and_nothing_happens(ground: &Ground) {
    ground.put(&ground.alone(5), "five").await.unwrap();
    is_fenced(ground.put(&ground.alone(4), "four").await, 5, 4);
    is_fenced(ground.host.remove_under(&ground.alone(4), &ground.path("file")).await, 5, 4);
    assert_eq!(ground.content().await.as_deref(), Some("five"));
}

pub async fn the_same_fence_and_a_higher_one_are_admitted(ground: &Ground) {
    for fence in [5, 5, 6, i64::MAX - 1, i64::MAX] {
        ground.put(&ground.alone(fence), &fence.to_string()).await.unwrap();
        assert_eq!(ground.content().await, Some(fence.to_string()));
    }
    ground.host.remove_under(&ground.alone(i64::MAX), &ground.path("file")).await.unwrap();
    assert_eq!(ground.content().await, None);
}

pub async fn each_of_several_locks_counts(ground: &Ground) {
    let network = LockName::Network { host: "kvm-1".into(), segment: "web".into() };
    let both = |network_fence, fence| ground.alone(fence).with(network.clone(), Mode::Exclusive, Fence(network_fence));
    ground.put(&both(9, 5), "first").await.unwrap();
    is_fenced(ground.put(&both(10, 4), "late").await, 5, 4);
    let late = ground.put(&both(8, 6), "late").await;
    assert!(matches!(&late, Err(HostError::Fenced { lock, .. }) if *lock == network), "{late:?}");
    assert_eq!(ground.content().await.as_deref(), Some("first"));
    ground.put(&both(10, 6), "second").await.unwrap();
}

pub async fn what_is_under_no_lock_is_not_checked(ground: &Ground) {
    ground.put(&ground.alone(5), "five").await.unwrap();
    ground.put(&ground.fences(), "nobody's").await.unwrap();
    assert_eq!(ground.content().await.as_deref(), Some("nobody's"));
}

pub async fn those_who_share_a_lock_are_let_in_by_the_rule(ground: &Ground) {
    let mut seen = Seen::default();
    let offers = [(5, true), (7, true), (5, true), (6, false), (8, false), (7, true), (8, true), (9, true), (8, false)];
    for (fence, shares) in offers {
        let mode = if shares { Mode::Shared } else { Mode::Exclusive };
        let result = ground.put(&ground.held(mode, fence), &fence.to_string()).await;
        match seen.admit(mode, Fence(fence)) {
            Ok(now) => {
                result.unwrap_or_else(|error| panic!("{fence} {mode}: {error}"));
                seen = now;
            }
            Err(Fence(against)) => is_fenced(result, against, fence),
        }
    }
}

pub async fn odd_names_of_locks_do_not_collide(ground: &Ground) {
    let long = "l".repeat(300);
    let longer = format!("{long}l");
    let network = |host: &str, segment: &str| LockName::Network { host: host.into(), segment: segment.into() };
    let locks = [
        network("a/b", "c"),
        network("a", "b/c"),
        network("a b", "c"),
        network("a", " b c"),
        network("it's", "\"quoted\""),
        network("$HOME", "`id`"),
        network("..", "."),
        network("", ""),
        network("a+b", "c"),
        network("a", "b+c"),
        network("ü", "\n"),
        network(&long, "c"),
        network(&longer, "c"),
    ];
    // Each is lower than what was seen of all before it.
    for (fence, lock) in (1..100).rev().zip(&locks) {
        let under = |fence| ground.fences().with(lock.clone(), Mode::Exclusive, Fence(fence));
        ground.put(&under(fence), "on time").await.unwrap_or_else(|error| panic!("{lock}: {error}"));
        assert!(ground.put(&under(fence - 1), "late").await.is_err(), "{lock}");
    }
}

pub async fn old_fences_are_pruned_and_young_ones_are_not(ground: &Ground) {
    let fences = ground.alone(5);
    ground.host.prune(fences.folder(), Duration::ZERO).await.expect("there is nothing yet");
    ground.put(&fences, "five").await.unwrap();
    ground.host.prune(fences.folder(), Duration::from_secs(60)).await.unwrap();
    is_fenced(ground.put(&ground.alone(4), "four").await, 5, 4);
    ground.host.prune(fences.folder(), Duration::ZERO).await.unwrap();
    ground.put(&ground.alone(4), "four").await.unwrap();
}
