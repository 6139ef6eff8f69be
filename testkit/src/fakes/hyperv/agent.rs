//! The agent's side of a connection: the lines that the real one would say to the lines that it is sent.

use super::faults::{Process, What};
use super::pipeline::{self, Outcome};
use super::world::World;
use super::{locks, paths};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cmdlets::{Hello, Problem, Reply, Request};
use std::path::Path;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing more was asked.
    Asked,
    /// It was cut; the process went with it, or carried on to the end of the request.
    Cut(Process),
    /// What came was not the agent that is known: nothing of it ran.
    Unknown,
    /// The agent fell over a module that is not there.
    NoModule,
}

/// Answers until there is nothing more to answer. `aside` is stderr.
pub async fn serve(
    folder: &Path,
    from: impl AsyncBufRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut aside: impl AsyncWrite + Unpin,
) -> std::io::Result<End> {
    let mut lines = from.lines();
    let first = lines.next_line().await?.unwrap_or_default();
    if BASE64_STANDARD.decode(first.trim_end()).ok().as_deref() != Some(hosts::powershell::AGENT.as_bytes()) {
        World::open(folder, 0).refused("what came first on stdin is not the agent");
        return Ok(End::Unknown);
    }
    if World::open(folder, 0).state.lacks_module {
        aside.write_all(NO_MODULE.as_bytes()).await?;
        aside.flush().await?;
        return Ok(End::NoModule);
    }
    let session = begin(folder);
    let ended = Session { folder, number: session.0 };
    say(&mut to, &session.1).await?;
    while let Some(line) = lines.next_line().await? {
        let Ok(request) = serde_json::from_str::<Request>(&line) else {
            World::open(folder, session.0).refused("a line is no request");
            return Ok(End::Unknown);
        };
        let mut puts = Vec::new();
        for _ in 0..request.puts() {
            let Some(line) = lines.next_line().await? else { return Ok(End::Asked) };
            puts.push(BASE64_STANDARD.decode(line.trim_end()).unwrap_or_default());
        }
        // Files are slow beside leases: not on a thread that others need.
        let (own, number) = (folder.to_owned(), session.0);
        let work = tokio::task::spawn_blocking(move || answer(&own, number, &request, &puts));
        let (reply, fault) = work.await.map_err(std::io::Error::other)?;
        match fault {
            None => say(&mut to, &reply).await?,
            Some(What::Cut(_, process)) => {
                drop(ended);
                return Ok(End::Cut(process));
            }
            Some(What::Reboot(_)) => return Ok(End::Cut(Process::Dies)),
            // Until whoever waits goes away.
            Some(What::Silence(_)) => while lines.next_line().await?.is_some() {},
            Some(What::Torn) => {
                let text = serde_json::to_string(&reply).unwrap_or_default();
                to.write_all(format!("\n{}", &text[..text.len() / 2]).as_bytes()).await?;
                to.flush().await?;
                return Ok(End::Cut(Process::Dies));
            }
            Some(What::Noise(noise)) => {
                to.write_all(format!("{noise}\n").as_bytes()).await?;
                say(&mut to, &reply).await?;
                to.write_all(format!("{noise}\n").as_bytes()).await?;
                to.flush().await?;
            }
            Some(What::Clixml) => {
                aside.write_all(CLIXML.as_bytes()).await?;
                aside.flush().await?;
                say(&mut to, &reply).await?;
            }
            Some(What::Error(..) | What::JobFails(_) | What::Full) => say(&mut to, &reply).await?,
        }
    }
    Ok(End::Asked)
}

pub const NO_MODULE: &str = "Import-Module : The specified module 'Hyper-V' was not loaded because no valid module file was \
    found in any module directory.\n";

pub const CLIXML: &str = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\
    <Obj S=\"progress\" RefId=\"0\"><MS><I64 N=\"SourceId\">1</I64><PR N=\"Record\"><AV>Preparing modules for first use.\
    </AV></PR></MS></Obj></Objs>";

/// The process's own things go with it.
struct Session<'a> {
    folder: &'a Path,
    number: u64,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // The test's folder may be gone before the last connection.
        if self.folder.is_dir() {
            let mut world = World::open(self.folder, self.number);
            world.end_session(self.number);
            world.save();
        }
    }
}

fn begin(folder: &Path) -> (u64, Reply) {
    let mut world = World::open(folder, 0);
    let session = world.next_session();
    world.save();
    let hello = Hello {
        version: "5.1.20348.558".into(),
        os: Hello::SIMULATED.into(),
        culture: "de-DE".into(),
        // Files have the real clock's time.
        now: jiff::Timestamp::now().to_string(),
        modules: vec!["Hyper-V 2.0.0.0".into(), "Storage 2.0.0.0".into()],
    };
    let row = serde_json::to_value(hello).ok().and_then(|row| row.as_object().cloned());
    (session, Reply { id: 0, ok: true, rows: row.into_iter().collect(), problem: None })
}

/// Under the locks that it names, which are let go with its end.
fn answer(folder: &Path, session: u64, request: &Request, puts: &[Vec<u8>]) -> (Reply, Option<What>) {
    let mut world = World::open(folder, session);
    let id = request.id;
    let said = |problem: Problem| Reply { id, ok: false, rows: Vec::new(), problem: Some(problem) };
    let held: Result<Vec<_>, _> =
        request.fences.iter().map(|held| locks::hold(&paths::real(&world.root, &held.path), held)).collect();
    let held = match held {
        Ok(held) => held,
        Err(problem) => return (said(problem), None),
    };
    let Outcome { answer, fault } = pipeline::run(&mut world, request, puts);
    drop(held);
    match answer {
        Ok(rows) => (Reply { id, ok: true, rows, problem: None }, fault),
        Err(problem) => (said(problem), fault),
    }
}

async fn say(to: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> std::io::Result<()> {
    let text = serde_json::to_string(reply).expect("a reply is JSON");
    to.write_all(format!("\n{text}\n").as_bytes()).await?;
    to.flush().await
}
