//! The ruleset, replaced as a whole in one transaction.

use super::is_there;
use crate::ruleset::TABLE;
use commands::nft;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct Loads {
    pub namespace: String,
    pub path: String,
    pub revision: String,
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
            let chains = cx.run(nft::chains(&self.namespace)).await?;
            Ok(Look::done_if(chains.iter().any(|chain| chain.table == TABLE && chain.name == self.revision)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(nft::load(&self.namespace, &self.path)).await })
    }
}
