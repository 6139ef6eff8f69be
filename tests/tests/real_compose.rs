//! The fleet in containers: what the compose file says is understood by docker-compose and by drover.

use std::path::Path;
use std::process::Command;
use testkit::real::run;
use testkit::roles::binary;

fn compose(arguments: &[&str]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml").display().to_string();
    run("docker-compose", &[&["-f", &file], arguments].concat())
}

#[test]
fn real_compose_accepts_the_file_with_every_role_and_backend() {
    let services = compose(&["config", "--services"]);
    let services: Vec<&str> = services.lines().collect();
    for service in ["rabbitmq", "postgres", "jaeger", "api", "dispatcher", "locks", "worker-kvm-1", "worker-kvm-2"] {
        assert!(services.contains(&service), "{service} is not in {services:?}");
    }
}

#[test]
fn real_compose_sets_nothing_that_drover_does_not_know() {
    let config = compose(&["config"]);
    let settings: Vec<(&str, &str)> = config
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(name, _)| name.starts_with("DROVER_"))
        .collect();
    assert!(settings.len() > 10, "{settings:?}");
    let checked = Command::new(binary()).args(["config", "check"]).envs(settings).output().expect("the binary runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
