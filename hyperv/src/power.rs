//! On and off.

use crate::{identifier, own};
use commands::hyperv::job;
use commands::hyperv::vm::{self, State, Vm};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

/// The guest is asked again this often: one that was still booting could not be asked.
const ASK_EVERY: Duration = Duration::from_secs(5);

const GLANCE: Duration = Duration::from_millis(500);

/// What a VM gets to come from one state into another.
const SETTLE_LIMIT: Duration = Duration::from_secs(300);

/// It comes back by itself when its host starts.
pub const COMES_BACK: &str = "StartIfRunning";
pub const STAYS_OFF: &str = "Nothing";

/// A fault when it is in trouble that only an operator can end.
fn check(found: &Vm) -> Result<(), Fault> {
    match &found.state {
        State::Other(word) if word.ends_with("Critical") || word == "Other" => {
            Err(Fault::new(&errors::hyperv::VM_CRITICAL).hole("vm", &found.name).hole("found", word))
        }
        _ => Ok(()),
    }
}

/// The VM, once it is no more on its way from one state to another.
async fn at_rest(cx: &Context, id: ResourceId) -> Result<Option<Vm>, Fault> {
    let mut glances = SETTLE_LIMIT.as_millis() / GLANCE.as_millis();
    loop {
        let Some(found) = own(cx, id).await? else { return Ok(None) };
        check(&found)?;
        if !matches!(found.state, State::Other(_)) || glances == 0 {
            return Ok(Some(found));
        }
        glances -= 1;
        cx.pause(GLANCE).await?;
    }
}

/// It runs, and comes back with its host.
pub struct On {
    pub vm: ResourceId,
}

impl Step for On {
    fn name(&self) -> String {
        "power on".into()
    }

    fn deadline(&self) -> Duration {
        SETTLE_LIMIT + Duration::from_secs(120)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = own(cx, self.vm).await? else { return Ok(Look::Todo) };
            if let Err(fault) = check(&found) {
                return Ok(Look::Differs(fault));
            }
            Ok(Look::done_if(found.state == State::Running && found.start_action == COMES_BACK))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let found = at_rest(cx, self.vm).await?;
            let id = identifier(cx, self.vm).await?;
            if found.as_ref().is_none_or(|found| found.start_action != COMES_BACK) {
                cx.run(vm::set_start_action(&id, COMES_BACK)).await?;
            }
            match found.map(|found| found.state) {
                None | Some(State::Off | State::Saved) => cx.run(vm::start(&id)).await,
                Some(State::Paused) => cx.run(vm::resume(&id)).await,
                Some(State::Running | State::Other(_)) => Ok(()),
            }
        })
    }
}

/// By asking the guest, and when it does not care, by the plug.
pub struct Off {
    vm: ResourceId,
    /// What the guest gets to shut itself down, before the plug is pulled.
    patience: Duration,
    /// With its memory on disk it can be put aside, and not be changed.
    saved_will_do: bool,
}

impl Off {
    /// To be put aside.
    pub fn of(cx: &Context, vm: ResourceId) -> Self {
        let patience = Duration::from_secs(cx.settings.shutdown_secs.into());
        Self { vm, patience, saved_will_do: true }
    }

    /// To be changed.
    pub fn cold(cx: &Context, vm: ResourceId) -> Self {
        Self { saved_will_do: false, ..Self::of(cx, vm) }
    }

    /// To be removed: nobody is asked.
    pub fn at_once(vm: ResourceId) -> Self {
        Self { vm, patience: Duration::ZERO, saved_will_do: true }
    }

    fn is_off(&self, state: &State) -> bool {
        *state == State::Off || (self.saved_will_do && *state == State::Saved)
    }

    /// Whether it went off within its patience; what the guest's own shutdown said against it is noted.
    async fn asked(&self, cx: &Context, id: &str) -> Result<bool, Fault> {
        let glances = (self.patience.as_millis() / GLANCE.as_millis()) as u32;
        let ask = (ASK_EVERY.as_millis() / GLANCE.as_millis()) as u32;
        let mut job = None;
        for glance in 0..glances {
            if glance % ask == 0 && !self.asks(cx, job).await? {
                job = cx.run(vm::shut_down(id)).await?;
            }
            if cx.is_dry_run() {
                return Ok(true);
            }
            if own(cx, self.vm).await?.is_none_or(|found| found.state == State::Off) {
                self.forget(cx, job).await;
                return Ok(true);
            }
            cx.pause(GLANCE).await?;
        }
        self.asks(cx, job).await?;
        self.forget(cx, job).await;
        Ok(false)
    }

    /// Whether the guest is being asked still. That a job ended says nothing; one that failed says why.
    async fn asks(&self, cx: &Context, job: Option<u64>) -> Result<bool, Fault> {
        let Some(job) = job else { return Ok(false) };
        let state = cx.run(job::state(job)).await?;
        if state.as_deref() == Some("Failed")
            && let Err(fault) = cx.run(job::receive(job)).await
        {
            cx.note(format!("the guest could not be asked: {}", fault.text()));
        }
        Ok(matches!(state.as_deref(), Some("Running" | "NotStarted")))
    }

    /// It ends with its session at the latest.
    async fn forget(&self, cx: &Context, job: Option<u64>) {
        if let Some(job) = job {
            let _ = cx.run(job::forget(job)).await;
        }
    }
}

impl Step for Off {
    fn name(&self) -> String {
        "power off".into()
    }

    fn deadline(&self) -> Duration {
        self.patience + SETTLE_LIMIT + Duration::from_secs(120)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = own(cx, self.vm).await? else { return Ok(Look::Done) };
            if let Err(fault) = check(&found) {
                return Ok(Look::Differs(fault));
            }
            Ok(Look::done_if(self.is_off(&found.state)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let Some(found) = at_rest(cx, self.vm).await? else { return Ok(()) };
            // A guest that does not run cannot shut itself down.
            match found.state {
                State::Paused if !self.patience.is_zero() => cx.run(vm::resume(&found.id)).await?,
                State::Saved if !self.saved_will_do => cx.run(vm::start(&found.id)).await?,
                _ => {}
            }
            if self.asked(cx, &found.id).await? {
                return Ok(());
            }
            if !self.patience.is_zero() {
                cx.note(format!("did not shut down within {} s: pulling the plug", self.patience.as_secs()));
            }
            let turned_off = cx.run(vm::turn_off(&found.id)).await;
            let Some(found) = at_rest(cx, self.vm).await?.filter(|found| !self.is_off(&found.state)) else {
                return Ok(());
            };
            if cx.is_dry_run() {
                return Ok(());
            }
            turned_off?;
            Err(Fault::new(&errors::hyperv::VM_NOT_OFF).hole("vm", found.name).hole("found", found.state.word()))
        })
    }
}
