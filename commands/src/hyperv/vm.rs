//! VMs: found by their name, made, marked, sized, turned on and off, removed.

use super::row::{number, some, text};
use super::{NO_QUESTION, acts, each, first, long, looks, of};
use cmdlets::{Request, Row};
use hosts::{Command, Output};

const PROPS: [&str; 11] = [
    "Id",
    "Name",
    "State",
    "Notes",
    "Path",
    "Generation",
    "ProcessorCount",
    "MemoryStartup",
    "AutomaticStartAction",
    "CheckpointType",
    "ParentSnapshotId",
];

pub const MB: u64 = 1 << 20;

/// The names of the enum, never the words that people see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Off,
    Running,
    Saved,
    Paused,
    /// On its way to another, or in trouble: `Starting`, `RunningCritical`.
    Other(String),
}

impl State {
    fn of(word: &str) -> Self {
        match word {
            "Off" => Self::Off,
            "Running" => Self::Running,
            "Saved" => Self::Saved,
            "Paused" => Self::Paused,
            other => Self::Other(other.to_owned()),
        }
    }

    pub fn word(&self) -> &str {
        match self {
            Self::Off => "Off",
            Self::Running => "Running",
            Self::Saved => "Saved",
            Self::Paused => "Paused",
            Self::Other(word) => word,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    pub id: String,
    pub name: String,
    pub state: State,
    pub notes: String,
    /// The folder of its configuration.
    pub path: String,
    pub generation: u32,
    pub cpu: u32,
    pub ram_mb: u64,
    /// What it does when its host starts: `Nothing`, `StartIfRunning`, `Start`.
    pub start_action: String,
    pub checkpoint_type: String,
    /// The checkpoint that it stands on.
    pub parent: Option<String>,
}

fn read(row: &Row) -> Result<Vm, String> {
    Ok(Vm {
        id: text(row, "Id")?,
        name: text(row, "Name")?,
        state: State::of(&text(row, "State")?),
        notes: text(row, "Notes")?,
        path: text(row, "Path")?,
        generation: number(row, "Generation")?,
        cpu: number(row, "ProcessorCount")?,
        ram_mb: number::<u64>(row, "MemoryStartup")? / MB,
        start_action: text(row, "AutomaticStartAction")?,
        checkpoint_type: text(row, "CheckpointType")?,
        parent: some(row, "ParentSnapshotId")?,
    })
}

/// Every VM of the host.
pub fn list() -> Command<Vec<Vm>> {
    looks(&Request::call("Get-VM", []).props(PROPS), |output| each(output, read))
}

/// All of exactly this name: Hyper-V lets several have one.
pub fn named(name: &str) -> Command<Vec<Vm>> {
    looks(&Request::call("Get-VM", []).only("Name", name).props(PROPS), |output| each(output, read))
}

pub struct New<'a> {
    pub name: &'a str,
    pub folder: &'a str,
    pub ram_mb: u64,
    /// The disk that it starts from.
    pub disk: &'a str,
}

/// The new VM's identifier, so that it need not be looked for.
pub fn make(new: &New<'_>) -> Command<Option<String>> {
    let args = [
        ("Name", new.name.into()),
        ("Path", new.folder.into()),
        ("Generation", 2.into()),
        ("MemoryStartupBytes", (new.ram_mb * MB).into()),
        ("VHDPath", new.disk.into()),
    ];
    let command = acts(&Request::call("New-VM", args).props(["Id"]));
    Command { invocation: command.invocation, read: identifier }
}

fn identifier(output: &Output) -> Result<Option<String>, String> {
    first(output, |row| text(row, "Id"))
}

/// Whose it is, and all of how it behaves that the wish does not say.
pub fn mark(vm: &str, mark: &str, folder: &str) -> Command<()> {
    let args = [
        ("Notes", mark.into()),
        ("StaticMemory", true.into()),
        ("AutomaticCheckpointsEnabled", false.into()),
        ("AutomaticStartAction", "StartIfRunning".into()),
        ("AutomaticStopAction", "ShutDown".into()),
        ("CheckpointType", "Production".into()),
        ("SnapshotFileLocation", folder.into()),
        ("SmartPagingFilePath", folder.into()),
    ];
    acts(&of(vm).then("Set-VM", args))
}

/// Whose it is, and what it does when its host starts: both, or neither.
pub fn set_owner(vm: &str, mark: &str, start_action: &str) -> Command<()> {
    acts(&of(vm).then("Set-VM", [("Notes", mark.into()), ("AutomaticStartAction", start_action.into())]))
}

/// `StartIfRunning`, or `Nothing`: not even a host that starts again may revive it.
pub fn set_start_action(vm: &str, action: &str) -> Command<()> {
    acts(&of(vm).then("Set-VM", [("AutomaticStartAction", action.into())]))
}

/// `Standard`, `Production`, `ProductionOnly`
pub fn set_checkpoint_type(vm: &str, kind: &str) -> Command<()> {
    acts(&of(vm).then("Set-VM", [("CheckpointType", kind.into())]))
}

pub fn set_processors(vm: &str, count: u32) -> Command<()> {
    acts(&of(vm).then("Set-VMProcessor", [("Count", count.into())]))
}

pub fn set_memory(vm: &str, ram_mb: u64) -> Command<()> {
    let args = [("DynamicMemoryEnabled", false.into()), ("StartupBytes", (ram_mb * MB).into())];
    acts(&of(vm).then("Set-VMMemory", args))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// `On`, `Off`
    pub secure_boot: String,
    pub template: String,
}

pub fn firmware(vm: &str) -> Command<Option<Firmware>> {
    let request = of(vm).then("Get-VMFirmware", []).props(["SecureBoot", "SecureBootTemplate"]);
    looks(&request, |output| {
        first(output, |row| {
            Ok(Firmware { secure_boot: text(row, "SecureBoot")?, template: text(row, "SecureBootTemplate")? })
        })
    })
}

/// Only what this authority has signed is started.
pub fn set_secure_boot(vm: &str, template: &str) -> Command<()> {
    let args = [("EnableSecureBoot", "On".into()), ("SecureBootTemplate", template.into())];
    acts(&of(vm).then("Set-VMFirmware", args))
}

pub fn start(vm: &str) -> Command<()> {
    acts(&of(vm).then("Start-VM", []))
}

pub fn resume(vm: &str) -> Command<()> {
    acts(&of(vm).then("Resume-VM", []))
}

/// What it had in memory is given up.
pub fn forget_memory(vm: &str) -> Command<()> {
    acts(&of(vm).then("Remove-VMSavedState", [NO_QUESTION]))
}

/// Asks the guest to shut down. The cmdlet waits for five minutes and then does it the hard way, so it is a job, whose end
/// nobody need wait for. Gives the job's number.
pub fn shut_down(vm: &str) -> Command<Option<u64>> {
    let request = of(vm).then("Stop-VM", [("Force", true.into()), ("AsJob", true.into())]).props(["Id"]);
    Command { invocation: acts(&request).invocation, read: |output| first(output, |row| number(row, "Id")) }
}

/// Pulls the plug.
pub fn turn_off(vm: &str) -> Command<()> {
    acts(&of(vm).then("Stop-VM", [("TurnOff", true.into()), ("Force", true.into())]))
}

/// Its configuration; its disks stay. Checkpoints that are left are merged into the disks.
pub fn remove(vm: &str) -> Command<()> {
    long(acts(&of(vm).then("Remove-VM", [("Force", true.into()), NO_QUESTION])))
}

/// What the guest says of itself, as far as it says anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// `OkApplicationsHealthy`, `NoContact`, ...; empty while it is off.
    pub heartbeat: String,
}

pub fn pulse(vm: &str) -> Command<Option<Pulse>> {
    looks(&of(vm).props(["Heartbeat"]), |output| first(output, |row| Ok(Pulse { heartbeat: text(row, "Heartbeat")? })))
}
