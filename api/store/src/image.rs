//! Images.

use crate::Store;
use crate::page::{list, patched, read};
use crate::project::check_unused;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::unit::Unit;
use iaas::tenant::Page;
use model::image::{Image, ImageSpec};
use model::{ImageId, Version};
use serde_json::Value;

impl Store {
    pub async fn image_create(&self, spec: ImageSpec) -> Answer<Image> {
        spec.check().map_err(Refusal::spec)?;
        self.write(move |unit| {
            Box::pin(async move {
                unit.counters.image += 1;
                let (id, now) = (ImageId(unit.counters.image), unit.now);
                let image = Image { id, spec, version: Version(1), created_at: now, updated_at: now };
                unit.images.put(id, image.clone());
                Ok(image)
            })
        })
        .await
    }

    pub async fn image_read(&self, id: ImageId) -> Answer<Image> {
        read(self.pool(), id.0).await?.ok_or_else(|| Refusal::not_found("image", id))
    }

    pub async fn image_list(&self, cursor: Option<&str>, limit: Option<u32>) -> Answer<Page<Image>> {
        list(self.pool(), cursor, limit, |image: &Image| image.id.0).await
    }

    /// A JSON merge patch; what stands already keeps the image as it was built from. Refused with `ETAG_MISMATCH`,
    /// `SPEC_INVALID`.
    pub async fn image_change(&self, id: ImageId, version: Version, patch: &Value) -> Answer<Image> {
        let patch = patch.clone();
        self.write(move |unit| {
            Box::pin(async move {
                let mut image = unit.image(id).await?.ok_or_else(|| Refusal::not_found("image", id))?;
                if image.version != version {
                    return Err(Refusal::etag(format_args!("image {id}"), image.version, version));
                }
                image.spec = patched(&image.spec, &patch)?;
                image.spec.check().map_err(Refusal::spec)?;
                image.version.0 += 1;
                image.updated_at = unit.now;
                unit.images.put(id, image.clone());
                Ok(image)
            })
        })
        .await
    }

    /// Refused with `IN_USE` while any VM that started from it is not closed.
    pub async fn image_delete(&self, id: ImageId) -> Answer<()> {
        self.write(move |unit| Box::pin(async move { unit.image_delete(id).await })).await
    }
}

impl Unit {
    async fn image_delete(&mut self, id: ImageId) -> Answer<()> {
        self.flush().await?;
        self.image(id).await?.ok_or_else(|| Refusal::not_found("image", id))?;
        let mut line = Line::default();
        line.int(id.0);
        let sql = "SELECT id FROM resources WHERE image_id = $1 AND state <> 'closed' ORDER BY id LIMIT 4";
        let users = self.numbers(sql, line).await?;
        check_unused("image", id.0, &users)?;
        let mut line = Line::default();
        line.int(id.0);
        self.execute("DELETE FROM images WHERE id = $1", line).await?;
        self.images.forget(&id);
        Ok(())
    }
}
