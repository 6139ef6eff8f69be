//! Who runs commands on a host: an attempt's steps, or an errand. What both need is written against this.

use crate::Command;
use errors::Fault;
use model::server::HostSettings;

pub trait Runner: Sync {
    /// The server's name.
    fn host(&self) -> &str;

    fn settings(&self) -> &HostSettings;

    /// Runs a command and reads its answer.
    fn run<T: Default + Send>(&self, command: Command<T>) -> impl Future<Output = Result<T, Fault>> + Send;

    /// The same, for one that takes long and may be stopped anywhere and begun again.
    fn run_long<T: Default + Send>(&self, command: Command<T>) -> impl Future<Output = Result<T, Fault>> + Send;

    /// How far it is, for people.
    fn note(&self, note: String);
}
