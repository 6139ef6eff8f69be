//! The ruleset, changed in one transaction.

use super::is_there;
use crate::ruleset::difference::{difference, plain};
use crate::ruleset::{TABLE, digest};
use commands::nft;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};

/// It is as it was loaded. What was loaded, and how nftables wrote it then, is kept beside it, so that a change by hand is
/// seen, and the next change is the difference.
pub struct Loads {
    pub namespace: String,
    pub folder: String,
    pub text: String,
}

impl Loads {
    fn kept(&self) -> String {
        format!("{}/ruleset-loaded", self.folder)
    }

    /// What was loaded last, with its signature before it.
    async fn last(&self, cx: &Context) -> Result<Option<String>, Fault> {
        let kept = cx.get(&self.kept()).await?;
        Ok(kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
    }

    /// What was loaded last, if that is what is there: with the listing of it.
    async fn loaded(&self, cx: &Context, last: &str) -> Result<Option<(String, String)>, Fault> {
        if !is_there(cx, &self.namespace).await? {
            return Ok(None);
        }
        let Some(listed) = cx.run(nft::table(&self.namespace, TABLE)).await? else { return Ok(None) };
        let text = last.strip_prefix(&sign(&listed)).map(str::to_owned);
        Ok(text.map(|text| (text, listed)))
    }
}

/// The first line of what is kept.
fn sign(listed: &str) -> String {
    format!("{}\n", digest(&plain(listed)))
}

impl Step for Loads {
    fn name(&self) -> String {
        "load ruleset".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            // To list a thousand rules takes as long as to load them: not where the last text already was another.
            let last = self.last(cx).await?.filter(|last| last.ends_with(&self.text));
            let Some(last) = last else { return Ok(Look::done_if(false)) };
            Ok(Look::done_if(self.loaded(cx, &last).await?.is_some_and(|(text, _)| text == self.text)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let loaded = match self.last(cx).await? {
                Some(last) => self.loaded(cx, &last).await?,
                None => None,
            };
            match loaded.and_then(|(text, listed)| difference(&text, &listed, &self.text)) {
                Some(change) => cx.run(nft::change(&self.namespace, &change)).await?,
                None => cx.run(nft::load(&self.namespace, &format!("{}/ruleset.nft", self.folder))).await?,
            }
            if cx.is_dry_run() {
                return Ok(());
            }
            let listed = cx.run(nft::table(&self.namespace, TABLE)).await?.unwrap_or_default();
            cx.put(&self.kept(), format!("{}{}", sign(&listed), self.text).as_bytes(), 0o600).await
        })
    }
}
