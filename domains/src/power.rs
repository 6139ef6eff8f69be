//! On and off.

use commands::virsh::{self, State};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

/// The button is pressed again this often: a guest that was still booting has not seen it.
const PRESS_EVERY: Duration = Duration::from_secs(5);

const GLANCE: Duration = Duration::from_millis(500);

async fn state(cx: &Context, vm: ResourceId) -> Result<Option<State>, Fault> {
    cx.run(virsh::state(&cx.settings.libvirt_uri, &names::domain(vm))).await
}

/// It runs, and starts with its host.
pub struct On {
    pub vm: ResourceId,
}

impl Step for On {
    fn name(&self) -> String {
        "power on".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(120)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let domain = names::domain(self.vm);
            let Some(found) = cx.run(virsh::info(&cx.settings.libvirt_uri, &domain)).await? else {
                return Ok(Look::Todo);
            };
            Ok(match found.state {
                State::Running => Look::done_if(found.autostart),
                State::ShutOff => Look::Todo,
                // Paused, crashed, going down: not to be started, and not this task's doing.
                State::Other(word) => Look::Differs(
                    Fault::new(&errors::domains::DOMAIN_NOT_RUNNING).hole("domain", domain).hole("found", word),
                ),
            })
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
            cx.run(virsh::set_autostart(uri, &domain, true)).await?;
            let started = cx.run(virsh::start(uri, &domain)).await;
            // It ran already, and only did not start with its host.
            if started.is_err() && state(cx, self.vm).await? == Some(State::Running) {
                return Ok(());
            }
            started
        })
    }
}

/// By the power button, and when the guest does not care for it, by the plug.
pub struct Off {
    vm: ResourceId,
    /// What the guest gets to shut itself down, before the plug is pulled.
    patience: Duration,
}

impl Off {
    pub fn of(cx: &Context, vm: ResourceId) -> Self {
        Self { vm, patience: Duration::from_secs(cx.settings.shutdown_secs.into()) }
    }

    async fn is_off(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(matches!(state(cx, self.vm).await?, None | Some(State::ShutOff)))
    }
}

impl Step for Off {
    fn name(&self) -> String {
        "power off".into()
    }

    fn deadline(&self) -> Duration {
        self.patience + Duration::from_secs(60)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.is_off(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
            let glances = (self.patience.as_millis() / GLANCE.as_millis()) as u32;
            let press = (PRESS_EVERY.as_millis() / GLANCE.as_millis()) as u32;
            for glance in 0..glances {
                if glance % press == 0 {
                    let pressed = cx.run(virsh::shutdown(uri, &domain)).await;
                    // It may have gone off just before.
                    if pressed.is_err() && !self.is_off(cx).await? {
                        pressed?;
                    }
                }
                if cx.is_dry_run() || self.is_off(cx).await? {
                    return Ok(());
                }
                cx.pause(GLANCE).await?;
            }
            cx.note(format!("did not shut down within {} s: pulling the plug", self.patience.as_secs()));
            let destroyed = cx.run(virsh::destroy(uri, &domain)).await;
            if self.is_off(cx).await? {
                return Ok(());
            }
            destroyed?;
            let found = state(cx, self.vm).await?.map_or_else(|| "absent".to_owned(), |state| state.word().to_owned());
            Err(Fault::new(&errors::domains::DOMAIN_NOT_OFF).hole("domain", domain).hole("found", found))
        })
    }
}
