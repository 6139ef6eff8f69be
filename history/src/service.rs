//! The lock services: processes of the built binary, killed and started again on the same address and registers.

use crate::process::{Process, program};
use anyhow::{Context, Result, bail};
use std::fs::{self, OpenOptions};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

const START_LIMIT: Duration = Duration::from_secs(20);

/// How often a service that starts is asked whether it listens.
const LOOK: Duration = Duration::from_millis(10);

/// How much of its log says why it did not start.
const LAST_LINES: usize = 5;

/// What workers prove themselves with.
pub const TOKEN: &str = "history-worker";

pub struct Service {
    binary: PathBuf,
    registers: String,
    address: SocketAddr,
    log: PathBuf,
    process: Process,
}

impl Service {
    /// On a free port of the address.
    pub async fn start(binary: &Path, ip: IpAddr, registers: &str, log: PathBuf) -> Result<Self> {
        let address = TcpListener::bind((ip, 0)).and_then(|port| port.local_addr());
        let address = address.with_context(|| format!("looking for a free port of {ip}"))?;
        let process = spawn(binary, address, registers, &log)?;
        let registers = registers.to_owned();
        let mut service = Self { binary: binary.to_owned(), registers, address, log, process };
        service.listens().await?;
        Ok(service)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `kill -9`
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// On the same address and registers.
    pub async fn restart(&mut self) -> Result<()> {
        self.process = spawn(&self.binary, self.address, &self.registers, &self.log)?;
        self.listens().await
    }

    async fn listens(&mut self) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            if let Some(status) = self.process.ended()? {
                bail!("a service ended ({status}): {}", self.last_words()?);
            }
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            if Instant::now() > limit {
                bail!("a service does not listen after {START_LIMIT:?}: {}", self.last_words()?);
            }
        }
    }

    fn last_words(&self) -> Result<String> {
        let log = fs::read_to_string(&self.log)?;
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        Ok(lines.get(from..).unwrap_or_default().join("\n"))
    }
}

fn spawn(binary: &Path, address: SocketAddr, registers: &str, log: &Path) -> Result<Process> {
    let mut command = program(binary, None);
    command.arg("locks").env("DROVER_LOCKS__LISTEN", address.to_string());
    command.env("DROVER_LOCKS__TOKEN", TOKEN).env("DROVER_LOCKS__OPERATOR_TOKEN", "history-operator");
    command.env("DROVER_LOCKS__REGISTERS", registers);
    Process::with_log(command, OpenOptions::new().create(true).append(true).open(log)?)
}
