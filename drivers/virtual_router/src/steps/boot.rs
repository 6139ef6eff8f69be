//! Whether the router comes back when its node starts.

use commands::systemctl;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};

pub struct Booted {
    pub router: ResourceId,
}

impl Step for Booted {
    fn name(&self) -> String {
        "start with node".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(
            async move { Ok(Look::done_if(cx.run(systemctl::is_enabled(&names::router_unit(self.router))).await?)) },
        )
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(systemctl::enable(&names::router_unit(self.router))).await })
    }
}

pub struct LeaveBoot {
    pub router: ResourceId,
}

impl Step for LeaveBoot {
    fn name(&self) -> String {
        "leave start with node".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(
            async move { Ok(Look::done_if(!cx.run(systemctl::is_enabled(&names::router_unit(self.router))).await?)) },
        )
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(systemctl::disable(&names::router_unit(self.router))).await })
    }
}
