//! The guard around real programs: it changes nothing of a command, lets none overlap, and leaves nothing behind.

use super::commands::{are_gone, pids, run, sh, stubborn};
use super::fences::{is_fenced, lock};
use super::{Ground, noise};
use crate::LIMIT;
use futures::future::join_all;
use hosts::{Fences, HostError, Invocation, Output};
use model::fence::Seen;
use model::lock::Mode;
use model::{Fence, names};
use std::time::Duration;

async fn act(ground: &Ground, fences: &Fences, command: Invocation) -> Output {
    let result = ground.host.run_under(fences, &command).await;
    result.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn touch(ground: &Ground, name: &str) -> Invocation {
    Invocation::acts(["touch", &ground.path(name)])
}

async fn exists(ground: &Ground, name: &str) -> bool {
    let look = Invocation::looks(["test", "-e", &ground.path(name)]).answers(&[0, 1]);
    run(ground.host.as_ref(), look).await.status == 0
}

pub async fn a_command_that_is_late_is_not_run(ground: &Ground) {
    act(ground, &ground.alone(5), touch(ground, "five")).await;
    is_fenced(ground.host.run_under(&ground.alone(4), &touch(ground, "four")).await, 5, 4);
    assert!(exists(ground, "five").await && !exists(ground, "four").await);
    // A look is for everyone.
    ground.host.run_under(&ground.alone(4), &Invocation::looks(["true"])).await.unwrap();
}

pub async fn the_script_and_the_rule_agree(ground: &Ground) {
    let mut seen = Seen::default();
    for pair in noise(60).chunks(2) {
        let (fence, mode) =
            (i64::from(pair[0] % 16) + 1, if pair[1] % 2 == 0 { Mode::Exclusive } else { Mode::Shared });
        let result = ground.host.run_under(&ground.held(mode, fence), &Invocation::acts(["true"])).await;
        match seen.admit(mode, Fence(fence)) {
            Ok(now) => {
                result.unwrap_or_else(|error| panic!("{fence} {mode} after {seen:?}: {error}"));
                seen = now;
            }
            Err(Fence(against)) => is_fenced(result, against, fence),
        }
    }
}

pub async fn a_guarded_command_is_as_it_was(ground: &Ground) {
    let fences = ground.alone(5).with(
        model::lock::LockName::Pool { host: "kvm-1".into(), pool: "images".into() },
        Mode::Shared,
        Fence(3),
    );
    let bytes = noise(1 << 20);
    let output = act(ground, &fences, Invocation::acts(["cat"]).stdin(bytes.clone())).await;
    assert!(output.stdout == bytes, "{} of {} bytes came back as they were", output.stdout.len(), bytes.len());
    let said = act(ground, &fences, sh("echo said; echo complained >&2; exit 3").answers(&[3])).await;
    assert_eq!(said, Output { status: 3, stdout: b"said\n".to_vec(), stderr: b"complained\n".to_vec() });
    // The program, not a shell's own.
    let odd = ["", " ", "'", "$HOME", "a\nb\n", "-n", "--", "*", "ü→🐂", "%s"];
    let argv = ["printf", "[%s]\\0"].into_iter().chain(odd);
    let wanted: String = odd.iter().map(|argument| format!("[{argument}]\u{0}")).collect();
    assert_eq!(act(ground, &fences, Invocation::acts(argv)).await.text(), wanted);
    let open = act(ground, &fences, Invocation::acts(["ls", "-l", "/proc/self/fd"])).await.text();
    assert!(!open.contains(fences.folder()), "it was left the guard's files: {open}");
    for status in [1, 126, 127, 143] {
        let failed = ground.host.run_under(&fences, &sh(&format!("echo no >&2; exit {status}"))).await.unwrap_err();
        assert_eq!((failed.status(), failed.stderr()), (Some(status), "no"));
    }
    let missing = ground.host.run_under(&fences, &Invocation::acts(["no-such-program"])).await.unwrap_err();
    assert!(matches!(&missing, HostError::ProgramMissing { program, .. } if program == "no-such-program"), "{missing}");
}

pub async fn what_cannot_be_read_admits_nobody(ground: &Ground) {
    let file = format!("{}/{}", ground.fences().folder(), names::fence_file(&lock()));
    act(ground, &ground.alone(5), Invocation::acts(["true"])).await;
    let kept = ground.host.get(&file).await.unwrap().expect("it is kept in a file");
    assert_eq!(String::from_utf8_lossy(&kept).split_whitespace().collect::<Vec<_>>(), ["5", "0"]);
    ground.host.put(&file, b"something else\n", 0o600).await.unwrap();
    let refused = ground.host.run_under(&ground.alone(6), &touch(ground, "made")).await.unwrap_err();
    assert!(refused.stderr().contains("holds no fences"), "{refused}");
    assert!(!exists(ground, "made").await);
}

pub async fn commands_of_one_lock_do_not_overlap(ground: &Ground) {
    let inside = ground.path("inside");
    let alone = "mkdir \"$1\" || exit 9; sleep 0.05; rmdir \"$1\"";
    let beside = "[ ! -e \"$1\" ] || exit 9; sleep 0.05; [ ! -e \"$1\" ] || exit 9";
    join_all((0..8).map(|turn| {
        let (mode, script) = if turn % 2 == 0 { (Mode::Exclusive, alone) } else { (Mode::Shared, beside) };
        let command = Invocation::acts(["sh", "-c", script, "sh", &inside]);
        async move { act(ground, &ground.held(mode, 5), command).await }
    }))
    .await;
}

pub async fn commands_that_share_a_lock_run_side_by_side(ground: &Ground) {
    // Each waits for the other: in turns they would never end.
    let script = ": >\"$1\"; until [ -e \"$2\" ]; do sleep 0.01; done";
    let (one, other) = (ground.path("one"), ground.path("other"));
    join_all([(5, &one, &other), (6, &other, &one)].map(|(fence, own, others)| {
        let command = Invocation::acts(["sh", "-c", script, "sh", own, others]).deadline(LIMIT);
        async move { act(ground, &ground.held(Mode::Shared, fence), command).await }
    }))
    .await;
}

pub async fn a_command_that_is_stopped_keeps_the_next_one_out_until_it_is_gone(ground: &Ground) {
    let file = ground.path("pids");
    let first = stubborn(&file).deadline(Duration::from_secs(1));
    // It goes on after SIGTERM, for longer than a killed process takes to vanish.
    let gone = "for try in 1 2 3 4 5; do case $(cut -d' ' -f3 \"/proc/$(cut -d' ' -f1 <\"$1\")/stat\" 2>/dev/null) in \
                ''|Z|X) exit 0;; esac; sleep 0.1; done; exit 9";
    let second = Invocation::acts(["sh", "-c", gone, "sh", &file]);
    let fences = [ground.alone(5), ground.alone(6)];
    let (stopped, _) = tokio::join!(ground.host.run_under(&fences[0], &first), async {
        pids(ground, &file).await;
        act(ground, &fences[1], second).await
    });
    assert!(matches!(&stopped, Err(HostError::Deadline { program, .. }) if program == "sh"), "{stopped:?}");
    are_gone(ground, &pids(ground, &file).await).await;
}

pub async fn a_command_that_is_dropped_keeps_nothing(ground: &Ground) {
    let file = ground.path("pids");
    let (host, fences, command) = (ground.host.clone(), ground.alone(5), stubborn(&file));
    let running = tokio::spawn(async move { host.run_under(&fences, &command).await.map(drop) });
    let pids = pids(ground, &file).await;
    // What waits for it is stopped by its own deadline.
    let late = touch(ground, "late").deadline(Duration::from_secs(1));
    let stopped = ground.host.run_under(&ground.alone(6), &late).await.unwrap_err();
    assert!(matches!(&stopped, HostError::Deadline { program, .. } if program == "touch"), "{stopped}");
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    are_gone(ground, &pids).await;
    assert!(!exists(ground, "late").await);
    act(ground, &ground.alone(7), Invocation::acts(["true"])).await;
}

pub async fn a_daemon_that_a_command_leaves_keeps_nothing(ground: &Ground) {
    let file = ground.path("pid");
    // It waits until the daemon is out of its process group: before that it would end with it.
    let daemon = "echo $$ >\"$1.part\"; mv \"$1.part\" \"$1\"; exec sleep 3600";
    let script = "setsid -f sh -c \"$2\" sh \"$1\" >/dev/null 2>&1; until [ -e \"$1\" ]; do sleep 0.01; done";
    act(ground, &ground.alone(5), Invocation::acts(["sh", "-c", script, "sh", &file, daemon])).await;
    act(ground, &ground.alone(6), Invocation::acts(["true"]).deadline(LIMIT)).await;
    let pid = ground.host.get(&file).await.unwrap().expect("the daemon is named");
    let pid = String::from_utf8_lossy(&pid).trim().to_owned();
    run(ground.host.as_ref(), Invocation::acts(["kill", "-KILL", &pid])).await;
}
