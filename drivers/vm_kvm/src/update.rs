//! What both updates share: the difference they make, and what they leave behind.

use crate::change::Change;
use crate::images;
use crate::plan::Plan;
use commands::files;
use errors::Fault;
use folders::RemoveFile;
use lifecycle::{Context, Steps};
use model::names;
use model::vm::Vm;

/// The difference that an update makes, and the host's ways.
pub struct Update {
    pub plan: Plan,
    pub change: Change,
    /// Files of disks that are not wished for.
    pub stray_disks: Vec<String>,
}

/// What disks that are gone were kept in, and bridges that nobody is on any more.
pub fn left_behind(cx: &Context, vm: &Vm, update: &Update, steps: &mut Steps) {
    for path in &update.stray_disks {
        let what = path.rsplit('/').next().unwrap_or_default().to_owned();
        steps.then(RemoveFile { what, path: path.clone() });
    }
    images::removed(cx, vm, &images::stray(vm), steps);
    // Those that others have left are no difference of this VM.
    if !cx.is_dry_run() || !update.change.gone_nics.is_empty() {
        steps.then(segments::LeaveBridges { host: cx.host().into() });
    }
}

/// Disks in the VM's folder that its wish does not name: also those that a lost attempt took from the domain already.
pub async fn stray_disks(cx: &Context, vm: &Vm) -> Result<Vec<String>, Fault> {
    let folder = names::vm_folder(&cx.settings.storage, vm.id);
    let wanted = |file: &str| vm.spec.disks.iter().any(|disk| file == format!("{}.qcow2", disk.name));
    let files = cx.run(files::list(&folder)).await?;
    let stray = files.into_iter().filter(|file| file.ends_with(".qcow2") && !wanted(file));
    Ok(stray.map(|file| format!("{folder}/{file}")).collect())
}
