//! What passes, what is refused and why, and that no mutant of what passes does.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn vm() -> Request {
    Request::call("Get-VM", []).only("Id", "6d2c")
}

/// A request of each kind.
fn good() -> Vec<Request> {
    let (disk, switch) = (r"D:\drover\vms\7\root.vhdx", "vlans");
    vec![
        Request::call("Get-VM", []).props(["Id", "Name", "State"]),
        Request::call("Get-VM", [("Id", "0a1b2c3d-0000-4000-8000-0123456789ab".into())]).props(["Id"]),
        vm().then("Set-VM", [("Notes", "drover/default/7 [x]".into()), ("AutomaticCheckpointsEnabled", false.into())]),
        vm().then("Stop-VM", [("Force", true.into()), ("AsJob", true.into())]).props(["Id", "State"]),
        vm().then("Get-VMHardDiskDrive", []).then("Get-VHD", []).props(["Path", "FileSize"]),
        vm().then("Get-VMNetworkAdapter", [])
            .only("Name", "eth0")
            .then("Set-VMNetworkAdapterVlan", [("Access", true.into()), ("VlanId", 7.into())]),
        vm().then("Get-VMSnapshot", [])
            .only("Id", "77")
            .then("Remove-VMSnapshot", [("IncludeAllChildSnapshots", true.into()), ("Confirm", false.into())]),
        vm().then("Get-VMSnapshot", []).then("Restore-VMSnapshot", [("Confirm", false.into())]),
        vm().then("Checkpoint-VM", [("SnapshotName", "drover-9".into()), ("Passthru", true.into())]).props(["Id"]),
        vm().then("Get-VMDvdDrive", []).then("Set-VMDvdDrive", [("Path", Value::Null)]),
        vm().then("Add-VMNetworkAdapter", [("Name", "eth0".into()), ("SwitchName", switch.into())]),
        Request::call(
            "New-VM",
            [
                ("Name", "drover-7".into()),
                ("Path", r"D:\drover\vms\7".into()),
                ("Generation", 2.into()),
                ("MemoryStartupBytes", (1_u64 << 30).into()),
                ("VHDPath", disk.into()),
            ],
        ),
        Request::call(
            "New-VHD",
            [("Path", disk.into()), ("SizeBytes", (1_u64 << 40).into()), ("Dynamic", true.into())],
        ),
        Request::call("Test-Path", [("LiteralPath", disk.into()), ("PathType", "Leaf".into())]).props([crate::ITSELF]),
        Request::call("Get-ChildItem", [("LiteralPath", r"D:\drover".into()), ("File", true.into())])
            .then("Get-FileHash", [("Algorithm", "SHA256".into())])
            .props(["Path", "Hash"]),
        Request::call("Get-Volume", [("FilePath", r"D:\drover".into())]).props(["SizeRemaining"]),
        Request::call("Get-Job", [("Id", 3.into())]).then("Remove-Job", [("Confirm", false.into())]),
        Request { steps: vec![Step::Put { path: r"D:\drover\x".into() }], ..Request::default() },
    ]
}

#[test]
fn what_is_right_passes() {
    for request in good() {
        assert_eq!(check(&request), Ok(()), "{}", request.words().join(" "));
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let name = |name: &str| [("Name", Value::from(name))];
    let cases = [
        (Request::call("Wait-VM", [("For", "IPAddress".into())]), "poll Get-VM instead"),
        (Request::call("Remove-VMCheckpoint", []), "an alias of Remove-VMSnapshot"),
        (Request::call("Get-Sheep", []), "no cmdlet that the contract knows"),
        (Request::call("Invoke-Expression", [("Command", "x".into())]), "not among the cmdlets"),
        (Request::call("Get-VM", [("Nam", "x".into())]), "has no parameter -Nam"),
        (Request::call("Get-VM", [("name", "x".into())]), "has no parameter -name"),
        (Request::call("Get-VM", [("VMName", "x".into())]), "another name of -Name"),
        (Request::call("Get-VM", [("Id", "7".into())]), "wants a Guid"),
        (Request::call("Get-VM", name("drover-*")), "never matched by a pattern"),
        (Request::call("Get-VM", [("ComputerName", "other".into())]), "on its own host"),
        (Request::call("Stop-VM", [("TurnOff", true.into())]), "no parameter set of Stop-VM fits -TurnOff"),
        (vm().then("Stop-VM", name("x")), "fed by VirtualMachine"),
        (vm().then("Remove-VM", [("Force", true.into())]), "-Confirm:false"),
        (vm().then("Stop-VM", [("Force", true.into()), ("Confirm", true.into())]), "nobody is there"),
        (vm().then("Set-VM", [("WhatIf", true.into())]), "on its own host"),
        (vm().then("Set-VM", [("Notes", Value::Null)]), "wants a String, not null"),
        (vm().then("Set-VM", [("ProcessorCount", json!(1.5))]), "wants a Int64"),
        (vm().then("Set-VM", [("AutomaticStartAction", "Never".into())]), "one of Nothing, StartIfRunning, Start"),
        (vm().then("Set-VM", [("StaticMemory", "yes".into())]), "wants a switch"),
        (vm().then("Set-VM", [("LowMemoryMappedIoSpace", (1_u64 << 32).into())]), "wants a UInt32"),
        (vm().then("Set-VM", []).then("Start-VM", []), "not known what that gives"),
        (vm().then("Get-VMSnapshot", []).then("Start-VM", []), "fed by VMSnapshot"),
        (Request::call("Remove-Item", [("Path", r"D:\x".into()), ("Confirm", false.into())]), "-LiteralPath is there"),
        (Request::call("Test-Path", [("LiteralPath", r"D:\drover\..\x".into())]), "without .."),
        (Request::call("Test-Path", [("LiteralPath", "x".into())]), "absolute"),
        (Request::call("Set-VM", [("VM", "x".into())]), "only the pipeline can bring"),
        (Request::call("Get-FileHash", [("LiteralPath", r"D:\x".into()), ("Algorithm", "CRC".into())]), "one of SHA1"),
        (Request::call("Get-VMSnapshot", [("VMName", json!([]))]), "at least one"),
        (Request::default().only("Name", "x"), "nothing before it"),
        (Request::default(), "at least one step"),
        (Request::call("Get-VM", []).props(["State; x"]), "a plain name"),
    ];
    for (request, reason) in cases {
        let said = check(&request).expect_err(reason).to_string();
        assert!(said.contains(reason), "{said:?} does not say {reason:?}");
    }
}

#[test]
fn a_file_step_stands_alone() {
    let put = Step::Put { path: r"D:\drover\x".into() };
    let both = Request { steps: vec![put, Step::Call { cmd: "Get-VM".into(), args: Default::default() }], ..vm() };
    assert!(check(&both).is_err());
}

#[test]
fn no_violation_shows_a_value() {
    let secret = Request::call("Get-VM", [("Id", "canary-password".into())]);
    assert!(!check(&secret).unwrap_err().to_string().contains("canary"));
}

#[test]
fn what_may_be_called_is_documented_and_in_order() {
    assert!(ALLOWED.is_sorted());
    for cmd in ALLOWED {
        find(cmd).unwrap();
    }
}

#[test]
fn what_may_be_called_is_called() {
    let requests = requests();
    let called = requests.iter().flat_map(|request| &request.steps).filter_map(|step| match step {
        Step::Call { cmd, .. } => Some(cmd.as_str()),
        _ => None,
    });
    // Asked for by the host itself.
    let called: BTreeSet<&str> = called.chain(["Test-Path"]).collect();
    let unused: Vec<_> = ALLOWED.iter().filter(|cmd| !called.contains(*cmd)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// Every request that drover makes, as the modules of `commands` note them.
fn requests() -> Vec<Request> {
    let text = include_str!("../../../commands/golden/hyperv-requests.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_of_the_drivers_passes() {
    for request in requests() {
        assert_eq!(check(&request), Ok(()), "{}", request.words().join(" "));
    }
}

#[test]
fn no_mutant_passes() {
    for (sort, mutant) in good().iter().chain(&requests()).flat_map(super::mutants::of) {
        assert!(check(&mutant).is_err(), "{sort}: {}", mutant.words().join(" "));
    }
}

#[test]
fn every_request_has_mutants_of_each_sort() {
    let all: Vec<_> = good().iter().flat_map(super::mutants::of).map(|(what, _)| what).collect();
    for sort in ["cmdlet", "parameter", "type", "set"] {
        assert!(all.contains(&sort), "{sort}");
    }
}
