//! Links, addresses and routes: the difference between what is there and what should be.

use super::is_there;
use crate::difference::{Difference, Found, difference};
use crate::layout::Layout;
use commands::ip::link;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct Links {
    pub layout: Layout,
    /// Whether links that go stay for now.
    pub keeps: bool,
}

impl Links {
    async fn difference(&self, cx: &Context) -> Result<Difference, Fault> {
        let namespace = &self.layout.namespace;
        let mut outside = cx.run(link::of_group(self.layout.group)).await?;
        if self.keeps {
            outside.retain(|link| self.layout.ports.iter().any(|port| port.outside == link.name));
        }
        if !is_there(cx, namespace).await? {
            return Ok(difference(&self.layout, &Found { outside, ..Found::default() }));
        }
        let inside = cx.run(link::interfaces(namespace)).await?;
        let mut routes = cx.run(link::routes(namespace)).await?;
        routes.extend(cx.run(link::routes_v6(namespace)).await?);
        Ok(difference(&self.layout, &Found { outside, inside, routes }))
    }
}

impl Step for Links {
    fn name(&self) -> String {
        if self.keeps { "links".into() } else { "links, addresses, routes".into() }
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.difference(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let Difference { outside, inside } = self.difference(cx).await?;
            if !outside.is_empty() {
                cx.run(link::batch(&outside)).await?;
            }
            if !inside.is_empty() {
                cx.run(link::batch_inside(&self.layout.namespace, &inside)).await?;
            }
            Ok(())
        })
    }
}

/// The node's ends of a router's links are down: nothing reaches it, and all that it has stays.
pub struct Unplugged {
    pub group: u32,
}

impl Unplugged {
    async fn plugged(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let links = cx.run(link::of_group(self.group)).await?;
        Ok(links.iter().filter(|link| link.is_up()).map(|link| format!("link set dev {} down", link.name)).collect())
    }
}

impl Step for Unplugged {
    fn name(&self) -> String {
        "unplug".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.plugged(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(link::batch(&self.plugged(cx).await?)).await })
    }
}

/// Each takes its other end in the namespace with it.
pub struct NoLinks {
    pub group: u32,
}

impl NoLinks {
    async fn left(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let links = cx.run(link::of_group(self.group)).await?;
        Ok(links.iter().map(|link| format!("link delete dev {}", link.name)).collect())
    }
}

impl Step for NoLinks {
    fn name(&self) -> String {
        "remove links".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.left(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(link::batch(&self.left(cx).await?)).await })
    }
}
