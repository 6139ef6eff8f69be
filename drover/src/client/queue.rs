//! `drover queue`: the dead letters, at the broker itself.

use crate::out::{Out, pairs};
use clap::Subcommand;
use errors::Fault;
use queue::DeadLetter;
use service::config::Config;

#[derive(Debug, Subcommand)]
pub enum Queue {
    /// Messages that could not be taken, with the reason
    #[command(subcommand)]
    Dead(Dead),
}

#[derive(Debug, Subcommand)]
pub enum Dead {
    List {
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    Show {
        id: String,
    },
    /// Put it back onto its host's queue
    Redrive {
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// The queue that the configuration names: the broker, or the embedded one in its folder.
pub async fn open(config: &Config) -> Result<queue::Queue, Fault> {
    match &config.queue.url {
        Some(url) => queue::Queue::rabbitmq(url.clone()).await,
        None => {
            let reason =
                "queue.url is not set; the embedded queue's dead letters are shown by the process that runs it";
            Err(Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", reason))
        }
    }
}

fn text(letter: &DeadLetter) -> String {
    pairs(&[
        ("id", letter.id.clone()),
        ("host", letter.host.clone()),
        ("reason", letter.reason.clone()),
        ("body", letter.body.clone()),
    ])
}

pub async fn run(out: Out, config: &Config, command: Queue) -> anyhow::Result<()> {
    let queue = open(config).await?;
    let Queue::Dead(command) = command;
    match command {
        Dead::List { limit } => {
            let letters = queue.dead_list(limit).await?;
            out.list(&letters, &["id", "host", "reason"], |letter| {
                vec![letter.id.clone(), letter.host.clone(), letter.reason.clone()]
            })
        }
        Dead::Show { id } => out.document(&queue.dead_show(&id).await?, text),
        Dead::Redrive { id: Some(id), .. } => {
            queue.dead_redrive(&id).await?;
            redriven(out, vec![id])
        }
        Dead::Redrive { id: None, .. } => {
            let letters = queue.dead_list(usize::MAX).await?;
            for letter in &letters {
                queue.dead_redrive(&letter.id).await?;
            }
            redriven(out, letters.into_iter().map(|letter| letter.id).collect())
        }
    }
}

fn redriven(out: Out, ids: Vec<String>) -> anyhow::Result<()> {
    out.document(&serde_json::json!({ "redriven": ids }), |_| format!("redriven: {}", ids.join(", ")))
}
