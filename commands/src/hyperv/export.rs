//! A VM and all that it stands on, copied into a folder.

use super::row::number;
use super::{NO_QUESTION, acts, first, of};
use hosts::Command;
use model::backup::Consistency;

/// Begins to copy into a folder that is there; gives the job's number. Of a VM that runs it says what the guest does first.
pub fn begin(vm: &str, folder: &str, consistency: Consistency) -> Command<Option<u64>> {
    let mut args = vec![("Path", folder.into()), ("AsJob", true.into()), NO_QUESTION];
    match consistency {
        Consistency::Data => args.push(("CaptureLiveState", "CaptureDataConsistentState".into())),
        Consistency::Crash => args.push(("CaptureLiveState", "CaptureCrashConsistentState".into())),
        Consistency::Off => {}
    }
    let request = of(vm).then("Export-VM", args).props(["Id"]);
    Command { invocation: acts(&request).invocation, read: |output| first(output, |row| number(row, "Id")) }
}
