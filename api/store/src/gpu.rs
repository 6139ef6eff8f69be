//! Gpus follow their VM: how they are changed depends on its state, and without one there is nothing on any host.

use crate::ask::Ask;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use crate::{Store, Who};
use errors::Fault;
use errors::iaas as codes;
use model::device::Device;
use model::{ResourceId, ResourceType, ServerId, State};

const OF_SERVER: &str =
    "SELECT id FROM resources WHERE server_id = $1 AND type = 'gpu' AND state <> 'closed' ORDER BY id";

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
        // One that failed may have failed because of the device.
        let gives_back = next.vm().is_none() && vm.resource.state == State::Unresourced;
        Ok(if is_off || gives_back { State::QuiescedUpdate } else { State::RunningUpdate })
    }
}

impl Unit {
    /// A device that its server may give, and that no other record names. What its worker has found there tells which devices
    /// come and go together; `own` is the record itself.
    pub async fn check_device(&mut self, server: ServerId, own: Option<ResourceId>, wish: &Wish) -> Answer<()> {
        let Wish::Gpu(gpu) = wish else { return Ok(()) };
        let Some(row) = self.servers.get(&server) else { return Ok(()) };
        let device = gpu.device;
        let spec = &row.server.spec;
        let found = row.server.worker.as_ref().map(|worker| worker.devices.clone()).unwrap_or_default();
        let refused = |entry| Fault::new(entry).hole("device", device).hole("host", &spec.name);
        let known = |device: Device| found.iter().find(|known| known.device == device);
        if !spec.settings.gpu.allows(device, known(device).map(|known| known.id.as_str())) {
            return Err(refused(&codes::DEVICE_NOT_ALLOWED).into());
        }
        let taken = refused(&codes::DEVICE_TAKEN);
        let group = |device| known(device)?.group;
        let is_share =
            |share, whole: Device| known(share).and_then(|share| share.parent).map(Device::Pci) == Some(whole);
        let is_beside = |other: Device| match (device.pci(), other.pci()) {
            (Some(one), Some(other)) => one.is_beside(&other),
            _ => false,
        };
        let together = |other| match (group(device), group(other)) {
            _ if other == device || is_share(other, device) || is_share(device, other) => true,
            (Some(one), Some(other)) => one == other,
            _ => is_beside(other),
        };
        for (id, other) in self.devices_of(server).await? {
            if Some(id) != own && together(other) {
                return Err(taken.hole("taken", format_args!("gpu {id}")).into());
            }
        }
        Ok(())
    }

    /// Every device of a server that a record names which is not closed.
    async fn devices_of(&mut self, server: ServerId) -> Answer<Vec<(ResourceId, Device)>> {
        let is_one = |row: &ResourceRow| {
            let is_open = row.resource.state != State::Closed;
            row.resource_type() == ResourceType::Gpu && row.resource.server_id == server && is_open
        };
        let mut line = Line::default();
        line.int(server.0);
        let stored = self.numbers(OF_SERVER, line).await?.into_iter().map(ResourceId);
        let unstored = self.resources.unstored().filter(|row| is_one(row)).map(|row| row.resource.id);
        let mut ids: Vec<ResourceId> = stored.chain(unstored).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::new();
        for id in ids {
            if let Some(row) = self.resource(id).await?.filter(is_one)
                && let Wish::Gpu(gpu) = Wish::from_text(ResourceType::Gpu, &row.resource.spec)?
            {
                found.push((id, gpu.device));
            }
        }
        Ok(found)
    }
}

fn is_at_rest(state: State) -> bool {
    matches!(state, State::Running | State::Quiesced | State::Unresourced)
}
