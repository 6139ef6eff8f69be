//! The VM itself: made and marked, its size, what it starts.

use commands::hyperv::vm;
use hyperv::power::STAYS_OFF;
use hyperv::{identifier, is_marked, own};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::vm::Vm;
use model::{ResourceId, windows};

/// There, and marked as its resource's. What a lost attempt made and did not mark is marked now.
pub struct Define {
    pub vm: Vm,
}

impl Step for Define {
    fn name(&self) -> String {
        "define VM".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = own(cx, self.vm.id).await?;
            Ok(Look::done_if(found.is_some_and(|found| is_marked(cx, self.vm.id, &found))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let id = self.vm.id;
            let folder = windows::vm_folder(&cx.settings.storage, id);
            if own(cx, id).await?.is_none() {
                let disk = windows::disk(&cx.settings.storage, id, &self.vm.spec.primary().name);
                let name = windows::vm(id);
                let new = vm::New { name: &name, folder: &folder, ram_mb: self.vm.spec.ram_mb, disk: &disk };
                cx.run(vm::make(&new)).await?;
            }
            cx.run(vm::mark(&identifier(cx, id).await?, &windows::mark(&cx.region, id), &folder)).await
        })
    }
}

pub struct Size {
    pub vm: ResourceId,
    pub cpu: u32,
    pub ram_mb: u64,
}

impl Step for Size {
    fn name(&self) -> String {
        "processors and memory".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = own(cx, self.vm).await?;
            Ok(Look::done_if(found.is_some_and(|found| (found.cpu, found.ram_mb) == (self.cpu, self.ram_mb))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let found = own(cx, self.vm).await?;
            let id = identifier(cx, self.vm).await?;
            if found.as_ref().is_none_or(|found| found.cpu != self.cpu) {
                cx.run(vm::set_processors(&id, self.cpu)).await?;
            }
            if found.is_none_or(|found| found.ram_mb != self.ram_mb) {
                cx.run(vm::set_memory(&id, self.ram_mb)).await?;
            }
            Ok(())
        })
    }
}

/// Only what the guest's own authority has signed is started.
pub struct SecureBoot {
    pub vm: ResourceId,
    pub windows: bool,
}

impl SecureBoot {
    fn template(&self) -> &'static str {
        if self.windows { "MicrosoftWindows" } else { "MicrosoftUEFICertificateAuthority" }
    }
}

impl Step for SecureBoot {
    fn name(&self) -> String {
        "secure boot".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = own(cx, self.vm).await? else { return Ok(Look::Todo) };
            let firmware = cx.run(vm::firmware(&found.id)).await?;
            Ok(Look::done_if(
                firmware.is_some_and(|found| found.secure_boot == "On" && found.template == self.template()),
            ))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(vm::set_secure_boot(&identifier(cx, self.vm).await?, self.template())).await })
    }
}

/// It no longer comes back with its host. That it does is part of [`hyperv::power::On`].
pub struct StaysOff {
    pub vm: ResourceId,
}

impl Step for StaysOff {
    fn name(&self) -> String {
        "leave autostart".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            // An absent VM comes back with no host.
            Ok(Look::done_if(own(cx, self.vm).await?.is_none_or(|found| found.start_action == STAYS_OFF)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(vm::set_start_action(&identifier(cx, self.vm).await?, STAYS_OFF)).await })
    }
}
