//! Backups: when they expire, and which servers can read them.

use crate::journal::Request;
use crate::limits::later;
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use errors::{Fault, iaas as codes};
use model::backup::{BackupSpec, Recorded, Repository, Verified};
use model::errand::{Errand, What};
use model::resource::Resource;
use model::server::backup::Place;
use model::server::{Server, ServerSpec};
use model::task::ErrorRecord;
use model::{Moment, ProjectId, ResourceId, ResourceType, ServerId, State, states};
use serde_json::Value;

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

    /// The errand that looks at a backup and at all that its record says it stands on.
    pub async fn verification(&mut self, id: ResourceId, which: Option<Repository>) -> Answer<(Server, What)> {
        let row = self.resource(id).await?.filter(|row| row.resource_type() == ResourceType::Backup);
        let backup: Resource<BackupSpec> = row.ok_or_else(|| Refusal::not_found("backup", id))?.shown()?;
        if backup.state != State::Running {
            let refused = Fault::new(&codes::BACKUP_UNVERIFIABLE).hole("backup", id);
            return Err(refused.hole("state", backup.state).into());
        }
        let mut chain = Vec::new();
        for id in stands_on(&backup).into_iter().chain([id]) {
            let facts = self.resource(id).await?.map(|row| row.resource.facts).unwrap_or_default();
            let sha256 = facts.get("sha256").and_then(Value::as_str).map(str::to_owned);
            chain.push(Recorded { backup: id, sha256 });
        }
        let server = self.servers.get(&backup.server_id).ok_or_else(|| Refusal::not_found("server", &backup.host))?;
        let (kind, vm, repository) = (backup.kind, backup.spec.vm, which.unwrap_or(backup.spec.repository));
        Ok((server.server.clone(), What::Verify { kind, vm, repository, chain }))
    }

    /// Each backup of the chain says when it was looked at, and whether it is damaged. What was found counts only while the
    /// backup is there: its scrub takes files away.
    pub async fn verified(&mut self, errand: &mut Errand, verified: Verified) -> Answer<()> {
        let (What::Verify { repository, .. }, Some(newest)) = (&errand.what, errand.what.verifies()) else {
            return Ok(());
        };
        let state = self.resource(newest).await?.map_or(State::Closed, |row| row.resource.state);
        if state != State::Running {
            let gone = Fault::new(&codes::BACKUP_UNVERIFIABLE).hole("backup", newest).hole("state", state);
            errand.error = Some(ErrorRecord::of(&gone, None, Some(&errand.host)));
            return Ok(());
        }
        for link in &verified.chain {
            let Some(mut row) = self.resource(link.backup).await? else { continue };
            let backup: Resource<BackupSpec> = row.shown()?;
            // Of a copy elsewhere the record says nothing.
            if backup.state != State::Running || backup.spec.repository != *repository {
                continue;
            }
            let facts = &mut row.resource.facts;
            facts.insert("verified_at".into(), self.now.to_string().into());
            facts.insert("damaged".into(), (!verified.restorable.contains(&link.backup)).into());
            self.put_resource(row);
        }
        errand.verified = Some(verified);
        Ok(())
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

/// The full one first, as its driver has told.
fn stands_on(backup: &Resource<BackupSpec>) -> Vec<ResourceId> {
    let chain = backup.facts.get("chain").and_then(Value::as_array);
    chain.into_iter().flatten().filter_map(Value::as_i64).map(ResourceId).collect()
}

fn place(server: &ServerSpec, which: Repository) -> Option<&str> {
    let settings = &server.settings.backup;
    match which {
        Repository::Primary => settings.primary.as_deref(),
        Repository::Secondary => settings.secondary.as_deref(),
    }
}
