//! Backups: when they expire, and which servers can read them.

use crate::journal::Request;
use crate::limits::later;
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use errors::{Fault, iaas as codes};
use model::backup::{BackupSpec, Repository};
use model::resource::Resource;
use model::server::ServerSpec;
use model::server::backup::Place;
use model::{Moment, ProjectId, ResourceId, ResourceType, ServerId, State, states};

impl Unit {
    /// Of a VM that is made from a backup: the server that has it, where the VM stands unless it names another. Refused
    /// when the backup is another project's, is not whole, or cannot be read from where the VM is to stand.
    pub async fn restored(&mut self, wish: &Wish, project: ProjectId) -> Answer<Option<ServerId>> {
        let Some(id) = wish.backup() else { return Ok(None) };
        let row = self.resource(id).await?;
        let row = row.filter(|row| row.resource_type() == ResourceType::Backup && row.resource.project_id == project);
        let backup: Resource<BackupSpec> = row.ok_or_else(|| Refusal::not_yours("backup", id))?.shown()?;
        if backup.state != State::Running {
            return Err(Fault::new(&codes::BACKUP_UNUSABLE).hole("backup", id).hole("state", backup.state).into());
        }
        if let Some(named) = wish.server().filter(|named| *named != backup.server_id) {
            self.check_reach(id, backup.spec.repository, backup.server_id, named)?;
        }
        Ok(Some(backup.server_id))
    }

    /// A folder of one server is no other's; a repository on a third machine is everybody's whose settings name it.
    fn check_reach(&self, id: ResourceId, which: Repository, has: ServerId, wants: ServerId) -> Answer<()> {
        let place = |server: ServerId| self.servers.get(&server).and_then(|row| place(&row.server.spec, which));
        match (place(has), place(wants)) {
            (Some(has), Some(wants)) if has == wants && matches!(Place::read(has), Ok(Place::Ssh { .. })) => Ok(()),
            _ => {
                let name = |server: ServerId| self.servers.get(&server).map(|row| row.server.spec.name.clone());
                let fault = Fault::new(&codes::BACKUP_OUT_OF_REACH).hole("backup", id);
                let fault = fault.hole("has", name(has).unwrap_or_default());
                Err(fault.hole("server", name(wants).unwrap_or_else(|| wants.to_string())).into())
            }
        }
    }

    /// When a resource that came to rest here is scrubbed by itself.
    pub fn expiry(&self, resource: &ResourceRow, into: State) -> Answer<Option<Moment>> {
        if resource.resource_type() != ResourceType::Backup || into != State::Running {
            return Ok(None);
        }
        let hours = Wish::from_text(ResourceType::Backup, &resource.resource.spec)?.valid_hours();
        Ok(hours.map(|hours| later(self.now, i64::from(hours) * 3600)))
    }

    /// A backup whose time is over: its scrub begins. Its files may stay for those that stand on it; that is the driver's.
    pub async fn expire(&mut self, mut row: ResourceRow) -> Answer<bool> {
        let due = row.scrub_due_at.is_some_and(|due| due <= self.now) && row.resource.state == State::Running;
        let found = states::row(row.resource.kind, State::Scrub).filter(|_| due);
        let Some(found) = found else { return Ok(false) };
        let by = "retention";
        let request = Request { by: by.into(), from: Some(State::Running), traceparent: None, dry_run: false };
        let mut task = self.new_task(&row, found.verb, request).await?;
        row.scrub_due_at = None;
        row.resource.task_id = Some(task.task.id);
        self.shift(&mut row, State::Scrub, by, Some(&task.task)).await?;
        self.queue(&mut task, &row, None);
        self.put_resource(row);
        self.put_task(task);
        Ok(true)
    }
}

fn place(server: &ServerSpec, which: Repository) -> Option<&str> {
    let settings = &server.settings.backup;
    match which {
        Repository::Primary => settings.primary.as_deref(),
        Repository::Secondary => settings.secondary.as_deref(),
    }
}
