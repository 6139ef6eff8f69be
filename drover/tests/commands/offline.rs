//! What needs no fleet: configuration, help, and what is said when there is no fleet.

use crate::rig::{drover, run};
use tempfile::TempDir;

#[test]
fn the_origin_of_every_value_is_shown_and_no_secret() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("drover.toml");
    std::fs::write(&file, "[worker]\nper_host = 7\n[queue]\nurl = \"amqp://u:canary@b/\"\n").expect("a file");
    let mut command = drover();
    command.args(["config", "show", "--origin", "--url", "http://flag:1", "--config"]).arg(&file);
    let shown = command.env("DROVER_API__LEASE_SECS", "20").output().expect("it runs");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = |key: &str| text.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("no {key}:\n{text}"));
    assert!(line("worker.per_host").contains('7') && line("worker.per_host").contains("drover.toml"), "{text}");
    assert!(line("api.lease_secs").contains("20") && line("api.lease_secs").contains("env"), "{text}");
    assert!(line("client.url").contains("http://flag:1") && line("client.url").contains("flag"), "{text}");
    assert!(line("worker.per_driver").contains("default"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_configuration_that_is_not_valid_is_refused_by_name() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("drover.toml");
    for (text, said) in
        [("[worker]\nper_hosts = 7\n", "per_hosts"), ("[worker\n", "drover.toml"), ("[wrker]\nper_host = 7\n", "wrker")]
    {
        std::fs::write(&file, text).expect("a file");
        let checked = drover().args(["config", "check", "--config"]).arg(&file).output().expect("it runs");
        let err = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(2), "{err}");
        assert!(err.contains(said) && err.contains("drover_config_001"), "{text}: {err}");
    }
    run(&["config", "check"]).ends(0);
}

#[test]
fn an_api_that_is_not_there_is_said_so_with_a_hint() {
    let folder = TempDir::new().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "drv_x").expect("a file");
    let token = token.display().to_string();
    let said = run(&["vm", "list", "--url", "http://127.0.0.1:1", "--token-file", &token]).ends(1);
    assert!(said.err.contains("http://127.0.0.1:1") && said.err.contains("hint"), "{said:#?}");
    let said = run(&["vm", "list", "--data", &folder.path().join("nothing").display().to_string()]);
    assert!(said.code != Some(0) && said.err.contains("token"), "{said:#?}");
}

#[test]
fn completions_pages_and_versions_are_there() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).ends(0).out.contains("quiesce"), "{shell}");
    }
    let folder = TempDir::new().expect("a folder");
    run(&["man", &folder.path().display().to_string()]).ends(0);
    let page = std::fs::read_to_string(folder.path().join("drover-vm-quiesce.1")).expect("a page");
    assert!(page.contains("dry"), "{page}");
    assert!(run(&["--version"]).ends(0).out.starts_with("drover 0."));
    run(&["frobnicate"]).ends(2);
}

#[test]
fn every_error_is_listed_and_explained() {
    let listed = run(&["errors", "list", "--json"]).ends(0).json();
    let codes: Vec<&str> = listed.as_array().into_iter().flatten().filter_map(|entry| entry["code"].as_str()).collect();
    assert!(codes.len() > 50, "{codes:?}");
    for code in ["vm_kvm_build_2101", "iaas_vm_create_101", "locks_acquire_001"] {
        let said = run(&["errors", "explain", code]).ends(0);
        assert!(said.out.contains("remedy") || said.out.contains("Remedy"), "{said:#?}");
    }
    run(&["errors", "explain", "nothing_of_the_kind"]).ends(3);
}
