//! What both updates share: the difference they make, what they may not, and what they leave behind.

use crate::change::{Change, actual_wish, change};
use crate::plan::{Plan, look};
use crate::steps::disk::has_checkpoints;
use commands::hyperv::file;
use errors::Fault;
use hyperv::files::{Remove, is_disk};
use hyperv::{actual, name_of};
use lifecycle::{Context, Prerequisite, Steps};
use model::vm::Vm;
use model::windows;

/// The difference that an update makes, and the host's ways.
pub struct Update {
    pub plan: Plan,
    pub change: Change,
    /// Files of disks that are not wished for.
    pub stray_disks: Vec<String>,
}

pub async fn prepare(cx: &Context, vm: &Vm) -> Result<Prerequisite<Update>, Fault> {
    let plan = look(cx, vm).await?;
    let found = actual(cx, vm.id).await?;
    if let Some(patch) = actual_wish(&vm.spec, &found) {
        cx.actual(patch);
    }
    let change = change(&vm.spec, &found);
    let layered = found.disks.iter().filter(|disk| disk.is_layered()).count();
    let checkpoints = found.checkpoints.len().max(usize::from(layered > 0));
    let refused =
        |disk: &str, done: &str| Ok(Prerequisite::Refuse(has_checkpoints(vm.label(), disk, done, checkpoints)));
    match (change.grown_disks.first(), change.gone_disks.first()) {
        (Some(disk), _) if checkpoints > 0 => refused(disk, "grown"),
        (_, Some(disk)) if checkpoints > 0 => refused(disk, "removed"),
        _ => Ok(Prerequisite::Ready(Update { plan, change, stray_disks: stray_disks(cx, vm).await? })),
    }
}

/// What disks that are gone were kept in.
pub fn left_behind(cx: &Context, vm: &Vm, update: &Update, steps: &mut Steps) {
    for path in &update.stray_disks {
        steps.then(Remove { path: path.clone(), within: windows::vm_folder(&cx.settings.storage, vm.id) });
    }
}

/// Disks in the VM's folder that its wish does not name: also those that a lost attempt took from the VM already, and what it
/// did not finish.
async fn stray_disks(cx: &Context, vm: &Vm) -> Result<Vec<String>, Fault> {
    let folder = windows::vm_folder(&cx.settings.storage, vm.id);
    let wanted =
        |path: &str| name_of(&folder, path).is_some_and(|name| vm.spec.disks.iter().any(|disk| disk.name == name));
    let files = cx.run(file::list(&folder)).await?;
    let stray = files.into_iter().filter(|file| !file.is_folder && is_disk(&file.path) && !wanted(&file.path));
    Ok(stray.map(|file| file.path).collect())
}
