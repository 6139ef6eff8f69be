//! Which checkpoint of a VM a snapshot is.

use commands::hyperv::checkpoint::{self, Checkpoint};
use errors::Fault;
use lifecycle::Context;
use model::snapshot::Snapshot;
use model::windows;

/// The fact that keeps the checkpoint's identifier: it stays the same when somebody gives it another name.
pub const ID: &str = "checkpoint";

/// Those of the VM that are somebody's to keep: what a backup program makes for itself is not.
pub async fn all(cx: &Context, vm: &str) -> Result<Vec<Checkpoint>, Fault> {
    let mut all = cx.run(checkpoint::list(vm)).await?;
    all.retain(|checkpoint| checkpoint.kind != "Recovery");
    Ok(all)
}

/// The snapshot as Hyper-V has it.
pub async fn kept(cx: &Context, snapshot: &Snapshot, vm: &str) -> Result<Option<Checkpoint>, Fault> {
    let known = snapshot.facts.get(ID).and_then(|id| id.as_str());
    let name = windows::checkpoint(snapshot.id);
    find(all(cx, vm).await?, known, &name).map_err(|count| {
        Fault::new(&errors::snapshot_hyperv::DUPLICATE)
            .hole("vm", windows::vm(snapshot.spec.vm))
            .hole("host", cx.host())
            .hole("count", count)
            .hole("checkpoint", name)
    })
}

/// By its identifier, and by its name while that is all there is to know it by; gives how many have that name when they
/// are several.
fn find(all: Vec<Checkpoint>, known: Option<&str>, name: &str) -> Result<Option<Checkpoint>, usize> {
    let is_it = |checkpoint: &Checkpoint| match known {
        Some(id) => checkpoint.id.eq_ignore_ascii_case(id),
        None => checkpoint.name == name,
    };
    let mut found: Vec<Checkpoint> = all.into_iter().filter(is_it).collect();
    match found.len() {
        0 | 1 => Ok(found.pop()),
        count => Err(count),
    }
}

/// Those on top of one, the nearest first.
pub fn on_top(all: &[Checkpoint], id: &str) -> Vec<Checkpoint> {
    let children = |id: &str| -> Vec<Checkpoint> {
        all.iter().filter(|other| other.parent.as_deref() == Some(id)).cloned().collect()
    };
    let mut found = children(id);
    let mut next = 0;
    while let Some(checkpoint) = found.get(next).cloned() {
        found.extend(children(&checkpoint.id));
        next += 1;
    }
    found
}

pub fn absent(cx: &Context, snapshot: &Snapshot) -> Fault {
    Fault::new(&errors::snapshot_hyperv::ABSENT)
        .hole("checkpoint", windows::checkpoint(snapshot.id))
        .hole("vm", windows::vm(snapshot.spec.vm))
        .hole("host", cx.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(id: &str, name: &str, parent: Option<&str>) -> Checkpoint {
        Checkpoint {
            id: id.into(),
            name: name.into(),
            parent: parent.map(str::to_owned),
            kind: "Standard".into(),
            made_at: String::new(),
        }
    }

    #[test]
    fn a_name_that_two_have_is_nobodys() {
        let all = vec![
            checkpoint("a", "drover-9", None),
            checkpoint("b", "drover-9", None),
            checkpoint("c", "Drover-9", None),
        ];
        assert_eq!(find(all.clone(), None, "drover-9"), Err(2));
        assert_eq!(find(all.clone(), Some("B"), "drover-9").unwrap().unwrap().id, "b");
        assert_eq!(find(all.clone(), Some("d"), "drover-9"), Ok(None));
        assert_eq!(find(all, None, "drover-*"), Ok(None));
    }

    #[test]
    fn what_stands_on_a_checkpoint_is_found_whatever_the_order() {
        let all = [
            checkpoint("d", "", Some("b")),
            checkpoint("c", "", Some("a")),
            checkpoint("a", "", None),
            checkpoint("b", "", Some("a")),
        ];
        let found: Vec<_> = on_top(&all, "a").into_iter().map(|checkpoint| checkpoint.id).collect();
        assert_eq!(found, ["c", "b", "d"]);
        assert!(on_top(&all, "d").is_empty());
    }
}
