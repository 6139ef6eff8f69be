//! `drover events`

use super::Session;
use crate::out::dash;
use clap::Args;
use futures::StreamExt;
use model::event::Event;
use model::{EventSeq, ProjectId};
use std::pin::pin;
use std::time::Duration;

#[derive(Args, Debug)]
pub struct Events {
    /// Only of this project
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// From after this event on; from the first when 0; from now on when left out
    #[arg(long, value_name = "SEQ")]
    after: Option<EventSeq>,
}

/// The pause before a broken connection is taken up again.
const PAUSE: Duration = Duration::from_secs(1);

fn line(event: &Event) -> String {
    format!(
        "{:>8}  {}  {:<16}  {} {}  {}  {}  {}",
        event.seq,
        event.at.strftime("%H:%M:%S%.3f"),
        event.event,
        event.kind,
        event.resource_id,
        event.state,
        dash(event.task_id.map(|task| format!("task {task}"))),
        event.note.as_deref().unwrap_or_default()
    )
}

/// Follows until it is interrupted; a broken connection is taken up again after the last event that was seen.
pub async fn run(session: &Session, command: Events) -> anyhow::Result<()> {
    let mut after = command.after;
    loop {
        let mut events = pin!(session.client.events(command.project, after).await?);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    after = Some(event.seq);
                    session.out.item(&event, line)?;
                }
                Err(failure) if failure.is_passing() => {
                    session.out.say(&format!("{failure}; going on after {}", dash(after)))
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
