//! Bringing disks, memory and definition back.

use super::{LONG, disk, state};
use commands::virsh::snapshot::After;
use commands::virsh::{self, State};
use domains::ActualDisk;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::snapshot::Snapshot;
use model::{ResourceId, names};
use pools::release::Released;
use std::time::Duration;

/// The guest stands still, or is off, until it is written down that this was done: what it does afterwards is not lost to
/// an attempt that does it again.
pub struct Revert {
    vm: ResourceId,
    name: String,
    way: Way,
    /// What is written down: a later task reverts again.
    mark: String,
}

pub enum Way {
    /// By libvirt, with memory and definition.
    Whole(After),
    /// These, while the guest is off.
    ByDisk(Vec<ActualDisk>),
}

impl Revert {
    pub fn of(snapshot: &Snapshot, way: Way) -> Self {
        let task = snapshot.task_id.map_or_else(String::new, |task| format!(", task {task}"));
        let (vm, name) = (snapshot.spec.vm, names::snapshot(snapshot.id));
        Self { vm, name, way, mark: format!("{}{task}\n", snapshot.label()) }
    }

    async fn by_disk(&self, cx: &Context, disks: &[ActualDisk]) -> Result<(), Fault> {
        if state(cx, self.vm).await? != Some(State::ShutOff) {
            cx.run(virsh::destroy(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
        }
        for image in disks.iter().filter(|disk| disk.is_image) {
            Released { image: image.path.clone() }.act(cx).await?;
        }
        for own in disks {
            disk::roll_back(cx, self.vm, own, &self.name).await?;
        }
        Ok(())
    }
}

impl Step for Revert {
    fn name(&self) -> String {
        "revert".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = cx.get(&names::reverted(&cx.settings.storage, self.vm)).await?;
            Ok(Look::done_if(found.as_deref() == Some(self.mark.as_bytes())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            match &self.way {
                Way::Whole(after) => {
                    let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
                    cx.run(virsh::snapshot::revert(uri, &domain, &self.name, *after)).await?;
                }
                Way::ByDisk(disks) => self.by_disk(cx, disks).await?,
            }
            cx.put(&names::reverted(&cx.settings.storage, self.vm), self.mark.as_bytes(), 0o600).await
        })
    }
}
