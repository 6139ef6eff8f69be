//! All that a worker needs to carry a task out, in two statements.

use crate::record::{Line, Reader, Record};
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, ServerRow, TaskRow};
use crate::step::fill;
use crate::wish::Wish;
use crate::{Store, Who};
use iaas::fleet::{Assignment, Related};
use model::image::Image;
use model::project::Project;
use model::{ResourceId, ResourceType, TaskId, Verb};
use sqlx::AssertSqlSafe;
use std::sync::{Arc, LazyLock};

/// How many related resources an assignment names.
const MOST: i64 = 1000;

static SQL: LazyLock<Arc<str>> = LazyLock::new(|| {
    let columns = [
        TaskRow::TABLE.select("t"),
        ResourceRow::TABLE.select("r"),
        Project::TABLE.select("p"),
        ServerRow::TABLE.select("s"),
        Image::TABLE.select("i"),
    ];
    let sql = format!(
        "SELECT {} FROM tasks t JOIN resources r ON r.id = t.resource_id JOIN projects p ON p.id = t.project_id \
         JOIN servers s ON s.id = t.server_id LEFT JOIN images i ON i.id = r.image_id WHERE t.id = $1",
        columns.join(", ")
    );
    sql.into()
});

impl Store {
    /// Refused with `NOT_FOUND`, and with `HOST_FORBIDDEN` when the worker's token does not cover the task's host.
    pub async fn assignment(&self, id: TaskId, who: &Who) -> Answer<Assignment> {
        let mut line = Line::default();
        line.int(id.0);
        let sql = AssertSqlSafe(Arc::clone(&SQL));
        let row = sqlx::query_with(sql, line.arguments).fetch_optional(self.pool()).await?;
        let row = row.ok_or_else(|| Refusal::not_found("task", id))?;
        let mut from = Reader::new(&row);
        let mut task = TaskRow::read(&mut from)?;
        let mut resource = ResourceRow::read(&mut from)?;
        let project = Project::read(&mut from)?;
        let server = ServerRow::read(&mut from)?.server;
        let image = from.maybe_record::<Image>()?;
        who.serves(&task.task.host)?;

        if task.task.dry_run {
            resource.resource.state = task.row()?.found;
            resource.resource.spec = task.dry_spec.take().unwrap_or(resource.resource.spec);
        }
        let wish = Wish::from_text(resource.resource_type(), &resource.resource.spec)?;
        let related = self.related(&resource, &wish, task.task.verb).await?;
        fill(self.pool(), std::slice::from_mut(&mut task)).await?;
        let resource = resource.plain().with(wish.to_value()?);
        Ok(Assignment { task: task.task, resource, project, server, image, related })
    }

    async fn related(&self, resource: &ResourceRow, wish: &Wish, verb: Verb) -> Answer<Vec<Related>> {
        let mut line = Line::default();
        let sql = match resource.resource_type() {
            ResourceType::Vm => {
                line.int(resource.resource.project_id.0);
                "SELECT id, type, state FROM resources WHERE project_id = $1 AND type = 'virtual_router' \
                 AND state <> 'closed' ORDER BY id LIMIT $2"
            }
            ResourceType::VirtualRouter if matches!(verb, Verb::Scrub | Verb::Scrubprep) => {
                line.int(resource.resource.project_id.0);
                "SELECT id, type, state FROM resources WHERE project_id = $1 AND type = 'vm' AND state <> 'closed' \
                 ORDER BY id LIMIT $2"
            }
            ResourceType::VirtualRouter => return Ok(Vec::new()),
            ResourceType::Snapshot | ResourceType::Backup | ResourceType::Ceph | ResourceType::Gpu => {
                let Some(vm) = wish.vm() else { return Ok(Vec::new()) };
                line.int(vm.0);
                "SELECT id, type, state FROM resources WHERE id = $1 LIMIT $2"
            }
        };
        line.int(MOST);
        let rows = sqlx::query_with(sql, line.arguments).fetch_all(self.pool()).await?;
        let one = |row| {
            let mut from = Reader::new(row);
            Ok(Related { id: ResourceId(from.int()?), resource_type: from.word()?, state: from.word()? })
        };
        rows.iter().map(one).collect()
    }
}
