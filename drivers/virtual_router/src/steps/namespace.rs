//! The namespace, and its end.

use super::{is_there, pids};
use commands::{ip::netns, kill};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use std::time::Duration;

/// A process that was told to end is looked for this often, and so many times.
pub const GLANCE: Duration = Duration::from_millis(50);
pub const GLANCES: u32 = 200;

pub struct Namespace {
    pub namespace: String,
}

impl Step for Namespace {
    fn name(&self) -> String {
        "namespace".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(is_there(cx, &self.namespace).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(netns::add(&self.namespace)).await })
    }
}

/// Whatever runs in it ends: it would keep the namespace alive without its name.
pub struct NoProcesses {
    pub namespace: String,
}

impl Step for NoProcesses {
    fn name(&self) -> String {
        "end processes".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(pids(cx, &self.namespace).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { end(cx, &self.namespace, &pids(cx, &self.namespace).await?).await })
    }
}

/// Ends processes of a namespace and waits until they are gone.
pub async fn end(cx: &Context, namespace: &str, gone: &[u32]) -> Result<(), Fault> {
    if gone.is_empty() {
        return Ok(());
    }
    cx.run(kill::terminate(gone)).await?;
    for _ in 0..GLANCES {
        if cx.is_dry_run() || !pids(cx, namespace).await?.iter().any(|pid| gone.contains(pid)) {
            return Ok(());
        }
        cx.pause(GLANCE).await?;
    }
    Err(Fault::new(&errors::virtual_router::PROCESS_STAYS).hole("namespace", namespace).hole("host", cx.host()))
}

/// With it goes the ruleset.
pub struct NoNamespace {
    pub namespace: String,
}

impl Step for NoNamespace {
    fn name(&self) -> String {
        "remove namespace".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!is_there(cx, &self.namespace).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(netns::delete(&self.namespace)).await })
    }
}
