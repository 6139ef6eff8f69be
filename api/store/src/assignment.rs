//! All that a worker needs to carry a task out.

use crate::page::read;
use crate::record::{Line, Reader, Record};
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, ServerRow, TaskRow};
use crate::step::fill;
use crate::unit::select;
use crate::wish::Wish;
use crate::{Store, Who};
use iaas::fleet::{Assignment, Related};
use model::image::Image;
use model::project::Project;
use model::resource::Resource;
use model::snapshot::SnapshotSpec;
use model::vm::{Neighbour, Vm, VmSpec};
use model::{ResourceId, ResourceType, TaskId, Verb};
use serde_json::Value;
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
        resource.vm_id = wish.vm().or(resource.vm_id);
        let related = self.related(&resource, task.task.verb).await?;
        fill(self.pool(), std::slice::from_mut(&mut task)).await?;
        let (vm_id, backup_id) = (resource.vm_id, wish.backup());
        let resource = resource.plain().with(wish.to_value()?);
        let vm = self.companion_of(vm_id).await?;
        let backup = match backup_id {
            Some(id) => read::<ResourceRow>(self.pool(), id.0).await?.map(|row| row.shown()).transpose()?,
            None => None,
        };
        let neighbours = self.neighbours(&resource).await?;
        Ok(Assignment { task: task.task, resource, project, server, image, related, vm, backup, neighbours })
    }

    async fn related(&self, resource: &ResourceRow, verb: Verb) -> Answer<Vec<Related>> {
        let mut line = Line::default();
        let sql = match resource.resource_type() {
            ResourceType::Vm => {
                line.int(resource.resource.project_id.0);
                line.int(resource.resource.id.0);
                "SELECT id, type, state, CASE WHEN type = 'snapshot' THEN spec END FROM resources WHERE (project_id = $1 AND type = 'virtual_router' \
                 OR vm_id = $2 AND type <> 'backup') AND state <> 'closed' ORDER BY id LIMIT $3"
            }
            ResourceType::VirtualRouter if matches!(verb, Verb::Scrub | Verb::Scrubprep) => {
                line.int(resource.resource.project_id.0);
                "SELECT id, type, state, CASE WHEN type = 'snapshot' THEN spec END FROM resources WHERE project_id = $1 AND type = 'vm' AND state <> 'closed' \
                 ORDER BY id LIMIT $2"
            }
            ResourceType::VirtualRouter => return Ok(Vec::new()),
            ResourceType::Snapshot | ResourceType::Backup | ResourceType::Ceph | ResourceType::Gpu => {
                let Some(vm) = resource.vm_id else { return Ok(Vec::new()) };
                line.int(vm.0);
                line.int(resource.resource.id.0);
                "SELECT id, type, state, CASE WHEN type = 'snapshot' THEN spec END FROM resources WHERE (id = $1 OR vm_id = $1 AND id <> $2) AND state <> 'closed' \
                 ORDER BY id LIMIT $3"
            }
        };
        line.int(MOST);
        let rows = sqlx::query_with(sql, line.arguments).fetch_all(self.pool()).await?;
        let one = |row| {
            let mut from = Reader::new(row);
            let (id, resource_type, state) = (ResourceId(from.int()?), from.word()?, from.word()?);
            let snapshot: Option<SnapshotSpec> = from.maybe_json()?;
            Ok(Related { id, resource_type, state, parent: snapshot.and_then(|snapshot| snapshot.parent) })
        };
        rows.iter().map(one).collect()
    }

    async fn companion_of(&self, vm: Option<ResourceId>) -> Answer<Option<Vm>> {
        let Some(vm) = vm else { return Ok(None) };
        read::<ResourceRow>(self.pool(), vm.0).await?.map(|row| row.shown()).transpose()
    }

    /// Of a router, what it must know of its project's VMs.
    async fn neighbours(&self, resource: &Resource<Value>) -> Answer<Vec<Neighbour>> {
        if resource.kind.resource_type() != ResourceType::VirtualRouter {
            return Ok(Vec::new());
        }
        let mut line = Line::default();
        line.int(resource.project_id.0);
        let tail = "WHERE t.project_id = $1 AND t.type = 'vm' AND t.state <> 'closed' ORDER BY t.id";
        let rows: Vec<ResourceRow> = select(self.pool(), tail, line).await?;
        let vms = rows.iter().map(ResourceRow::shown::<VmSpec>).collect::<Answer<Vec<Vm>>>()?;
        Ok(vms.into_iter().map(|vm| Neighbour { id: vm.id, name: vm.name, nics: vm.spec.nics }).collect())
    }
}
