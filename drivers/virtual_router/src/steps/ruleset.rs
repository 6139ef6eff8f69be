//! The ruleset, replaced as a whole in one transaction.

use super::is_there;
use crate::ruleset::{TABLE, digest};
use commands::nft;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};

/// It is as it was loaded. How nftables wrote it then is kept beside it, so that a change by hand is seen.
pub struct Loads {
    pub namespace: String,
    pub folder: String,
    pub revision: String,
}

impl Loads {
    fn kept(&self) -> String {
        format!("{}/ruleset-loaded", self.folder)
    }

    /// What is kept once this revision is loaded, with what is there now.
    async fn sign(&self, cx: &Context) -> Result<Option<String>, Fault> {
        let table = cx.run(nft::table(&self.namespace, TABLE)).await?;
        Ok(table.map(|table| format!("{} {}\n", self.revision, digest(&table))))
    }
}

impl Step for Loads {
    fn name(&self) -> String {
        "load ruleset".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if !is_there(cx, &self.namespace).await? {
                return Ok(Look::Todo);
            }
            let kept = cx.get(&self.kept()).await?;
            let sign = self.sign(cx).await?;
            Ok(Look::done_if(sign.is_some_and(|sign| kept.as_deref() == Some(sign.as_bytes()))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            cx.run(nft::load(&self.namespace, &format!("{}/ruleset.nft", self.folder))).await?;
            if cx.is_dry_run() {
                return Ok(());
            }
            let sign = self.sign(cx).await?.unwrap_or_default();
            cx.put(&self.kept(), sign.as_bytes(), 0o600).await
        })
    }
}
