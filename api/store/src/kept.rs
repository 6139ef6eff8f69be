//! Records that the writer holds: read once, changed in memory, stored together; and given up when an operation is refused.

use std::collections::HashMap;
use std::hash::Hash;

struct Held<V> {
    row: V,
    /// Not stored yet.
    dirty: bool,
}

pub(crate) struct Kept<K, V> {
    rows: HashMap<K, Held<V>>,
    /// What stood there before the current operation changed it.
    before: Vec<(K, Option<Held<V>>)>,
    /// Keys that may be dirty.
    dirty: Vec<K>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::new(), before: Vec::new(), dirty: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Kept<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|held| &held.row)
    }

    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.rows.values().map(|held| &held.row)
    }

    /// Those that are not stored yet, so that a query cannot find them.
    pub fn unstored(&self) -> impl Iterator<Item = &V> {
        self.dirty.iter().filter_map(|key| self.rows.get(key)).filter(|held| held.dirty).map(|held| &held.row)
    }

    /// Holds what was read.
    pub fn hold(&mut self, key: K, row: V) {
        self.rows.insert(key, Held { row, dirty: false });
    }

    /// A change of the current operation.
    pub fn put(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), Held { row, dirty: true });
        self.before.push((key.clone(), before));
        self.dirty.push(key);
    }

    pub fn accept(&mut self) {
        self.before.clear();
    }

    pub fn refuse(&mut self) {
        while let Some((key, before)) = self.before.pop() {
            match before {
                Some(held) => self.rows.insert(key, held),
                None => self.rows.remove(&key),
            };
        }
    }

    /// All that is to be stored; from now on it counts as stored.
    pub fn take_dirty(&mut self) -> Vec<V> {
        let mut rows = Vec::new();
        for key in self.dirty.drain(..) {
            if let Some(held) = self.rows.get_mut(&key).filter(|held| held.dirty) {
                held.dirty = false;
                rows.push(held.row.clone());
            }
        }
        rows
    }

    pub fn forget(&mut self, key: &K) {
        self.rows.remove(key);
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.before.clear();
        self.dirty.clear();
    }

    /// Keeps memory bounded: everything is given up when it is too much, and read again when it is needed.
    pub fn bound(&mut self, most: usize) {
        if self.rows.len() > most {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_operation_leaves_what_was_there() {
        let mut kept = Kept::default();
        kept.hold(1, "read");
        kept.put(2, "by the operation before");
        kept.accept();
        kept.put(1, "first change");
        kept.put(1, "second change");
        kept.put(2, "another");
        kept.put(3, "new");
        kept.refuse();
        assert_eq!((kept.get(&1), kept.get(&3)), (Some(&"read"), None));
        assert_eq!(kept.take_dirty(), ["by the operation before"]);
    }

    #[test]
    fn each_record_is_stored_once_as_it_is_last() {
        let mut kept = Kept::default();
        kept.put(1, "a");
        kept.put(1, "b");
        kept.accept();
        assert_eq!(kept.unstored().count(), 2);
        assert_eq!(kept.take_dirty(), ["b"]);
        assert!(kept.take_dirty().is_empty());
    }
}
