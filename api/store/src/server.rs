//! Servers.

use crate::Store;
use crate::limits::later;
use crate::page::{list, patched, read};
use crate::project::check_unused;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::ServerRow;
use crate::unit::Unit;
use errors::{Fault, iaas as codes};
use iaas::tenant::Page;
use model::server::{Capacity, Server, ServerSpec};
use model::{ServerId, Version};
use serde_json::Value;

impl Store {
    /// Refused with `NAME_TAKEN`, `SPEC_INVALID`.
    pub async fn server_create(&self, spec: ServerSpec) -> Answer<Server> {
        spec.check().map_err(Refusal::spec)?;
        self.write(move |unit| Box::pin(async move { unit.server_create(spec) })).await
    }

    pub async fn server_read(&self, id: ServerId) -> Answer<Server> {
        let row: Option<ServerRow> = read(self.pool(), id.0).await?;
        row.map(|row| row.server).ok_or_else(|| Refusal::not_found("server", id))
    }

    pub async fn server_list(&self, cursor: Option<&str>, limit: Option<u32>) -> Answer<Page<Server>> {
        let page = list(self.pool(), cursor, limit, |row: &ServerRow| row.server.id.0).await?;
        Ok(Page { items: page.items.into_iter().map(|row| row.server).collect(), next: page.next })
    }

    /// A JSON merge patch. Name and type stay as they are: queues, locks and resources carry them. Refused with
    /// `ETAG_MISMATCH`, and with `SPEC_INVALID` when it would hold less than is claimed of it.
    pub async fn server_change(&self, id: ServerId, version: Version, patch: &Value) -> Answer<Server> {
        let patch = patch.clone();
        self.write(move |unit| Box::pin(async move { unit.server_change(id, version, &patch) })).await
    }

    /// Refused with `IN_USE` while any resource on it is not closed.
    pub async fn server_delete(&self, id: ServerId) -> Answer<()> {
        self.write(move |unit| Box::pin(async move { unit.server_delete(id).await })).await
    }
}

impl Unit {
    fn server_create(&mut self, spec: ServerSpec) -> Answer<Server> {
        if self.servers.iter().any(|row| row.server.spec.name == spec.name) {
            return Err(Fault::new(&codes::NAME_TAKEN).hole("what", "server").hole("name", &spec.name).into());
        }
        self.counters.server += 1;
        let server = Server {
            id: ServerId(self.counters.server),
            spec,
            used: Capacity::default(),
            worker: None,
            version: Version(1),
            created_at: self.now,
            updated_at: self.now,
        };
        let survey_at = later(self.now, self.limits.survey_secs);
        self.put_server(ServerRow { server: server.clone(), touched: 0, survey_at });
        Ok(server)
    }

    fn server_change(&mut self, id: ServerId, version: Version, patch: &Value) -> Answer<Server> {
        let mut row = self.servers.get(&id).cloned().ok_or_else(|| Refusal::not_found("server", id))?;
        if row.server.version != version {
            return Err(Refusal::etag(format_args!("server {id}"), row.server.version, version));
        }
        let next: ServerSpec = patched(&row.server.spec, patch)?;
        next.check().map_err(Refusal::spec)?;
        if next.name != row.server.spec.name || next.server_type != row.server.spec.server_type {
            return Err(Refusal::spec("name and type of a server cannot be changed"));
        }
        let Capacity { cores, ram_mb, gb } = row.server.used;
        let amounts =
            [("cores", u64::from(cores), u64::from(next.cores)), ("ram_mb", ram_mb, next.ram_mb), ("gb", gb, next.gb)];
        for (name, used, total) in amounts {
            if used > total {
                return Err(Refusal::spec(format_args!("{name} cannot be {total}: {used} are in use")));
            }
        }
        row.server.spec = next;
        row.server.version.0 += 1;
        row.server.updated_at = self.now;
        let server = row.server.clone();
        self.put_server(row);
        Ok(server)
    }

    async fn server_delete(&mut self, id: ServerId) -> Answer<()> {
        self.flush().await?;
        let row = self.servers.get(&id).ok_or_else(|| Refusal::not_found("server", id))?;
        let mut line = Line::default();
        line.text(&row.server.spec.name);
        let sql = "SELECT id FROM resources WHERE host = $1 AND state <> 'closed' ORDER BY id LIMIT 4";
        let users = self.numbers(sql, line).await?;
        check_unused("server", id.0, &users)?;
        let mut line = Line::default();
        line.int(id.0);
        self.execute("DELETE FROM servers WHERE id = $1", line).await?;
        self.errands_forget(id).await?;
        self.servers.forget(&id);
        // Other processes read all servers again: what is gone is not found among what was touched.
        self.counters.fleet += 1;
        Ok(())
    }
}
