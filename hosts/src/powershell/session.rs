//! One agent at work: requests one after the other, each with its answer.

use super::line::FIRST;
use cmdlets::{Hello, Reply, Request};
use futures::future::BoxFuture;
use std::fmt::Write;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tracing::warn;

use crate::process::LONGEST_ANSWER;

/// How much of what is no answer is kept for the error.
const LONGEST_NOISE: usize = 4096;

/// The two ends of a line to an agent. What is dropped here ends the connection.
pub struct Pipes {
    pub to: Box<dyn AsyncWrite + Send + Unpin>,
    pub from: Box<dyn AsyncRead + Send + Unpin>,
    /// Comes soon after `from` has ended.
    pub ending: BoxFuture<'static, Ending>,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Of the agent's process; none when the connection was lost.
    pub status: Option<i32>,
    /// What was said on the way, for people.
    pub said: String,
}

/// Why there is no answer. The session is at its end.
#[derive(Debug)]
pub enum Broken {
    /// Whether anything was done is not known.
    Ended(Ending),
    Nonsense(String),
}

pub struct Session {
    to: Box<dyn AsyncWrite + Send + Unpin>,
    from: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    ending: BoxFuture<'static, Ending>,
    next: u64,
    /// What came beside the answers since the last one.
    noise: String,
    pub hello: Hello,
}

impl Session {
    /// Starts the agent, and waits until it has said what it is.
    pub async fn open(pipes: Pipes) -> Result<Self, Broken> {
        let nobody = Hello {
            version: String::new(),
            os: String::new(),
            culture: String::new(),
            now: String::new(),
            modules: Vec::new(),
        };
        let Pipes { to, from, ending } = pipes;
        let mut session = Self { to, from: BufReader::new(from), ending, next: 1, noise: String::new(), hello: nobody };
        let lines = format!("{}\n", *FIRST);
        let reply = session.exchange(0, lines.as_bytes()).await?;
        session.hello = Hello::of(&reply).ok_or_else(|| Broken::Nonsense("the agent did not say what it is".into()))?;
        Ok(session)
    }

    /// `puts` are lines of base64, one for each step that puts a file.
    pub async fn ask(&mut self, request: &Request, puts: &[&str]) -> Result<Reply, Broken> {
        let id = self.next;
        self.next += 1;
        let request = Request { id, ..request.clone() };
        let mut lines = ascii(&serde_json::to_string(&request).expect("a request has only text keys"));
        for put in puts {
            lines.push('\n');
            lines.push_str(put);
        }
        lines.push('\n');
        self.exchange(id, lines.as_bytes()).await
    }

    async fn exchange(&mut self, id: u64, lines: &[u8]) -> Result<Reply, Broken> {
        // Should the other side be gone, what it said last tells more than the pipe that broke.
        let written = async {
            self.to.write_all(lines).await?;
            self.to.flush().await
        };
        if let Err(error) = written.await {
            return Err(self.ended(error.to_string()).await);
        }
        loop {
            let line = match self.line().await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(self.ended(String::new()).await),
                Err(reason) => return Err(Broken::Nonsense(reason)),
            };
            let line = line.trim();
            if !line.starts_with('{') {
                self.note(line);
                continue;
            }
            let reply: Reply = serde_json::from_str(line)
                .map_err(|error| Broken::Nonsense(self.with_noise(&format!("its answer was cut or mixed: {error}"))))?;
            if reply.id != id || reply.ok == reply.problem.is_some() {
                return Err(Broken::Nonsense(self.with_noise(&format!("the answer to {} came for {id}", reply.id))));
            }
            if !self.noise.is_empty() {
                warn!(noise = self.noise, "the agent's answer came with text beside it");
            }
            self.noise.clear();
            return Ok(reply);
        }
    }

    /// None at the end; a last line that was not ended is noise.
    async fn line(&mut self) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        // A pipe that breaks ends what there is to read.
        let _ = (&mut self.from).take(LONGEST_ANSWER + 1).read_until(b'\n', &mut bytes).await;
        if bytes.len() as u64 > LONGEST_ANSWER {
            return Err(format!("it is longer than {LONGEST_ANSWER} bytes"));
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        if !line.ends_with('\n') {
            self.note(line.trim());
            return Ok(None);
        }
        Ok(Some(line))
    }

    fn note(&mut self, line: &str) {
        if !line.is_empty() && self.noise.len() + line.len() < LONGEST_NOISE {
            let _ = write!(self.noise, "{}{line}", if self.noise.is_empty() { "" } else { "; " });
        }
    }

    fn with_noise(&self, reason: &str) -> String {
        match self.noise.as_str() {
            "" => reason.to_owned(),
            noise => format!("{reason}; beside it: {noise}"),
        }
    }

    async fn ended(&mut self, otherwise: String) -> Broken {
        let Ending { status, said } = (&mut self.ending).await;
        let said = if said.is_empty() { otherwise } else { said };
        Broken::Ended(Ending { status, said: self.with_noise(&said) })
    }
}

/// With everything beyond ASCII as `\uXXXX`, so that no code page matters on the way.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
