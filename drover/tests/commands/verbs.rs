//! What operators and tenants type, against a running fleet.

use crate::rig::{Up, drover, until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use tempfile::TempDir;

fn fleet() -> (TempDir, Up, String, String, String) {
    let folder = TempDir::new().expect("a folder");
    let up = Up::start(&folder);
    let (project, image) = up.ground();
    let server = up.server();
    (folder, up, project, image, server)
}

fn build(up: &Up, name: &str, project: &str, image: &str, server: &str) -> String {
    let create = ["vm", "create", name, "--project", project, "--image", image, "--server", server, "--wait"];
    up.run(&create).ends(0);
    let vms = up.json(&["vm", "list"]);
    let vm = vms.as_array().into_iter().flatten().find(|vm| vm["name"] == name);
    vm.unwrap_or_else(|| panic!("{name} is not in {vms:#}"))["id"].to_string()
}

#[test]
fn a_vm_goes_its_whole_way() {
    let (_folder, up, project, image, server) = fleet();
    let vm = build(&up, "web", &project, &image, &server);
    let state = || up.json(&["vm", "show", &vm])["state"].clone();
    assert_eq!(state(), "running");
    let plan = up.run(&["vm", "quiesce", &vm, "--dry-run"]).ends(0);
    assert!(plan.out.contains("power off") && plan.out.contains(&format!("resource/{vm}")), "{plan:#?}");
    assert_eq!(state(), "running", "a dry run changed it");
    up.run(&["vm", "quiesce", &vm, "--wait"]).ends(0);
    assert_eq!(state(), "quiesced");
    up.run(&["vm", "update", &vm, "--set", r#"{"cpu": 2}"#, "--wait"]).ends(0);
    up.run(&["vm", "restart", &vm, "--wait"]).ends(0);
    assert_eq!(up.json(&["vm", "show", &vm])["spec"]["cpu"], 2);
    up.run(&["vm", "scrub", &vm, "--wait"]).ends(0);
    until("the VM is closed", || (state() == "closed").then_some(()));
    let history = up.json(&["vm", "history", &vm]);
    let into: Vec<&str> = history.as_array().into_iter().flatten().filter_map(|row| row["into"].as_str()).collect();
    assert_eq!((into.first(), into.last()), (Some(&"requested"), Some(&"closed")), "{into:?}");
    let tasks = up.json(&["task", "list"]);
    let first = &tasks.as_array().expect("tasks").iter().find(|task| task["verb"] == "build").expect("a build")["id"];
    let shown = up.run(&["task", "show", &first.to_string()]).ends(0);
    assert!(shown.out.contains("power on") && shown.out.contains("succeeded"), "{shown:#?}");
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let (_folder, up, project, image, server) = fleet();
    up.run(&["vm", "show", "99"]).ends(3);
    up.run(&["vm", "restart", "99"]).ends(3);
    up.run(&["vm", "quiesce"]).ends(2);
    up.run(&["vm", "create", "x", "--project", &project, "--image", &image, "--disk", "root"]).ends(2);
    let vm = build(&up, "web", &project, &image, &server);
    let refused = up.run(&["vm", "restart", &vm]).ends(4);
    assert!(refused.err.contains("running") && refused.err.contains("quiesce"), "{refused:#?}");
    let refused = up.run(&["vm", "restart", &vm, "--json"]).ends(4);
    let problem: Value = serde_json::from_str(refused.err.trim()).expect("a problem as JSON");
    assert_eq!(problem["code"], "iaas_resource_002");
    let wish = json!({ "phantom": { "delay_ms": 20_000 } });
    up.run(&["vm", "update", &vm, "--set", &wish.to_string(), "--wait", "--timeout", "1"]).ends(5);
}

#[test]
fn a_rehearsed_failure_is_explained_and_tried_again() {
    let (_folder, up, project, image, server) = fleet();
    let disks = json!([{ "name": "root", "gb": 1, "primary": true }]);
    let (image, server): (i64, i64) = (image.parse().expect("a number"), server.parse().expect("a number"));
    let spec = json!({ "cpu": 1, "ram_mb": 256, "disks": disks, "image": image, "server": server,
        "phantom": { "fail_at": "power on", "fail_times": 1 } });
    let failed =
        up.run(&["vm", "create", "broken", "--project", &project, "--spec", &spec.to_string(), "--wait"]).ends(1);
    let code = "vm_phantom_build_1013";
    assert!(failed.err.contains(code) && failed.err.contains("power on"), "{failed:#?}");
    let explained = up.run(&["errors", "explain", code]).ends(0);
    assert!(explained.out.contains("rehears"), "{explained:#?}");
    let task = up.json(&["vm", "list"])[0]["task_id"].to_string();
    up.run(&["task", "retry", &task, "--wait"]).ends(0);
    assert_eq!(up.json(&["vm", "list"])[0]["state"], "running");
}

#[test]
fn events_are_followed_as_they_happen() {
    let (_folder, up, project, image, server) = fleet();
    let mut command = drover();
    command.args(["events", "--after", "0", "--json", "--url", &up.url, "--data"]).arg(&up.data);
    let mut follow = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let lines = BufReader::new(follow.stdout.take().expect("its output")).lines();
    build(&up, "web", &project, &image, &server);
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON"));
    let running = events.find(|event| event["event"] == "resource_changed" && event["state"] == "running");
    assert!(running.is_some_and(|event| event["kind"] == "vm_phantom"));
    follow.kill().expect("it is ended");
    follow.wait().expect("it is gone");
}

#[test]
fn tokens_and_locks_are_managed_from_the_command_line() {
    let (_folder, up, project, image, server) = fleet();
    let made = up.json(&["token", "create", "bob", "--role", "tenant", "--project", &project]);
    let (id, secret) = (made["id"].to_string(), made["secret"].as_str().expect("a secret").to_owned());
    let file = up.data.join("bob.token");
    std::fs::write(&file, &secret).expect("a file");
    let bob = file.display().to_string();
    up.run(&["vm", "list", "--token-file", &bob]).ends(0);
    let refused = up.run(&["server", "list", "--token-file", &bob]).ends(1);
    assert!(refused.err.contains("iaas_token_002"), "{refused:#?}");
    up.run(&["token", "revoke", &id]).ends(0);
    let refused = up.run(&["vm", "list", "--token-file", &bob]).ends(1);
    assert!(refused.err.contains("iaas_token_001") && !refused.err.contains(&secret), "{refused:#?}");

    let spec = json!({ "phantom": { "delay_ms": 3_000 } }).to_string();
    let vm = build(&up, "web", &project, &image, &server);
    up.run(&["vm", "update", &vm, "--set", &spec]).ends(0);
    let name = format!("resource/{vm}");
    let held = until("the lock is held", || {
        let locks = up.json(&["lock", "list"]);
        locks.as_array()?.iter().find(|lock| lock["name"] == name.as_str()).cloned()
    });
    assert!(held.to_string().contains("task"), "{held:#}");
    up.run(&["lock", "break", &name]).ends(4);
}
