//! The one line that crosses to the far side, and what comes back of it.
//!
//! The command runs under a shell script that is always the same, in a session of its own, with two watchers beside it: one
//! sleeps for the deadline, one reads the connection's stdin to its end, which comes only when the near side has gone.
//! Either stops the whole process group. The far side's answer is a line of stderr that begins with a mark of this call's own,
//! so that no output of a command can pass for it.

use crate::host::Invocation;
use crate::mark;
use std::time::Duration;

/// Arguments: the mark, the length of stdin in bytes, the deadline in seconds, the command. Stdin is these bytes, then a
/// full stop, then nothing until this side goes away: what was cut on the way is never taken for the whole. A side that has
/// gone reads no more, so that a write must not end what is about to stop the rest.
const WRAPPER: &str = r#"m=$1 n=$2 t=$3; shift 3
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; export PATH LC_ALL
command -v "$1" >/dev/null 2>&1 || { printf '\n%s missing\n' "$m" >&2; exit; }
stop() { trap '' TERM PIPE; printf '\n%s %s\n' "$m" "$1" >&2; kill -TERM 0; sleep 2; kill -KILL 0; }
trap : TERM
exec 3<&0
(sleep "$t"; stop deadline) </dev/null >/dev/null 3<&- &
{ if head -c "$n" 2>/dev/null; then [ "$(head -c 1)" = . ] || kill -KILL 0; fi; exec >&-; cat >/dev/null; stop gone; } <&3 3<&- |
{ trap : TERM; (exec "$@") 3<&-; s=$?; trap '' PIPE; printf '\n%s %d\n' "$m" "$s" >&2; kill -KILL 0; }"#;

/// What the far side said of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Ended { status: i32, stderr: Vec<u8> },
    Missing,
    Deadline,
}

/// The line that the far side's login shell is given.
pub fn line(command: &Invocation, mark: &str) -> String {
    let (length, deadline) = (command.stdin.len().to_string(), seconds(command.deadline));
    let before = ["setsid", "-w", "sh", "-c", WRAPPER, "sh", mark, &length, &deadline];
    let argv = before.into_iter().chain(command.argv.iter().map(String::as_str));
    argv.map(quoted).collect::<Vec<_>>().join(" ")
}

/// The command's stdin as the wrapper wants it.
pub fn stdin(bytes: &[u8]) -> Vec<u8> {
    [bytes, b"."].concat()
}

fn seconds(deadline: Duration) -> String {
    format!("{:.3}", deadline.as_secs_f64())
}

/// The one place where an argument becomes part of a shell's line: in single quotes, a quote itself outside of them.
pub fn quoted(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// Finds the answer in the far side's stderr; none when it is not there, or was cut.
pub fn answer(stderr: &[u8], mark: &str) -> Option<Answer> {
    let words = mark::words(stderr, mark)?;
    // A command that is stopped may still end with a status of its own.
    if words.iter().any(|(_, word)| *word == "deadline") {
        return Some(Answer::Deadline);
    }
    match words.first()? {
        (_, "missing") => Some(Answer::Missing),
        (end, word) => Some(Answer::Ended { status: word.parse().ok()?, stderr: stderr[..*end].to_vec() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::local::Local;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_quoted_comes_out_of_a_real_shell_as_it_went_in(arguments in prop::collection::vec("[^\u{0}]{0,20}", 1..4)) {
            let line = arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let command = Invocation::looks(["sh".to_owned(), "-c".into(), format!("printf '%s\\0' {line}")]);
            let output = runtime.block_on(Local::new("here").run(&command)).unwrap();
            let wanted: String = arguments.iter().map(|argument| format!("{argument}\u{0}")).collect();
            prop_assert_eq!(output.text(), wanted);
        }
    }

    #[test]
    fn the_answer_is_found_behind_whatever_the_command_said() {
        let ended = |status, stderr: &[u8]| Some(Answer::Ended { status, stderr: stderr.to_vec() });
        assert_eq!(answer(b"\nM 0\n", "M"), ended(0, b""));
        assert_eq!(answer(b"oops\n\nM 255\nsetsid: child 7 did not exit normally\n", "M"), ended(255, b"oops\n"));
        assert_eq!(answer(b"\xff\nN 0\n\nM 3\n", "M"), ended(3, b"\xff\nN 0\n"));
        assert_eq!(answer(b"\nM missing\n", "M"), Some(Answer::Missing));
        assert_eq!(answer(b"\nM deadline\nTerminated\n\nM 143\n", "M"), Some(Answer::Deadline));
        for none in [&b""[..], b"Connection reset", b"\nM 12", b"\nM gone\n"] {
            assert_eq!(answer(none, "M"), None);
        }
    }

    #[test]
    fn no_argument_holds_what_goes_over_stdin() {
        let command = Invocation::acts(["virsh", "define", "/dev/stdin"]).stdin("canary");
        assert!(!line(&command, "M").contains("canary"));
        assert_eq!(stdin(&command.stdin), b"canary.");
    }
}
