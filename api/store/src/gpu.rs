//! Gpus follow their VM: how they are changed depends on its state, and without one there is nothing on any host.

use crate::ask::Ask;
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use crate::{Store, Who};
use model::{ResourceId, ResourceType, State};

impl Store {
    /// Closes the record of a device that no VM has; refused with `IN_USE` while one has it, and with `STATE_NOT_ALLOWED`
    /// while it is at work.
    pub async fn gpu_delete(&self, id: ResourceId, who: &Who) -> Answer<()> {
        let (resource_type, who) = (ResourceType::Gpu, who.clone());
        let ask = Ask { id, resource_type, who, traceparent: None, dry_run: false, remove_subtree: None };
        self.write(move |unit| Box::pin(async move { unit.gpu_delete(&ask).await })).await
    }
}

impl Unit {
    async fn gpu_delete(&mut self, ask: &Ask) -> Answer<()> {
        let mut row = self.own(ask).await?;
        let state = row.resource.state;
        if !is_at_rest(state) {
            return Err(Refusal::state(row.label(), state, Vec::new(), State::Closed));
        }
        let vm = match row.vm_id {
            Some(vm) => self.resource(vm).await?.filter(|vm| vm.resource.state != State::Closed),
            None => None,
        };
        if let Some(vm) = vm {
            return Err(Refusal::in_use("gpu", ask.id, vm.label()));
        }
        self.shift(&mut row, State::Closed, &ask.who.name, None).await?;
        self.put_resource(row);
        Ok(())
    }

    /// The state that the change of a gpu goes through: that of the VM that gets it, or has it. One that failed may be changed
    /// too, so that it can be taken back.
    pub async fn gpu_update(&mut self, row: &ResourceRow, next: &Wish) -> Answer<State> {
        let state = row.resource.state;
        if !is_at_rest(state) {
            return Err(Refusal::state(row.label(), state, Vec::new(), State::RunningUpdate));
        }
        let Some(id) = next.vm().or(row.vm_id) else {
            return Ok(State::RunningUpdate);
        };
        let vm = self.resource(id).await?.ok_or_else(|| Refusal::not_yours("vm", id))?;
        if vm.resource.server_id != row.resource.server_id {
            let (vm, own) = (&vm.resource, &row.resource.host);
            return Err(Refusal::spec(format_args!(
                "vm: {} stands on {}, the device is in {own}",
                vm.label(),
                vm.host
            )));
        }
        let is_off = matches!(vm.resource.state, State::Quiesced | State::Quiesce | State::Quiescing);
        Ok(if is_off { State::QuiescedUpdate } else { State::RunningUpdate })
    }
}

fn is_at_rest(state: State) -> bool {
    matches!(state, State::Running | State::Quiesced | State::Unresourced)
}
