//! The check itself, over the built binary: nothing overlaps at a host that looks at fences, and something does at one that
//! does not.

use serde_json::Value;
use std::process::Command;
use testkit::real::database;
use testkit::roles::binary;

const VIOLATED: i32 = 2;

fn history(arguments: &[&str]) -> (Option<i32>, Value) {
    // Behind the tests beside it, which count seconds; stopped clients and services are the point here.
    let mut command = Command::new("nice");
    let output = command
        .args(["-n", "15", env!("CARGO_BIN_EXE_history")])
        .args(arguments)
        .arg("--json")
        .env("DROVER_TEST_BINARY", binary())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: no report: {said}"));
    (output.status.code(), report)
}

fn count(report: &Value, what: &str) -> u64 {
    report[what].as_u64().unwrap_or_else(|| panic!("no {what} in {report:#}"))
}

/// The faults were there, and most operations came to something all the same.
fn was_troubled(report: &Value, operations: u64) {
    for fault in ["service_kills", "stops", "cuts", "jumps", "lost"] {
        assert!(count(report, fault) > 0, "{fault}: {report:#}");
    }
    assert!(count(report, "operations") >= operations, "{report:#}");
    assert!(count(report, "granted") > operations / 4, "{report:#}");
    assert!(count(report, "commands") > operations, "{report:#}");
}

fn is_clean(arguments: &[&str]) {
    let (status, report) = history(&[&["--operations", "20000"], arguments].concat());
    assert_eq!(status, Some(0), "{report:#}");
    was_troubled(&report, 20_000);
    assert_eq!(count(&report, "overlaps"), 0, "{report:#}");
    assert!(count(&report, "refused_by_the_guard") > 0, "nothing was left to the guard: {report:#}");
}

#[test]
fn real_locks_of_one_service_let_nobody_in_beside_the_holder() {
    is_clean(&["--services", "1"]);
}

#[test]
fn real_locks_of_two_services_let_nobody_in_beside_the_holder() {
    let registers = database("history");
    is_clean(&["--services", "2", "--registers", &registers.url]);
}

#[test]
fn real_locks_without_the_guard_are_seen_to_overlap() {
    let (status, report) = history(&["--operations", "20000", "--guard", "off"]);
    assert_eq!(status, Some(VIOLATED), "{report:#}");
    was_troubled(&report, 20_000);
    assert!(count(&report, "overlaps") > 0, "{report:#}");
    assert_eq!(count(&report, "refused_by_the_guard"), 0, "{report:#}");
    // The guard is the host's: what the service promises holds without it.
    assert_eq!(count(&report, "shared_fences") + count(&report, "sunken_fences"), 0, "{report:#}");
}
