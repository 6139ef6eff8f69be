//! The repository's folder says which one it is, and the host knows it.

use backups::{Known, Repository};
use commands::files;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use model::backup::Repository as Which;

pub struct Marked {
    pub which: Which,
    /// Gives the first one its id.
    pub backup: ResourceId,
}

impl Marked {
    async fn known(&self, cx: &Context, repository: &Repository) -> Result<Option<Known>, Fault> {
        Known::read(cx, self.which, repository.place()).await
    }
}

impl Step for Marked {
    fn name(&self) -> String {
        "mark repository".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let repository = Repository::open(cx, self.which).await?;
            // What is known was compared when it was opened.
            Ok(Look::done_if(!repository.is_marked() || self.known(cx, &repository).await?.is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let repository = Repository::open(cx, self.which).await?;
            let id = match repository.id() {
                Some(id) => id.to_owned(),
                None => {
                    let id = format!("{}-{}", cx.host(), self.backup);
                    cx.run(repository.on(files::mark(&repository.marker(&id)))).await?;
                    id
                }
            };
            let known = Known { place: repository.place().to_owned(), id };
            cx.put(&Known::path(&cx.settings.storage, self.which), known.text().as_bytes(), 0o600).await
        })
    }
}
