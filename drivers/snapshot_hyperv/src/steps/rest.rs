//! Before a revert the VM is off; after it, one that is to stay off gives up what it had in memory.

use super::revert::Mark;
use commands::hyperv::vm::{self, State};
use hyperv::power::Off;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

/// Once it was reverted it may run again.
pub struct Stop {
    mark: Mark,
    off: Off,
}

impl Stop {
    pub fn of(cx: &Context, mark: &Mark) -> Self {
        Self { mark: mark.clone(), off: Off::of(cx, mark.vm) }
    }
}

impl Step for Stop {
    fn name(&self) -> String {
        self.off.name()
    }

    fn deadline(&self) -> Duration {
        self.off.deadline()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { if self.mark.is_made(cx).await? { Ok(Look::Done) } else { self.off.look(cx).await } })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        self.off.act(cx)
    }
}

/// What is on its disks is kept.
pub struct ForgetMemory {
    pub vm: ResourceId,
}

impl Step for ForgetMemory {
    fn name(&self) -> String {
        "forget memory".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(hyperv::present(cx, self.vm).await?.state != State::Saved)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let found = hyperv::present(cx, self.vm).await?;
            cx.run(vm::forget_memory(&found.id)).await
        })
    }
}
