//! A disk's file: made, or grown while no guest has it open.

use commands::{files, qemu_img};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct Disk {
    pub name: String,
    pub path: String,
    pub gb: u64,
    /// The image that a primary disk starts from.
    pub base: Option<String>,
}

impl Step for Disk {
    fn name(&self) -> String {
        format!("disk {}", self.name)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(disk) = cx.run(qemu_img::info(&self.path)).await? else { return Ok(Look::Todo) };
            if disk.backing != self.base {
                let backing = |base: &Option<String>| base.clone().unwrap_or_else(|| "nothing".into());
                let differs = Fault::new(&errors::driver::STEP_DIFFERS).hole("step", self.name());
                let found = format!("{} on top of {}", self.path, backing(&disk.backing));
                return Ok(Look::Differs(differs.hole("found", found).hole("wanted", backing(&self.base))));
            }
            Ok(Look::done_if(disk.bytes >= self.gb * qemu_img::GB))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if cx.run(files::exists(&self.path)).await? {
                return cx.run(qemu_img::grow(&self.path, self.gb)).await;
            }
            // Under another name first: what was begun and not finished is no disk.
            let part = format!("{}.part", self.path);
            match &self.base {
                Some(base) => {
                    let format =
                        cx.run(qemu_img::info(base)).await?.map_or_else(|| "qcow2".to_owned(), |image| image.format);
                    cx.run(qemu_img::create_overlay(&part, base, &format, self.gb)).await?;
                }
                None => cx.run(qemu_img::create(&part, self.gb)).await?,
            }
            cx.run(files::rename(&part, &self.path)).await
        })
    }
}
