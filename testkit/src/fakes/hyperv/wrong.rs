//! How a request goes wrong: in PowerShell's own way, or because it is none that a driver may make.

use cmdlets::Problem;

#[derive(Clone, Debug)]
pub(super) enum Wrong {
    /// A terminating error, as the agent reports it.
    Problem(Problem),
    /// The request is not as documented, or not simulated: the test fails, whatever the driver makes of it.
    Refused(String),
}

pub(super) fn refuse<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Refused(what.into()))
}

/// Of a cmdlet of the Hyper-V module: its error id ends in the name of its class.
pub(super) fn vm_error<T>(cmd: &str, id: &str, category: &str, text: impl Into<String>) -> Result<T, Wrong> {
    let class = cmd.replace('-', "");
    Err(Wrong::Problem(Problem {
        error: format!("{id},Microsoft.HyperV.PowerShell.Commands.{class}"),
        category: category.to_owned(),
        exception: "Microsoft.HyperV.PowerShell.VirtualizationException".to_owned(),
        text: text.into(),
    }))
}

/// The VM is in a state in which this cannot be done.
pub(super) fn not_now<T>(cmd: &str, text: impl Into<String>) -> Result<T, Wrong> {
    vm_error(cmd, "InvalidState", "InvalidOperation", text)
}

pub(super) fn failed<T>(cmd: &str, text: impl Into<String>) -> Result<T, Wrong> {
    vm_error(cmd, "OperationFailed", "NotSpecified", text)
}

pub(super) fn invalid<T>(cmd: &str, text: impl Into<String>) -> Result<T, Wrong> {
    vm_error(cmd, "InvalidParameter", "InvalidArgument", text)
}

/// Of a cmdlet that deals with files.
pub(super) fn file_error<T>(
    cmd: &str,
    id: &str,
    (category, exception): (&str, &str),
    text: impl Into<String>,
) -> Result<T, Wrong> {
    let class = cmd.replace('-', "");
    Err(Wrong::Problem(Problem {
        error: format!("{id},Microsoft.PowerShell.Commands.{class}Command"),
        category: category.to_owned(),
        exception: exception.to_owned(),
        text: text.into(),
    }))
}

pub(super) fn absent<T>(cmd: &str, path: &str) -> Result<T, Wrong> {
    let kind = ("ObjectNotFound", "System.Management.Automation.ItemNotFoundException");
    file_error(cmd, "PathNotFound", kind, format!("Cannot find path '{path}' because it does not exist."))
}

pub(super) fn in_use<T>(cmd: &str, path: &str) -> Result<T, Wrong> {
    let text = format!("The process cannot access the file '{path}' because it is being used by another process.");
    file_error(cmd, "IOError", ("WriteError", "System.IO.IOException"), text)
}

pub(super) fn disk_full<T>(cmd: &str) -> Result<T, Wrong> {
    let text = "There is not enough space on the disk.";
    file_error(cmd, "IOError", ("WriteError", "System.IO.IOException"), text)
}
