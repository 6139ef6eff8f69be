//! Projects.

use crate::page::{list, patched, read};
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::unit::Unit;
use crate::{Store, Who};
use iaas::tenant::Page;
use model::project::{Project, ProjectSpec};
use model::{ProjectId, Version};
use serde_json::Value;

impl Store {
    pub async fn project_create(&self, spec: ProjectSpec) -> Answer<Project> {
        check(&spec)?;
        self.write(move |unit| {
            Box::pin(async move {
                unit.counters.project += 1;
                let (id, now) = (ProjectId(unit.counters.project), unit.now);
                let project = Project { id, spec, version: Version(1), created_at: now, updated_at: now };
                unit.projects.put(id, project.clone());
                Ok(project)
            })
        })
        .await
    }

    pub async fn project_read(&self, id: ProjectId) -> Answer<Project> {
        read(self.pool(), id.0).await?.ok_or_else(|| Refusal::not_found("project", id))
    }

    /// As this asker may see it.
    pub async fn project_read_as(&self, id: ProjectId, who: &Who) -> Answer<Project> {
        who.sees(id, "project", id)?;
        read(self.pool(), id.0).await?.ok_or_else(|| Refusal::not_yours("project", id))
    }

    pub async fn project_list(&self, cursor: Option<&str>, limit: Option<u32>) -> Answer<Page<Project>> {
        list(self.pool(), cursor, limit, |project: &Project| project.id.0).await
    }

    /// Those that this asker may see: a tenant's is one.
    pub async fn project_list_as(&self, who: &Who, cursor: Option<&str>, limit: Option<u32>) -> Answer<Page<Project>> {
        match who.only() {
            Some(own) => Ok(Page { items: read(self.pool(), own.0).await?.into_iter().collect(), next: None }),
            None => self.project_list(cursor, limit).await,
        }
    }

    /// A JSON merge patch. Refused with `ETAG_MISMATCH`, `SPEC_INVALID`.
    pub async fn project_change(&self, id: ProjectId, version: Version, patch: &Value) -> Answer<Project> {
        let patch = patch.clone();
        self.write(move |unit| {
            Box::pin(async move {
                let mut project = unit.project(id).await?.ok_or_else(|| Refusal::not_found("project", id))?;
                if project.version != version {
                    return Err(Refusal::etag(format_args!("project {id}"), project.version, version));
                }
                project.spec = patched(&project.spec, &patch)?;
                check(&project.spec)?;
                project.version.0 += 1;
                project.updated_at = unit.now;
                unit.projects.put(id, project.clone());
                Ok(project)
            })
        })
        .await
    }

    /// Refused with `IN_USE` while any of its resources is not closed.
    pub async fn project_delete(&self, id: ProjectId) -> Answer<()> {
        self.write(move |unit| Box::pin(async move { unit.project_delete(id).await })).await
    }
}

impl Unit {
    async fn project_delete(&mut self, id: ProjectId) -> Answer<()> {
        self.flush().await?;
        self.project(id).await?.ok_or_else(|| Refusal::not_found("project", id))?;
        let mut line = Line::default();
        line.int(id.0);
        let sql = "SELECT id FROM resources WHERE project_id = $1 AND state <> 'closed' ORDER BY id LIMIT 4";
        let users = self.numbers(sql, line).await?;
        check_unused("project", id.0, &users)?;
        let mut line = Line::default();
        line.int(id.0);
        self.execute("DELETE FROM projects WHERE id = $1", line).await?;
        self.projects.forget(&id);
        Ok(())
    }
}

fn check(spec: &ProjectSpec) -> Answer<()> {
    let name = spec.name.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err(Refusal::spec("name is 1 to 80 characters, none of them a control character"));
    }
    Ok(())
}

/// `users` are ids of resources, at most four of them.
pub(crate) fn check_unused(what: &str, id: i64, users: &[i64]) -> Answer<()> {
    if users.is_empty() {
        return Ok(());
    }
    let mut names: Vec<_> = users.iter().take(3).map(ToString::to_string).collect();
    if users.len() > 3 {
        names.push("more".into());
    }
    Err(Refusal::in_use(what, id, format_args!("resource {}", names.join(", "))))
}
