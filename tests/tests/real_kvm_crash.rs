//! Workers and an API killed in the middle of real builds: one guest each, and nothing left after the scrub.

use crate::machine::{LIMIT, Machine, bridge};
use iaas::tenant::Accepted;
use model::image::Image;
use model::vm::VmSpec;
use model::{ResourceId, State, TaskId, names};
use std::time::Duration;
use testkit::real::{small, tiny};
use testkit::{Roles, eventually};

/// The task has this many steps behind it.
async fn comes_to(fleet: &Roles, task: TaskId, steps: usize) {
    eventually(LIMIT, &format!("task {task} comes to step {steps}"), async || {
        let task = fleet.client.task(task, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        assert!(!task.status.has_ended(), "it ended before it could be killed: {task:#?}");
        let done = task.steps.iter().filter(|step| step.ended_at.is_some()).count();
        if done >= steps { Ok(()) } else { Err(format!("{task:?}")) }
    })
    .await;
}

#[tokio::test]
async fn real_kvm_a_worker_killed_in_the_middle_of_builds_leaves_one_guest_each() {
    let machine = Machine::new();
    let mut fleet = Roles::start(machine.server()).await;
    let image: Image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    let mut made: Vec<ResourceId> = Vec::new();
    for steps in [1, 4, 7] {
        let name = format!("killed-{steps}");
        let (vm, task) = fleet.create(&name, small(&image, "t4", &format!("10.77.0.{steps}/24"))).await;
        comes_to(&fleet, task, steps).await;
        fleet.kill("worker");
        fleet.is_in(vm, &[State::Running], LIMIT).await;
        let ended = fleet.client.task(task, Duration::ZERO).await.expect("the task");
        assert_eq!((ended.attempts, ended.lost), (2, 1), "{ended:#?}");
        machine.says(vm, &format!("drover-guest hostname={name}"), 1).await;
        made.push(vm);
    }
    let mut wanted: Vec<String> = made.iter().map(|vm| names::domain(*vm)).collect();
    wanted.push(bridge("t4"));
    let mut news = machine.news();
    news.sort();
    wanted.sort();
    assert_eq!(news, wanted, "one domain each, and their bridge");

    for vm in &made {
        let _: Accepted<VmSpec> = fleet.client.ask(*vm, State::Scrub, false).await.expect("the scrub is accepted");
    }
    fleet.is_in(made[0], &[State::ScrubPrep, State::ScrubQueue, State::Scrubbing, State::Closed], LIMIT).await;
    fleet.kill("worker");
    for vm in &made {
        fleet.is_in(*vm, &[State::Closed], LIMIT).await;
    }
    machine.is_as_before();
}
