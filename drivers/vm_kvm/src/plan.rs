//! What every verb looks at before it begins.

use commands::{files, virsh};
use errors::Fault;
use lifecycle::Context;
use model::image::Image;
use model::names;
use model::server::{CephSettings, Virtualisation};
use model::vm::Vm;

/// How the host is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder of images, disks and seeds.
    pub storage: String,
    /// Without it guests run under TCG, many times slower.
    pub has_kvm: bool,
    pub ceph: CephSettings,
}

impl Plan {
    /// The image's file, once it is fetched.
    pub fn cached(&self, image: &Image) -> String {
        names::cached_image(&self.storage, image.id, &image.spec.sha256)
    }
}

/// Libvirt answers, and what the host can do.
pub async fn look(cx: &Context) -> Result<Plan, Fault> {
    cx.run(virsh::version(&cx.settings.libvirt_uri)).await?;
    let has_kvm = cx.settings.virtualisation == Virtualisation::Auto && cx.run(files::exists("/dev/kvm")).await?;
    if !has_kvm {
        cx.note("no hardware virtualisation: the guest runs under TCG");
    }
    Ok(Plan { storage: cx.settings.storage.clone(), has_kvm, ceph: cx.settings.ceph.clone() })
}

/// The image that a VM's record names.
pub fn image<'a>(cx: &'a Context, vm: &Vm) -> Result<&'a Image, Fault> {
    cx.image.as_ref().ok_or_else(|| Fault::new(&errors::vm_kvm::NO_IMAGE).hole("resource", vm.label()))
}
