//! The tree of a VM's snapshots: each snapshot's parent, and the one that the VM's disks stand on. It changes when a
//! snapshot's task has succeeded, as the snapshots themselves have on the host.

use crate::ask::Ask;
use crate::record::{Line, json};
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use model::snapshot::SnapshotSpec;
use model::{ResourceId, ResourceType, State, Verb};
use serde_json::Value;

/// Facts of a snapshot that was taken.
const ACTIVE: &str = "active";
const CHILDREN: &str = "children";

const OF_VM: &str = "SELECT id FROM resources WHERE vm_id = $1 AND type = 'snapshot' AND state <> 'closed' ORDER BY id";

/// One snapshot that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    id: ResourceId,
    parent: Option<ResourceId>,
    is_active: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tree(Vec<Place>);

impl Tree {
    fn active(&self) -> Option<ResourceId> {
        self.0.iter().find(|place| place.is_active).map(|place| place.id)
    }

    fn activate(&mut self, id: Option<ResourceId>) {
        for place in &mut self.0 {
            place.is_active = Some(place.id) == id;
        }
    }

    fn children(&self, of: ResourceId) -> impl Iterator<Item = ResourceId> {
        self.0.iter().filter(move |place| place.parent == Some(of)).map(|place| place.id)
    }

    /// All that stands on top of it, the nearest first.
    fn on_top(&self, of: ResourceId) -> Vec<ResourceId> {
        let mut found: Vec<ResourceId> = self.children(of).collect();
        let mut next = 0;
        while let Some(id) = found.get(next).copied() {
            found.extend(self.children(id));
            next += 1;
        }
        found
    }

    /// It stands on the one that was active.
    fn taken(&mut self, id: ResourceId) {
        if self.0.iter().all(|place| place.id != id) {
            let parent = self.active();
            self.0.push(Place { id, parent, is_active: false });
        }
        self.activate(Some(id));
    }

    /// Its children stand on its parent, and so does the VM if it stood on it.
    fn removed(&mut self, id: ResourceId) {
        let Some(at) = self.0.iter().position(|place| place.id == id) else { return };
        let gone = self.0.remove(at);
        for place in self.0.iter_mut().filter(|place| place.parent == Some(id)) {
            place.parent = gone.parent;
        }
        if gone.is_active {
            self.activate(gone.parent);
        }
    }

    /// With all that stands on top of it, the topmost first.
    fn removed_with_all(&mut self, id: ResourceId) {
        for id in self.on_top(id).into_iter().rev().chain([id]) {
            self.removed(id);
        }
    }
}

impl Unit {
    /// A scrub says whether it takes along what stands on top of it, which must be at rest.
    pub async fn ask_removal(&mut self, row: &mut ResourceRow, ask: &Ask, state: State) -> Answer<()> {
        if row.resource_type() != ResourceType::Snapshot || state != State::Scrub {
            return match ask.remove_subtree {
                None => Ok(()),
                Some(_) => Err(Refusal::spec("remove_subtree is for the scrub of a snapshot")),
            };
        }
        let mut spec = spec(row)?;
        spec.remove_subtree = ask.remove_subtree.unwrap_or(spec.remove_subtree);
        if spec.remove_subtree {
            let rows = self.snapshots(spec.vm).await?;
            for id in tree(&rows)?.on_top(row.resource.id) {
                let busy = rows.iter().find(|other| other.resource.id == id && !other.resource.state.is_stable());
                if let Some(other) = busy {
                    let who = format_args!("snapshot {id}, which is {}", other.resource.state).to_string();
                    return Err(Refusal::in_use("snapshot", row.resource.id, who));
                }
            }
        }
        row.resource.spec = json(&spec);
        Ok(())
    }

    /// A disk that a snapshot holds stays with its VM: without it there is no way back to the snapshot.
    pub async fn check_disks_kept(&mut self, vm: ResourceId, now: &Wish, next: &Wish) -> Answer<()> {
        let (Wish::Vm(now), Wish::Vm(next)) = (now, next) else { return Ok(()) };
        let gone = now.disks.iter().find(|disk| !next.disks.iter().any(|kept| kept.name == disk.name));
        let Some(disk) = gone else { return Ok(()) };
        match self.snapshots(vm).await?.first() {
            Some(snapshot) => Err(Refusal::in_use("disk", &disk.name, snapshot.label())),
            None => Ok(()),
        }
    }

    /// The tree after a snapshot's task has succeeded. `row` is not put yet.
    pub async fn settle_snapshot(&mut self, row: &mut ResourceRow, verb: Verb, by: &str) -> Answer<()> {
        let (id, own) = (row.resource.id, spec(row)?);
        let mut rows = self.snapshots(own.vm).await?;
        rows.retain(|other| other.resource.id != id);
        rows.push(row.clone());
        rows.sort_by_key(|row| row.resource.id);
        let before = tree(&rows)?;
        let mut after = before.clone();
        match verb {
            Verb::Build | Verb::Updaterunning => after.taken(id),
            Verb::Scrub if own.remove_subtree => after.removed_with_all(id),
            Verb::Scrub => after.removed(id),
            Verb::Quiesce | Verb::Restart | Verb::Scrubprep | Verb::Updatequiesced => return Ok(()),
        }
        for mut other in rows {
            let place = after.0.iter().find(|place| place.id == other.resource.id);
            let was_taken = before.0.iter().any(|place| place.id == other.resource.id);
            if let Some(place) = place {
                keep(&mut other, place, after.children(place.id).collect())?;
            }
            if other.resource.id == id {
                *row = other;
            } else if place.is_some() {
                self.put_resource(other);
            } else if was_taken && other.resource.state.is_stable() {
                self.close_with(other, id, by).await?;
            }
        }
        Ok(())
    }

    /// It was deleted on the host with the one beneath it. One that is at work finds that out for itself.
    async fn close_with(&mut self, mut row: ResourceRow, root: ResourceId, by: &str) -> Answer<()> {
        let by = format!("{by}, with snapshot {root}");
        row.resource.error = None;
        row.failed = None;
        self.shift(&mut row, State::Closed, &by, None).await?;
        self.put_resource(row);
        Ok(())
    }

    /// Every snapshot of a VM that is not closed.
    async fn snapshots(&mut self, vm: ResourceId) -> Answer<Vec<ResourceRow>> {
        let is_one = |row: &ResourceRow| {
            let is_open = row.resource.state != State::Closed;
            row.resource_type() == ResourceType::Snapshot && row.vm_id == Some(vm) && is_open
        };
        let mut line = Line::default();
        line.int(vm.0);
        let stored = self.numbers(OF_VM, line).await?.into_iter().map(ResourceId);
        let unstored = self.resources.unstored().filter(|row| is_one(row)).map(|row| row.resource.id);
        let mut ids: Vec<ResourceId> = stored.chain(unstored).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut rows = Vec::new();
        for id in ids {
            rows.extend(self.resource(id).await?.filter(is_one));
        }
        Ok(rows)
    }
}

fn spec(row: &ResourceRow) -> Answer<SnapshotSpec> {
    match Wish::from_text(row.resource_type(), &row.resource.spec)? {
        Wish::Snapshot(spec) => Ok(spec),
        _ => Err(Refusal::unexpected(format_args!("{} is no snapshot", row.label()))),
    }
}

/// Of those that were taken.
fn tree(rows: &[ResourceRow]) -> Answer<Tree> {
    let mut places = Vec::new();
    for row in rows {
        if let Some(is_active) = row.resource.facts.get(ACTIVE).and_then(Value::as_bool) {
            places.push(Place { id: row.resource.id, parent: spec(row)?.parent, is_active });
        }
    }
    Ok(Tree(places))
}

fn keep(row: &mut ResourceRow, place: &Place, children: Vec<ResourceId>) -> Answer<()> {
    let spec = SnapshotSpec { parent: place.parent, ..spec(row)? };
    row.resource.spec = json(&spec);
    let children: Vec<i64> = children.into_iter().map(|id| id.0).collect();
    row.resource.facts.insert(ACTIVE.into(), place.is_active.into());
    row.resource.facts.insert(CHILDREN.into(), children.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1 <- 2*`: the second stands on the first, and the VM on the second.
    fn shown(tree: &Tree) -> String {
        let mark = |place: &Place| if place.is_active { "*" } else { "" };
        let one = |place: &Place| match place.parent {
            Some(parent) => format!("{parent}<-{}{}", place.id, mark(place)),
            None => format!("{}{}", place.id, mark(place)),
        };
        tree.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// 1 with 2 (with 3 and 4) and 5.
    fn forked() -> Tree {
        let mut tree = Tree::default();
        for (revert, take) in [(None, 1), (None, 2), (None, 3), (Some(2), 4), (Some(1), 5)] {
            if let Some(id) = revert {
                tree.taken(ResourceId(id));
            }
            tree.taken(ResourceId(take));
        }
        tree
    }

    #[test]
    fn each_stands_on_the_one_that_was_active() {
        let mut tree = forked();
        assert_eq!(shown(&tree), "1 1<-2 2<-3 2<-4 1<-5*");
        tree.taken(ResourceId(3));
        assert_eq!(shown(&tree), "1 1<-2 2<-3* 2<-4 1<-5");
        assert_eq!(tree.on_top(ResourceId(1)), [2, 5, 3, 4].map(ResourceId));
    }

    #[test]
    fn without_it_its_children_stand_on_its_parent() {
        let mut tree = forked();
        tree.removed(ResourceId(2));
        assert_eq!(shown(&tree), "1 1<-3 1<-4 1<-5*");
        tree.removed(ResourceId(5));
        assert_eq!(shown(&tree), "1* 1<-3 1<-4");
        tree.removed(ResourceId(1));
        assert_eq!(shown(&tree), "3 4");
        tree.taken(ResourceId(6));
        assert_eq!(shown(&tree), "3 4 6*");
    }

    #[test]
    fn with_all_on_top_of_it_only_the_rest_is_left() {
        let mut tree = forked();
        tree.taken(ResourceId(4));
        tree.removed_with_all(ResourceId(2));
        assert_eq!(shown(&tree), "1* 1<-5");
        tree.removed_with_all(ResourceId(9));
        assert_eq!(shown(&tree), "1* 1<-5");
    }
}
