//! What the cluster holds.

use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    pub client: u64,
    /// The domain, or whoever else.
    holder: String,
    /// Of a client that crashed: how often it is still seen.
    ends_in: Option<u32>,
}

impl Watcher {
    pub fn address(&self) -> String {
        format!("10.0.0.5:0/{}", self.client)
    }

    /// Of QEMU's own making.
    pub fn cookie(&self) -> u64 {
        140_000_000_000_000 + self.client
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    pub is_protected: bool,
    /// As large as the image was.
    pub bytes: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub id: String,
    pub bytes: u64,
    pub features: Vec<String>,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub parent: Option<(String, String, String)>,
    pub metadata: BTreeMap<String, String>,
    pub watchers: Vec<Watcher>,
    pub lock: Option<Watcher>,
}

#[derive(Clone, Debug)]
pub(super) struct Trashed {
    pub name: String,
    pub image: Image,
    pub until_hour: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub room: u64,
    pub images: BTreeMap<String, Image>,
    pub trash: Vec<Trashed>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { room: 100 << 30, images: BTreeMap::new(), trash: Vec::new() }
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(super) pools: BTreeMap<String, Pool>,
    pub(super) blocklist: Vec<String>,
    pub(super) hour: u64,
    /// The last number given out.
    number: u64,
}

impl State {
    fn number(&mut self) -> u64 {
        self.number += 1;
        4100 + self.number
    }

    pub(super) fn pool_mut(&mut self, pool: &str) -> &mut Pool {
        self.pools.get_mut(pool).unwrap_or_else(|| panic!("there is no pool {pool}"))
    }

    pub(super) fn new_image(&mut self, bytes: u64, features: &[&str]) -> Image {
        let id = format!("{:x}", self.number());
        Image { id, bytes, features: features.iter().map(|word| (*word).to_owned()).collect(), ..Image::default() }
    }

    /// `pool/image`
    pub(super) fn image(&self, spec: &str) -> Option<&Image> {
        let (pool, image) = spec.split_once('/')?;
        self.pools.get(pool)?.images.get(image)
    }

    pub(super) fn image_mut(&mut self, spec: &str) -> Option<&mut Image> {
        let (pool, image) = spec.split_once('/')?;
        self.pools.get_mut(pool)?.images.get_mut(image)
    }

    /// Every image, also those in the trash.
    pub(super) fn all(&self) -> impl Iterator<Item = &Image> {
        self.pools.values().flat_map(|pool| pool.images.values().chain(pool.trash.iter().map(|trashed| &trashed.image)))
    }

    /// Clones stand on an image, whatever it is called.
    pub(super) fn rename_parents(&mut self, pool: &str, from: &str, to: &str) {
        for found in self.pools.values_mut() {
            let trashed = found.trash.iter_mut().map(|trashed| &mut trashed.image);
            for image in found.images.values_mut().chain(trashed) {
                if let Some((of, name, _)) = &mut image.parent
                    && of.as_str() == pool
                    && name.as_str() == from
                {
                    to.clone_into(name);
                }
            }
        }
    }

    pub(crate) fn exists(&self, spec: &str) -> bool {
        self.image(spec).is_some()
    }

    /// A new image; false when it is there already.
    pub(crate) fn import(&mut self, spec: &str, bytes: u64) -> bool {
        if self.exists(spec) {
            return false;
        }
        let image = self.new_image(bytes, &["layering", "exclusive-lock", "object-map", "fast-diff", "deep-flatten"]);
        let (pool, name) = spec.split_once('/').unwrap_or_else(|| panic!("an image such as {spec} is not simulated"));
        self.pool_mut(pool).images.insert(name.to_owned(), image);
        true
    }

    pub(crate) fn open(&mut self, spec: &str, holder: &str) {
        let watcher = Watcher { client: self.number(), holder: holder.to_owned(), ends_in: None };
        if let Some(image) = self.image_mut(spec) {
            image.watchers.push(watcher);
        }
    }

    /// The holder has written, and so it holds the lock.
    pub(super) fn lock(&mut self, spec: &str, holder: &str) {
        if let Some(image) = self.image_mut(spec) {
            image.lock = image.watchers.iter().find(|watcher| watcher.holder == holder).cloned();
        }
    }

    pub(crate) fn close(&mut self, spec: &str, holder: &str) {
        if let Some(image) = self.image_mut(spec) {
            image.watchers.retain(|watcher| watcher.holder != holder);
            image.lock.take_if(|lock| lock.holder == holder);
        }
    }

    pub(crate) fn crash(&mut self, holder: &str, looks: u32) {
        for image in self.pools.values_mut().flat_map(|pool| pool.images.values_mut()) {
            for watcher in image.watchers.iter_mut().filter(|watcher| watcher.holder == holder) {
                watcher.ends_in = Some(looks);
                image.lock = Some(watcher.clone());
            }
        }
    }

    pub(crate) fn resize(&mut self, spec: &str, bytes: u64) {
        if let Some(image) = self.image_mut(spec) {
            image.bytes = bytes;
        }
    }

    pub(super) fn words(&self) -> BTreeMap<String, String> {
        let mut words = BTreeMap::new();
        for (pool, found) in &self.pools {
            for (name, image) in &found.images {
                let parent =
                    image.parent.as_ref().map(|(pool, image, snapshot)| format!(" on {pool}/{image}@{snapshot}"));
                let word = format!(
                    "{} bytes{}, {}, {:?}, {} have it open",
                    image.bytes,
                    parent.unwrap_or_default(),
                    image.features.join(","),
                    image.metadata.keys().collect::<Vec<_>>(),
                    image.watchers.len(),
                );
                words.insert(format!("image {pool}/{name}"), word);
                for (snapshot, found) in &image.snapshots {
                    words.insert(format!("image {pool}/{name}@{snapshot}"), format!("{} bytes", found.bytes));
                }
            }
        }
        words
    }
}

impl Image {
    /// Who has it open, each time it is looked at.
    pub fn seen(&mut self) -> Vec<Watcher> {
        self.watchers.retain(|watcher| watcher.ends_in != Some(0));
        for watcher in &mut self.watchers {
            watcher.ends_in = watcher.ends_in.map(|looks| looks - 1);
        }
        self.watchers.clone()
    }
}
