//! A Ceph cluster that is not there: pools, images, who has them open, the trash. A fake KVM host that has it answers `rbd`
//! and `ceph` as those of 16.2 do, and its guests open images; several hosts may have the same one.
//!
//! Assumptions: nothing is written to an image, so a pool is as full as the test says. A pool without room answers nothing
//! that acts: who asks ends the test.

mod cluster;
mod program;

pub(super) use cluster::Watcher;
pub(super) use program::answer;

use cluster::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The user's key, as its keyring has it.
pub const KEY: &str = "AQAApwFraPnXNRAAtmoEIYpiY23rUmY8Vb5AtA==";

pub const KEYRING: &str = "/etc/ceph/ceph.client.drover.keyring";

#[derive(Clone, Default)]
pub struct Cluster(Arc<Mutex<State>>);

impl Cluster {
    /// With these pools, each with room for a hundred gigabytes.
    pub fn new(pools: &[&str]) -> Self {
        let cluster = Self::default();
        for pool in pools {
            cluster.state().pools.insert((*pool).to_owned(), cluster::Pool::default());
        }
        cluster
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can still be written to a pool.
    pub fn leave_room(&self, pool: &str, bytes: u64) {
        self.state().pool_mut(pool).room = bytes;
    }

    /// An image that somebody else has made, with a snapshot that can be cloned.
    pub fn add_image(&self, pool: &str, name: &str, gb: u64, snapshot: Option<&str>) {
        let mut state = self.state();
        let mut image = state.new_image(gb << 30, &["layering"]);
        let protected = cluster::Snapshot { is_protected: true, bytes: gb << 30 };
        image.snapshots.extend(snapshot.map(|name| (name.to_owned(), protected)));
        state.pool_mut(pool).images.insert(name.to_owned(), image);
    }

    /// The snapshots of an image by name.
    pub fn snapshots(&self, image: &str) -> Vec<String> {
        self.state().image(image).map(|image| image.snapshots.keys().cloned().collect()).unwrap_or_default()
    }

    /// Somebody takes a snapshot by hand.
    pub fn take_snapshot(&self, image: &str, name: &str) {
        let mut state = self.state();
        let image = state.image_mut(image).unwrap_or_else(|| panic!("there is no image {image}"));
        image.snapshots.insert(name.to_owned(), cluster::Snapshot { is_protected: false, bytes: image.bytes });
    }

    /// Somebody opens an image and writes to it.
    pub fn open(&self, image: &str, holder: &str) {
        let mut state = self.state();
        state.open(image, holder);
        state.lock(image, holder);
    }

    pub fn close(&self, image: &str, holder: &str) {
        self.state().close(image, holder);
    }

    /// Who had it open has crashed: its watch ends when it has been looked at this many times more, its lock stays.
    pub fn crash(&self, holder: &str, looks: u32) {
        self.state().crash(holder, looks);
    }

    pub fn pass_hours(&self, hours: u64) {
        self.state().hour += hours;
    }

    pub fn blocklist(&self) -> Vec<String> {
        self.state().blocklist.clone()
    }

    /// `pool/name` of every image.
    pub fn images(&self) -> Vec<String> {
        let state = self.state();
        let of = |(pool, found): (&String, &cluster::Pool)| {
            found.images.keys().map(|image| format!("{pool}/{image}")).collect::<Vec<_>>()
        };
        state.pools.iter().flat_map(of).collect()
    }

    /// `pool/name` of what is in the trash.
    pub fn trash(&self) -> Vec<String> {
        let state = self.state();
        let of = |(pool, found): (&String, &cluster::Pool)| {
            found.trash.iter().map(|trashed| format!("{pool}/{}", trashed.name)).collect::<Vec<_>>()
        };
        state.pools.iter().flat_map(of).collect()
    }

    /// Every image in words; what is in the trash is on its way out.
    pub fn words(&self) -> BTreeMap<String, String> {
        self.state().words()
    }
}
