//! Files of VPNs and of a pair that are no longer wished for: they hold secrets, and say what is not so.

use crate::vpn::Vpns;
use crate::vrrp;
use commands::files;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct NoLeftovers {
    pub folder: String,
    /// What stays, besides that which stands there while it runs.
    pub wanted: Vec<String>,
}

impl NoLeftovers {
    async fn stale(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let names = cx.run(files::list(&self.folder)).await?;
        let paths = names
            .iter()
            .filter(|name| Vpns::is_file(name) || vrrp::is_file(name))
            .map(|name| format!("{}/{name}", self.folder));
        // What was loaded stands beside its file.
        let is_wanted = |path: &String| self.wanted.iter().any(|wanted| path.trim_end_matches("-loaded") == wanted);
        Ok(paths.filter(|path| !is_wanted(path)).collect())
    }
}

impl Step for NoLeftovers {
    fn name(&self) -> String {
        "remove old files".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.stale(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for path in self.stale(cx).await? {
                cx.remove(&path).await?;
            }
            Ok(())
        })
    }
}
