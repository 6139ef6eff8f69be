//! Starting, ending, and starting again.

use crate::rig::{Up, drover, mode, run, until};
use serde_json::json;
use std::process::Stdio;
use tempfile::TempDir;

#[test]
fn the_demo_runs_to_its_end_and_prints_a_waterfall() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let said = run(&["up", "--demo", "--exit", "--listen", "127.0.0.1:0", "--data", &data]).ends(0);
    let all = format!("{}{}", said.out, said.err);
    for word in
        ["http://127.0.0.1:", "operator.token", "running", "quiesced", "closed", "power on", "vm_phantom.build of vm"]
    {
        assert!(all.contains(word), "{word:?} is not in:\n{all}");
    }
    assert_eq!(mode(&folder.path().join("data/operator.token")), 0o600);
}

#[test]
fn a_second_start_goes_on_where_the_first_one_was_interrupted() {
    let folder = TempDir::new().expect("a folder");
    let up = Up::start(&folder);
    let (project, image) = up.ground();
    let server = up.server();
    let disks = json!([{ "name": "root", "gb": 1, "primary": true }]);
    let spec = json!({ "cpu": 1, "ram_mb": 256, "disks": disks, "image": image.parse::<i64>().expect("a number"),
        "server": server.parse::<i64>().expect("a number"), "phantom": { "delay_ms": 500 } });
    let made = up.json(&["vm", "create", "slow", "--project", &project, "--spec", &spec.to_string()]);
    let (vm, task) = (made["resource"]["id"].to_string(), made["task_id"].to_string());
    until("the build begins", || (up.json(&["vm", "show", &vm])["state"] == "building").then_some(()));
    // Ctrl-C
    up.signal("-INT");
    assert!(up.ended().success());

    let up = Up::start(&folder);
    until("the build ends", || (up.json(&["vm", "show", &vm])["state"] == "running").then_some(()));
    let task = up.json(&["task", "show", &task]);
    assert_eq!((&task["status"], &task["lost"]), (&json!("succeeded"), &json!(0)), "it was handed over: {task:#}");
    up.signal("-TERM");
    assert!(up.ended().success());
}

#[test]
fn a_folder_serves_one_fleet_and_a_taken_address_is_named() {
    let folder = TempDir::new().expect("a folder");
    let up = Up::start(&folder);
    let second = drover().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&up.data).output().expect("it runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("hint"), "{said}");
    let other = TempDir::new().expect("a folder");
    let taken = up.url.trim_start_matches("http://");
    let third = drover().args(["up", "--listen", taken, "--data"]).arg(other.path()).stdout(Stdio::null()).output();
    let said = String::from_utf8_lossy(&third.expect("it runs").stderr).into_owned();
    assert!(said.contains(taken) && said.contains("hint"), "{said}");
}
