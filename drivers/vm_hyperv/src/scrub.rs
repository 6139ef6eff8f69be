//! Removes a VM: its checkpoints, its configuration, and its folder, each in its turn: what is merged is merged into disks
//! that are still there.

use crate::steps::checkpoints::NoCheckpoints;
use crate::steps::remove::{Dismounted, Undefine};
use errors::Fault;
use hyperv::files::Remove;
use hyperv::merge::Merged;
use hyperv::{answers, power};
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;
use model::windows;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<()>, Fault> {
    answers(cx).await?;
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, vm: &Vm, _ready: ()) -> Result<(), Fault> {
    let folder = windows::vm_folder(&cx.settings.storage, vm.id);
    let mut steps = Steps::new();
    steps.then(power::Off::at_once(vm.id));
    steps.then(NoCheckpoints { vm: vm.id });
    steps.then(Merged::of(vm.id));
    steps.then(Dismounted { folder: folder.clone() });
    steps.then(Undefine { vm: vm.id });
    steps.then(Remove::folder(folder));
    cx.carry_out(steps).await
}
