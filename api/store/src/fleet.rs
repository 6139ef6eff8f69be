//! Workers and the servers that they serve.

use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::ServerRow;
use crate::unit::{Unit, select};
use crate::{Store, Who};
use model::server::{Server, WorkerReport};

impl Store {
    /// What a worker says of one of its hosts. Its moment is the store's: clocks of workers may be wrong.
    pub async fn worker_report(&self, host: &str, report: WorkerReport, who: &Who) -> Answer<Server> {
        who.serves(host)?;
        let host = host.to_owned();
        self.write(move |unit| Box::pin(async move { unit.report(&host, report).await })).await
    }

    /// The servers that a worker's token covers, in the order of ids.
    pub async fn worker_servers(&self, who: &Who) -> Answer<Vec<Server>> {
        let rows: Vec<ServerRow> = if who.covers("*") {
            select(self.pool(), "ORDER BY t.id", Line::default()).await?
        } else {
            let mut rows = Vec::new();
            for host in &who.hosts {
                let mut line = Line::default();
                line.text(host);
                rows.extend(select::<ServerRow>(self.pool(), "WHERE t.name = $1", line).await?);
            }
            rows.sort_by_key(|row| row.server.id);
            rows.dedup_by_key(|row| row.server.id);
            rows
        };
        Ok(rows.into_iter().map(|row| row.server).collect())
    }
}

impl Unit {
    async fn report(&mut self, host: &str, report: WorkerReport) -> Answer<Server> {
        let row = self.servers.iter().find(|row| row.server.spec.name == host).cloned();
        let mut row = row.ok_or_else(|| Refusal::not_found("server", host))?;
        row.server.worker = Some(WorkerReport { seen_at: self.now, ..report });
        self.survey_if_due(&mut row).await?;
        let server = row.server.clone();
        self.put_server(row);
        Ok(server)
    }
}
