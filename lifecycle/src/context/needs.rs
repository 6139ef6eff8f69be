//! What a verb waits for: others in their states.

use super::Context;
use crate::driver::Prerequisite;
use errors::Fault;
use iaas::fleet::Related;
use model::{ResourceId, ResourceType, State};

impl Context {
    /// Ready when the related resource of this type runs, also while it is being updated, or there is none; else a wait for
    /// it.
    pub fn needs_running<P>(&self, resource_type: ResourceType, plan: P) -> Prerequisite<P> {
        let runs = |state| matches!(state, State::Running | State::RunningUpdate | State::RunningUpdating);
        self.needs(resource_type, "running", runs, plan)
    }

    /// Ready when every related resource of this type is closed; else a wait for one that is not.
    pub fn needs_closed<P>(&self, resource_type: ResourceType, plan: P) -> Prerequisite<P> {
        self.needs(resource_type, "closed", |state| state == State::Closed, plan)
    }

    /// Ready when every related resource of this type but one is put aside, or could not be brought there; else a wait for
    /// one that is not.
    pub fn needs_put_aside<P>(&self, resource_type: ResourceType, but: Option<ResourceId>, plan: P) -> Prerequisite<P> {
        let is_aside = |state| {
            matches!(state, State::ScrubQueue | State::Scrubbing | State::Closed | State::Ignore | State::Unresourced)
        };
        let others = || self.related.iter().filter(|related| Some(related.id) != but);
        self.needs_of(others(), resource_type, "put aside", is_aside, plan)
    }

    /// Ready when nothing of this type is on the VM; else a wait for what is.
    pub fn needs_detached<P>(&self, resource_type: ResourceType, plan: P) -> Prerequisite<P> {
        self.needs(resource_type, "detached", |_| false, plan)
    }

    /// Ready when the VM runs or is quiesced; else a wait for it. One that is about to go is not worked on.
    pub fn needs_vm_at_rest<P>(&self, plan: P) -> Prerequisite<P> {
        let Some(vm) = &self.vm else {
            return Prerequisite::Refuse(Fault::new(&errors::driver::NO_VM).hole("verb", self.verb));
        };
        let is_going =
            matches!(vm.state, State::Scrub | State::ScrubPrep | State::ScrubQueue | State::Scrubbing | State::Closed);
        match vm.state {
            State::Running | State::Quiesced => Prerequisite::Ready(plan),
            state if is_going => {
                Prerequisite::Refuse(Fault::new(&errors::driver::VM_GOING).hole("vm", vm.id).hole("state", state))
            }
            state => Prerequisite::Wait {
                reason: format!("vm {} to be running or quiesced, it is {state}", vm.id),
                resource: Some(vm.id),
            },
        }
    }

    /// Ready when none of this type but the resource itself is at work on the VM. One that is only queued is not waited for:
    /// two would wait for each other.
    pub fn needs_idle(&self, resource_type: ResourceType, own: ResourceId) -> Prerequisite<()> {
        let at_work = self.related.iter().find(|other| {
            let is_at_work = matches!(other.state, State::Building | State::RunningUpdating | State::Scrubbing);
            other.resource_type == resource_type && other.id != own && is_at_work
        });
        match at_work {
            None => Prerequisite::Ready(()),
            Some(other) => Prerequisite::Wait {
                reason: format!("{resource_type} {} to be done, it is {}", other.id, other.state),
                resource: Some(other.id),
            },
        }
    }

    fn needs<P>(
        &self,
        resource_type: ResourceType,
        needed: &str,
        is_met: impl Fn(State) -> bool,
        plan: P,
    ) -> Prerequisite<P> {
        self.needs_of(self.related.iter(), resource_type, needed, is_met, plan)
    }

    fn needs_of<'a, P>(
        &self,
        mut related: impl Iterator<Item = &'a Related>,
        resource_type: ResourceType,
        needed: &str,
        is_met: impl Fn(State) -> bool,
        plan: P,
    ) -> Prerequisite<P> {
        let unmet = related.find(|related| related.resource_type == resource_type && !is_met(related.state));
        match unmet {
            None => Prerequisite::Ready(plan),
            Some(related) => Prerequisite::Wait {
                reason: format!("{resource_type} {} to be {needed}, it is {}", related.id, related.state),
                resource: Some(related.id),
            },
        }
    }
}
