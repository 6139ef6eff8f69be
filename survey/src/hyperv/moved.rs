//! Folders that are set aside by one rename on their drive, with all that is in them.

use crate::Site;
use ::hyperv::files::{exists, remove_debris};
use commands::hyperv::file::{self, Below};
use errors::Fault;
use model::errand::Found;
use model::windows;

pub struct Moved {
    pub place: String,
    pub aside: String,
}

impl Moved {
    pub async fn set_aside(&self, site: &Site, found: &Found) -> Result<(), Fault> {
        rename(site, found, &self.place, &self.aside).await
    }

    pub async fn put_back(&self, site: &Site, found: &Found) -> Result<(), Fault> {
        rename(site, found, &self.aside, &self.place).await
    }

    pub async fn purge(&self, site: &Site, found: &Found) -> Result<(), Fault> {
        if !exists(site, &self.aside).await? && exists(site, &self.place).await? {
            return Err(site.in_place(found));
        }
        remove_debris(site, &self.aside).await
    }
}

async fn rename(site: &Site, found: &Found, from: &str, to: &str) -> Result<(), Fault> {
    let is_there = (exists(site, from).await?, exists(site, to).await?);
    if !site.is_to_move(found, is_there, to)? {
        return Ok(());
    }
    if let Some((parent, _)) = to.rsplit_once('\\') {
        site.run(file::make_folder(parent)).await?;
    }
    site.run(file::rename(from, to)).await
}

/// What the files below a folder take.
pub fn bytes(folder: &str, files: &[Below]) -> u64 {
    files.iter().filter(|file| windows::is_below(&file.path, folder)).map(|file| file.bytes).sum()
}
