//! Reading resources and their history.

use crate::page::{Cut, Where, read};
use crate::pair::show_standby;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, Told};
use crate::unit::select;
use crate::wish::Wish;
use crate::{Store, Who};
use iaas::tenant::{Page, ResourceFilter};
use model::history::HistoryRecord;
use model::resource::{Resource, Spec};
use model::{ResourceId, ResourceType, State};

impl Store {
    pub async fn resource_read<S: Spec>(&self, id: ResourceId, who: &Who) -> Answer<Resource<S>> {
        let row = self.resource_row(S::TYPE, id, who).await?;
        let mut shown = row.shown()?;
        if row.pair_id == Some(id)
            && let Some(second) = Wish::from_text(S::TYPE, &row.resource.spec)?.pair().and_then(|pair| pair.second)
            && let Some(standby) = read::<ResourceRow>(self.pool(), second.0).await?
        {
            show_standby(&mut shown.facts, &standby, &row.resource.spec);
        }
        Ok(shown)
    }

    /// Without closed ones, unless they are asked for.
    pub async fn resource_list<S: Spec>(&self, filter: &ResourceFilter, who: &Who) -> Answer<Page<Resource<S>>> {
        let cut = Cut::of(filter.cursor.as_deref(), filter.limit)?;
        let mut list = Where::after(&cut);
        list.text("type", Some(S::TYPE.word()));
        list.number("project_id", filter.project.map(|id| id.0));
        list.number("project_id", who.only().map(|id| id.0));
        list.text("state", filter.state.map(State::word));
        list.text("host", filter.host.as_deref());
        list.text("name", filter.name.as_deref());
        if !filter.closed && filter.state.is_none() {
            list.sql.push_str(" AND t.state <> 'closed'");
        }
        let (tail, line) = list.limit(&cut);
        let rows: Vec<ResourceRow> = select(self.pool(), &tail, line).await?;
        let shown: Vec<Resource<S>> = rows.iter().map(ResourceRow::shown).collect::<Answer<_>>()?;
        Ok(cut.page(shown, |resource| resource.id.0))
    }

    /// Every change of state, oldest first.
    pub async fn resource_history(
        &self,
        resource_type: ResourceType,
        id: ResourceId,
        who: &Who,
    ) -> Answer<Vec<HistoryRecord>> {
        self.resource_row(resource_type, id, who).await?;
        let mut line = Line::default();
        line.int(id.0);
        let rows: Vec<Told> = select(self.pool(), "WHERE t.resource_id = $1 ORDER BY t.id", line).await?;
        Ok(rows.into_iter().map(|row| row.record).collect())
    }

    async fn resource_row(&self, resource_type: ResourceType, id: ResourceId, who: &Who) -> Answer<ResourceRow> {
        let row: Option<ResourceRow> = read(self.pool(), id.0).await?;
        let row = row.filter(|row| row.resource_type() == resource_type);
        let row = row.ok_or_else(|| Refusal::not_yours(resource_type, id))?;
        who.sees(row.resource.project_id, resource_type, id)?;
        Ok(row)
    }
}
