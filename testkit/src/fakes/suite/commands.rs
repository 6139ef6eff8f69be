//! Running commands: arguments, answers, deadlines, and what is gone afterwards.

use super::{Ground, noise};
use crate::{LIMIT, eventually};
use futures::future::join_all;
use hosts::{Host, HostError, Invocation, Output};
use std::time::{Duration, Instant};

pub(super) fn sh(script: &str) -> Invocation {
    Invocation::acts(["sh", "-c", script])
}

pub(super) async fn run(host: &dyn Host, command: Invocation) -> Output {
    host.run(&command).await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

pub async fn an_answer_comes_with_its_status_and_both_streams(ground: &Ground) {
    let command = sh("echo said; echo complained >&2; exit 3").answers(&[0, 3]);
    let output = run(ground.host.as_ref(), command).await;
    let wanted = Output { status: 3, stdout: b"said\n".to_vec(), stderr: b"complained\n".to_vec() };
    assert_eq!(output, wanted);
}

pub async fn a_status_that_is_no_answer_is_a_failure(ground: &Ground) {
    // 255 is ssh's own, 127 a shell's, 124 and 137 those of a command that was stopped: here each is the command's.
    for status in [1, 44, 124, 126, 127, 137, 255] {
        let failed = ground.host.run(&sh(&format!("echo no >&2; exit {status}"))).await.unwrap_err();
        let HostError::Failed { host, program, status: found, stderr, .. } = &failed else { panic!("{failed}") };
        assert_eq!((host.as_str(), program.as_str(), *found), (ground.host.name(), "sh", status));
        assert_eq!(stderr, "no");
    }
}

pub async fn a_program_that_is_missing_is_named(ground: &Ground) {
    let missing = ground.host.run(&Invocation::looks(["no-such-program", "--version"])).await.unwrap_err();
    assert!(matches!(&missing, HostError::ProgramMissing { program, .. } if program == "no-such-program"), "{missing}");
    // A program that misses another one is not missing itself.
    let failed = ground.host.run(&sh("no-such-program")).await.unwrap_err();
    assert_eq!(failed.status(), Some(127), "{failed}");
}

pub async fn arguments_cross_as_they_are(ground: &Ground) {
    let odd = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "''\\''",
        "\\",
        "\\\\",
        "$HOME",
        "`id`",
        "$(id)",
        "a\nb\n",
        "\t",
        "*",
        "~",
        "-n",
        "--",
        "!x",
        "ü→🐂",
        "%s",
        "#",
        "a;b|c&d>e",
    ];
    let argv = ["printf", "[%s]\\0"].into_iter().chain(odd);
    let output = run(ground.host.as_ref(), Invocation::looks(argv)).await;
    let wanted: String = odd.iter().map(|argument| format!("[{argument}]\u{0}")).collect();
    assert_eq!(output.text(), wanted);
}

pub async fn answers_are_in_no_operators_language(ground: &Ground) {
    let output = run(ground.host.as_ref(), sh("echo $LC_ALL")).await;
    assert_eq!(output.text(), "C\n");
}

pub async fn much_goes_in_and_out_at_once(ground: &Ground) {
    let bytes = noise(4 << 20);
    let output = run(ground.host.as_ref(), Invocation::looks(["cat"]).stdin(bytes.clone())).await;
    assert!(output.stdout == bytes, "{} of {} bytes came back as they were", output.stdout.len(), bytes.len());
    let output = run(ground.host.as_ref(), sh("cat >&2").stdin(bytes.clone())).await;
    assert!(output.stderr == bytes, "{} of {} bytes came back as they were", output.stderr.len(), bytes.len());
}

pub async fn a_program_need_not_read_what_it_is_given(ground: &Ground) {
    run(ground.host.as_ref(), Invocation::looks(["true"]).stdin(noise(4 << 20))).await;
    let output =
        run(ground.host.as_ref(), Invocation::looks(["head", "-c", "3"]).stdin("abcdef".repeat(1 << 18))).await;
    assert_eq!(output.text(), "abc");
}

pub async fn a_program_without_stdin_sees_its_end(ground: &Ground) {
    let output = run(ground.host.as_ref(), Invocation::looks(["cat"]).deadline(Duration::from_secs(10))).await;
    assert_eq!(output.stdout, b"");
}

pub async fn an_answer_without_end_makes_no_sense(ground: &Ground) {
    let begun = Instant::now();
    let endless = Invocation::looks(["cat", "/dev/zero"]).deadline(Duration::from_secs(100));
    let nonsense = ground.host.run(&endless).await.unwrap_err();
    assert!(matches!(&nonsense, HostError::Nonsense { program, .. } if program == "cat"), "{nonsense}");
    assert!(begun.elapsed() < Duration::from_secs(60), "it was read on for {:?}", begun.elapsed());
}

/// Writes its own number and a child's into a file, and goes on for an hour whatever it is told.
pub(super) fn stubborn(file: &str) -> Invocation {
    let script =
        "trap '' TERM; sleep 3600 & printf '%s %s' $$ $! >\"$1.part\"; mv \"$1.part\" \"$1\"; wait; sleep 3600";
    Invocation::acts(["sh", "-c", script, "sh", file])
}

pub(super) async fn pids(ground: &Ground, file: &str) -> Vec<String> {
    eventually(LIMIT, "the processes are named", async || match ground.host.get(file).await {
        Ok(Some(bytes)) => Ok(String::from_utf8_lossy(&bytes).split(' ').map(str::to_owned).collect()),
        other => Err(format!("{other:?}")),
    })
    .await
}

pub(super) async fn are_gone(ground: &Ground, pids: &[String]) {
    // A zombie has a number and runs no more.
    let script =
        "for pid; do case $(cut -d' ' -f3 \"/proc/$pid/stat\" 2>/dev/null) in ''|Z) ;; *) echo \"$pid\";; esac; done";
    let command = Invocation::looks(["sh", "-c", script, "sh"].into_iter().chain(pids.iter().map(String::as_str)));
    eventually(LIMIT, "the processes are gone", async || {
        match run(ground.host.as_ref(), command.clone()).await.text() {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

pub async fn a_deadline_stops_a_command_and_its_children(ground: &Ground) {
    let file = ground.path("pids");
    let deadline = Duration::from_secs(1);
    let stopped = ground.host.run(&stubborn(&file).deadline(deadline)).await.unwrap_err();
    assert!(matches!(&stopped, HostError::Deadline { deadline: found, .. } if *found == deadline), "{stopped}");
    are_gone(ground, &pids(ground, &file).await).await;
    // The way to the host is still good.
    run(ground.host.as_ref(), Invocation::looks(["true"])).await;
}

pub async fn a_dropped_command_is_stopped_with_its_children(ground: &Ground) {
    let file = ground.path("pids");
    let command = stubborn(&file);
    let host = ground.host.clone();
    let running = tokio::spawn(async move { host.run(&command).await.map(drop) });
    let pids = pids(ground, &file).await;
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    are_gone(ground, &pids).await;
}

pub async fn what_a_command_leaves_behind_ends_with_it(ground: &Ground) {
    let begun = Instant::now();
    let output = run(ground.host.as_ref(), sh("sleep 3600 & echo $!")).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "it was waited for");
    are_gone(ground, &[output.text().trim().to_owned()]).await;
}

pub async fn commands_run_side_by_side(ground: &Ground) {
    // Each waits for the one before it: in turns they would never end.
    const COUNT: usize = 4;
    let script = "until [ -e \"$1\" ]; do sleep 0.01; done; : >\"$2\"";
    let begin = ground.path("turn-0");
    let commands = (0..COUNT).rev().map(|turn| {
        let (before, own) = (ground.path(&format!("turn-{turn}")), ground.path(&format!("turn-{}", turn + 1)));
        let argv = ["sh", "-c", script, "sh", &before, &own].map(str::to_owned);
        async move { run(ground.host.as_ref(), Invocation::acts(argv).deadline(LIMIT)).await }
    });
    let (_, begun) = tokio::join!(join_all(commands), ground.host.put(&begin, b"", 0o600));
    begun.expect("the first turn is given");
}
