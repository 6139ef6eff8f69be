//! What a project's VMs and its router have in common: segments and their numbers, and that the router hears of changes.

use crate::record::Line;
use crate::refusal::Answer;
use crate::rows::{ResourceRow, SegmentRow};
use crate::unit::Unit;
use crate::wish::Wish;
use model::vm::Nic;
use model::{ProjectId, ResourceId, ResourceType, SegmentId, State};

const ROUTER: &str = "SELECT id FROM resources WHERE project_id = $1 AND type = 'virtual_router' AND state <> 'closed' \
                      AND (pair_id IS NULL OR pair_id = id)";

impl Unit {
    /// Numbers the segments that a wish names; whatever stood there is not believed.
    pub async fn number_segments(&mut self, wish: &mut Wish, project: ProjectId) -> Answer<()> {
        for (name, id) in wish.segments() {
            *id = Some(self.segment(project, name).await?);
        }
        Ok(())
    }

    async fn segment(&mut self, project_id: ProjectId, name: &str) -> Answer<SegmentId> {
        let key = (project_id, name.to_owned());
        if let Some(known) = self.segments.get(&key) {
            return Ok(known.id);
        }
        let mut line = Line::default();
        line.int(project_id.0);
        line.text(name);
        let stored = self.select::<SegmentRow>("WHERE t.project_id = $1 AND t.name = $2", line).await?.pop();
        if let Some(row) = stored {
            let id = row.id;
            self.segments.hold(key, row);
            return Ok(id);
        }
        self.counters.segment += 1;
        let id = SegmentId(self.counters.segment);
        self.segments.put(key, SegmentRow { project_id, name: name.to_owned(), id });
        Ok(id)
    }

    /// The project's router, while it is not closed.
    pub async fn router(&mut self, project: ProjectId) -> Answer<Option<ResourceId>> {
        let is_it = |row: &&ResourceRow| {
            let router = row.resource_type() == ResourceType::VirtualRouter && row.resource.project_id == project;
            router && row.resource.state != State::Closed && !row.is_standby()
        };
        if let Some(row) = self.resources.unstored().find(is_it) {
            return Ok(Some(row.resource.id));
        }
        let mut line = Line::default();
        line.int(project.0);
        let stored = self.numbers(ROUTER, line).await?.first().copied().map(ResourceId);
        let Some(id) = stored else { return Ok(None) };
        // It may have been closed since it was stored.
        Ok(self.resource(id).await?.filter(|row| is_it(&row)).map(|_| id))
    }

    /// Nics that a VM was to have, or had, and those that it has.
    pub async fn tell_router_of(&mut self, row: &ResourceRow, other: &str, by: &str) -> Answer<()> {
        let (now, other) = (&row.resource.spec, Wish::from_text(row.resource_type(), other)?);
        let now = Wish::from_text(row.resource_type(), now)?;
        if now.nics() == other.nics() {
            return Ok(());
        }
        self.tell_router(row.resource.project_id, &[now.nics(), other.nics()].concat(), by).await
    }

    /// A VM's nics have come, changed or gone: a router that runs is updated, any other once it runs.
    pub async fn tell_router(&mut self, project: ProjectId, nics: &[Nic], by: &str) -> Answer<()> {
        if nics.is_empty() {
            return Ok(());
        }
        let Some(id) = self.router(project).await? else { return Ok(()) };
        let Some(row) = self.resource(id).await? else { return Ok(()) };
        let mut wish = Wish::from_text(ResourceType::VirtualRouter, &row.resource.spec)?;
        if !wish.segments().iter().any(|(name, _)| nics.iter().any(|nic| nic.segment == *name)) {
            return Ok(());
        }
        let standbys = self.standbys(id).await?;
        for mut row in [row].into_iter().chain(standbys) {
            if row.resource.state == State::Running {
                self.make_as_wished(row, by).await?;
            } else {
                row.stale = true;
                self.put_resource(row);
            }
        }
        Ok(())
    }
}
