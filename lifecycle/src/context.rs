//! What a verb sees: the host, the records it needs, and the road its steps are carried out on. No clock, no API, no
//! lock service.

mod needs;

use crate::attempt::{Boundary, Hook, Side};
use crate::report::{Halt, Report};
use crate::steps::{Look, Step, Steps};
use errors::{Fault, Retry};
use hosts::failure;
use hosts::{Command, Effect, Guarded, Host, HostError};
use iaas::fleet::Related;
use model::backup::Backup;
use model::image::Image;
use model::lock::{LockName, Mode};
use model::project::Project;
use model::server::HostSettings;
use model::task::{Plan, PlannedStep, StepOutcome};
use model::vm::{Neighbour, Vm};
use model::{Fence, ResourceId, Verb};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing::{Instrument, info_span, warn};

/// How long a step waits for a lock of its own before the attempt is put back as waiting.
const STEP_LOCK_WAIT: Duration = Duration::from_secs(30);

/// What may be done now. `prerequisites` and every `look` may only look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Looking,
    Acting,
}

pub struct Context {
    pub settings: HostSettings,
    /// The server's.
    pub region: String,
    pub project: Project,
    /// Of a VM.
    pub image: Option<Image>,
    pub related: Vec<Related>,
    /// Of a router: the VMs of its project.
    pub neighbours: Vec<Neighbour>,
    vm: Option<Vm>,
    resource: ResourceId,
    /// Of a VM that is made from a backup.
    pub backup: Option<Backup>,
    /// Of this attempt; zero before the claim and in a dry run.
    pub fence: Fence,
    verb: Verb,
    /// What acts on it is done under the locks that are held.
    host: Guarded,
    pub(crate) locks: locks::Client,
    pub(crate) owner: locks::Owner,
    /// Of the attempt's own lock, once it is held.
    pub(crate) sign: OnceLock<locks::Sign>,
    pub(crate) report: Report,
    pub(crate) hook: Option<Hook>,
    /// In a dry run, what would be done.
    pub(crate) plan: Option<Mutex<Plan>>,
    phase: Mutex<Phase>,
}

/// The parts of a context that the attempt brings.
pub(crate) struct Parts {
    pub assignment: iaas::fleet::Assignment,
    pub host: Arc<dyn Host>,
    pub locks: locks::Client,
    pub owner: locks::Owner,
    pub report: Report,
    pub hook: Option<Hook>,
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { assignment, host, locks, owner, report, hook } = parts;
        let resource = assignment.resource.id;
        let spec = assignment.server.spec;
        let settings = spec.settings;
        Self {
            host: Guarded::new(host.session().unwrap_or(host), &settings.storage),
            resource,
            settings,
            region: spec.region,
            project: assignment.project,
            image: assignment.image,
            related: assignment.related,
            neighbours: assignment.neighbours,
            vm: assignment.vm,
            backup: assignment.backup,
            fence: Fence(0),
            verb: assignment.task.verb,
            locks,
            owner,
            sign: OnceLock::new(),
            report,
            hook,
            plan: assignment.task.dry_run.then(Mutex::default),
            phase: Mutex::new(Phase::Looking),
        }
    }

    /// The server's name.
    pub fn host(&self) -> &str {
        self.host.name()
    }

    /// The VM that a snapshot, backup, volume or gpu belongs to, is attached to, or was until this task.
    pub fn vm(&self) -> Result<&Vm, Fault> {
        self.vm.as_ref().ok_or_else(|| Fault::new(&errors::driver::NO_VM).hole("verb", self.verb))
    }

    // --- reaching the host ------------------------------------------------------------------------------------------

    /// Runs a command and reads its answer. While only looking is allowed, a command that acts is refused; in a dry run
    /// it is recorded and its answer is the default.
    pub async fn run<T: Default>(&self, command: Command<T>) -> Result<T, Fault> {
        let Command { invocation, read } = command;
        if invocation.effect == Effect::Acts && !self.may_act(&invocation.line())? {
            return Ok(T::default());
        }
        let span = info_span!(
            "command",
            otel.name = %format!("command {}", invocation.program()),
            otel.kind = "client",
            server.address = self.host.name(),
            process.command_line = %invocation.line(),
            error.r#type = tracing::field::Empty,
        );
        async {
            let output = self.host.run(&invocation).await.map_err(|error| {
                tracing::Span::current().record("error.type", kind_of(&error));
                failure::of_host(error)
            })?;
            read(&output).map_err(|reason| {
                failure::of_host(HostError::Nonsense {
                    host: self.host.name().to_owned(),
                    program: invocation.program().to_owned(),
                    line: invocation.line(),
                    reason,
                })
            })
        }
        .instrument(span)
        .await
    }

    /// Writes a file; see [`Host::put`].
    pub async fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        if !self.may_act(&format!("write {path} ({} bytes, mode {mode:o})", bytes.len()))? {
            return Ok(());
        }
        let span = info_span!(
            "command",
            otel.name = "command put",
            otel.kind = "client",
            server.address = self.host.name(),
            file.path = path
        );
        self.host.put(path, bytes, mode).instrument(span).await.map_err(failure::of_host)
    }

    /// Reads a file; none when it is absent.
    pub async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        let span = info_span!(
            "command",
            otel.name = "command get",
            otel.kind = "client",
            server.address = self.host.name(),
            file.path = path
        );
        self.host.get(path).instrument(span).await.map_err(failure::of_host)
    }

    /// Removes a file or an empty folder; see [`Host::remove`].
    pub async fn remove(&self, path: &str) -> Result<(), Fault> {
        if !self.may_act(&format!("remove {path}"))? {
            return Ok(());
        }
        let span = info_span!(
            "command",
            otel.name = "command remove",
            otel.kind = "client",
            server.address = self.host.name(),
            file.path = path
        );
        self.host.remove(path).instrument(span).await.map_err(failure::of_host)
    }

    /// What people see beside the running step: `43 % of 350 MiB`.
    pub fn note(&self, note: impl Into<String>) {
        self.report.note(note.into());
    }

    /// What was found or made, kept with the resource when the attempt settles; null takes a fact away.
    pub fn fact(&self, name: &str, value: impl Into<serde_json::Value>) {
        self.report.fact(name, value.into());
    }

    /// In a dry run: what is on the host and not in the record, as a merge patch of the spec.
    pub fn actual(&self, patch: serde_json::Value) {
        if let Some(plan) = &self.plan {
            plan.lock().unwrap_or_else(PoisonError::into_inner).actual = Some(patch);
        }
    }

    /// Whether acts are recorded and not done: then there is nothing to wait for.
    pub fn is_dry_run(&self) -> bool {
        self.plan.is_some()
    }

    /// A pause inside a step that waits for the host to change. It ends at once, with the fault that ends the step, when the
    /// attempt is to stop.
    pub async fn pause(&self, length: Duration) -> Result<(), Fault> {
        tokio::select! {
            () = self.report.halts() => {}
            () = tokio::time::sleep(length) => {}
        }
        self.boundary(&self.report.step())
    }

    /// Runs a command that takes long and may be stopped anywhere and begun again: it ends at once, with the fault that ends
    /// the step, when the attempt is to stop.
    pub async fn run_long<T: Default>(&self, command: Command<T>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.report.halts() => {}
            result = self.run(command) => return result,
        }
        // Dropped, its process is gone.
        match self.report.halt() {
            Some(halt) => Err(halt.fault(&self.report.step())),
            None => Ok(T::default()),
        }
    }

    /// Whether this action is to be done: not in a dry run, where it is recorded, and never while looking.
    fn may_act(&self, action: &str) -> Result<bool, Fault> {
        if self.phase() == Phase::Looking {
            return Err(Fault::new(&errors::driver::TOUCHED_WHILE_LOOKING).hole("command", action));
        }
        if let Some(plan) = &self.plan {
            let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(step) = plan.steps.last_mut() {
                step.commands.push(action.to_owned());
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    // --- steps ------------------------------------------------------------------------------------------------------

    /// Carries out a verb's steps, in order.
    pub async fn carry_out(&self, steps: Steps) -> Result<(), Fault> {
        self.report.total(steps.0.len() as u32);
        for (index, step) in steps.0.iter().enumerate() {
            let number = index as u32 + 1;
            let name = step.name();
            let span = info_span!("step", otel.name = %format!("step {name}"), step.number = number, step.outcome = tracing::field::Empty);
            self.boundary(&name)?;
            self.report.begin(number, &name);
            if let Some(sign) = self.sign.get() {
                sign.at_step(&name);
            }
            let result = self.step(number, &name, step.as_ref()).instrument(span.clone()).await;
            let outcome = match &result {
                Ok(outcome) => *outcome,
                Err(_) => StepOutcome::Failed,
            };
            span.record("step.outcome", outcome.word());
            self.report.end(outcome);
            if let Err(mut fault) = result {
                fault.step.get_or_insert(name);
                return Err(fault);
            }
        }
        Ok(())
    }

    /// After a failure or a cancel: takes back what was begun, and gives the failure. Not when another attempt carries it
    /// on, or this one may not act any more.
    pub async fn undo(&self, fault: Fault, steps: Steps) -> Fault {
        let ends = match self.report.halt() {
            None => fault.entry.category.policy().retry != Retry::WhenItEnds,
            Some(Halt::Cancelled { .. }) => true,
            Some(Halt::HandOver | Halt::Superseded { .. } | Halt::LockLost { .. }) => false,
        };
        let before = self.report.steps_total().unwrap_or(0);
        for (index, step) in steps.0.iter().enumerate().filter(|_| ends && !self.is_dry_run()) {
            let (number, name) = (before + index as u32 + 1, format!("take back: {}", step.name()));
            self.report.begin(number, &name);
            let result = self.step(number, &name, step.as_ref()).await;
            self.report.end(result.as_ref().map_or(StepOutcome::Failed, |outcome| *outcome));
            if let Err(error) = result {
                warn!(%error, step = name, "what was begun could not be taken back");
            }
        }
        fault
    }

    /// Done when the attempt is to stop, with the fault that ends it.
    pub(crate) async fn stops(&self, step: &str) -> Fault {
        loop {
            self.report.halts().await;
            if let Some(halt) = self.report.halt() {
                return halt.fault(step);
            }
        }
    }

    /// Where cancel, hand-over and lost leases and locks take effect.
    fn boundary(&self, step: &str) -> Result<(), Fault> {
        match self.report.halt() {
            None => Ok(()),
            Some(halt) => Err(halt.fault(step)),
        }
    }

    async fn step(&self, number: u32, name: &str, step: &dyn Step) -> Result<StepOutcome, Fault> {
        let limit = step.deadline();
        let lock = step.lock();
        if let Some(plan) = &self.plan {
            let planned = PlannedStep {
                name: name.to_owned(),
                lock: lock.as_ref().map(ToString::to_string),
                ..PlannedStep::default()
            };
            plan.lock().unwrap_or_else(PoisonError::into_inner).steps.push(planned);
            return self.look_and_act(number, step).await;
        }
        let before = self.host.fences();
        let held = match &lock {
            Some(lock) => Some(self.lock_for_step(lock, name).await?),
            None => None,
        };
        let result = tokio::time::timeout(limit, self.look_and_act(number, step)).await;
        self.enter(Phase::Looking);
        self.host.hold(before);
        if let Some(held) = held {
            held.release().await;
        }
        result.unwrap_or_else(|_| {
            Err(Fault::new(&errors::driver::STEP_DEADLINE).hole("step", name).hole("deadline_secs", limit.as_secs()))
        })
    }

    async fn lock_for_step(&self, lock: &LockName, step: &str) -> Result<locks::Held, Fault> {
        let owner = locks::Owner { step: step.to_owned(), ..self.owner.clone() };
        let names = std::slice::from_ref(lock);
        let held = self.locks.acquire(names, owner, STEP_LOCK_WAIT).await?;
        self.act_under(names, &held);
        Ok(held)
    }

    /// From now on the host checks these too, before anything acts.
    pub(crate) fn act_under(&self, names: &[LockName], held: &locks::Held) {
        let granted = names.iter().filter_map(|name| Some((name, held.fence(name)?)));
        let fences =
            granted.fold(self.host.fences(), |fences, (name, fence)| fences.with(name.clone(), Mode::Exclusive, fence));
        self.host.hold(fences);
    }

    async fn look_and_act(&self, number: u32, step: &dyn Step) -> Result<StepOutcome, Fault> {
        self.hook(number, Side::Before).await?;
        match step.look(self).await? {
            Look::Done => {
                self.planned(|planned| planned.already_so = true);
                return Ok(StepOutcome::Skipped);
            }
            Look::Differs(fault) => return Err(fault),
            Look::Todo => {}
        }
        self.report.touch();
        self.enter(Phase::Acting);
        let acted = step.act(self).await;
        self.enter(Phase::Looking);
        acted?;
        if self.plan.is_some() {
            return Ok(StepOutcome::Done);
        }
        self.hook(number, Side::After).await?;
        match step.look(self).await? {
            Look::Done => Ok(StepOutcome::Done),
            Look::Differs(fault) => Err(fault),
            Look::Todo => Err(Fault::new(&errors::driver::STEP_NO_EFFECT).hole("step", step.name())),
        }
    }

    fn planned(&self, change: impl FnOnce(&mut PlannedStep)) {
        if let Some(plan) = &self.plan
            && let Some(step) = plan.lock().unwrap_or_else(PoisonError::into_inner).steps.last_mut()
        {
            change(step);
        }
    }

    async fn hook(&self, step: u32, side: Side) -> Result<(), Fault> {
        match &self.hook {
            Some(hook) => {
                let locks::Owner { task, attempt, .. } = self.owner;
                hook(Boundary { resource: self.resource, task, verb: self.verb, attempt, step, side }).await
            }
            None => Ok(()),
        }
    }
}

fn kind_of(error: &HostError) -> &'static str {
    match error {
        HostError::Unreachable { .. } => "unreachable",
        HostError::ProgramMissing { .. } => "program_missing",
        HostError::Failed { .. } => "failed",
        HostError::Deadline { .. } => "deadline",
        HostError::Nonsense { .. } => "nonsense",
        HostError::Fenced { .. } => "fenced",
        HostError::Lost { .. } => "lost",
        HostError::Uncontracted { .. } => "uncontracted",
        HostError::Unguarded { .. } => "unguarded",
    }
}
