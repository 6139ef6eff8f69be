//! The check on a real host: a command inside a shell script that is always the same. The rule in it is
//! [`model::fence::Seen::admit`]'s; a test compares the two.

use super::{Fences, Hold};
use crate::host::{Effect, HostError, Invocation, Output};
use crate::mark;
use model::lock::{LockName, Mode};
use model::{Fence, names};
use std::time::Duration;

/// Arguments: the mark, the folder, for each lock how it is flocked, its fence and its file, then `--` and the command.
///
/// A file holds the highest exclusive and the highest shared fence. Those who share a lock write into it in turns, by a
/// flock of the folder that is held for nothing else. Descriptor 9 is the file of the innermost lock; those of the others
/// the shell keeps for itself, where no child has them. Numbers have a fixed width and are written in place, so that only a
/// new file needs more than its data synced. A file that was pruned while it was waited for is none any more.
///
/// On SIGTERM the command goes, and the shell only after it: the files stay in hand as long as it runs.
const SCRIPT: &str = r#"m=$1 d=$2; shift 2
trap : TERM
no() { printf '\n%s %s\n' "$m" "$*" >&2; exit 1; }
seen() {
    x= s=
    read -r x s <"$f"
    x=${x:-0} s=${s:-0}
    case $x$s in *[!0-9]*) no unreadable "${f##*/}";; esac
}
keep() {
    if [ -s "$f" ]; then y=-d; else y=; fi
    printf '%19d %19d\n' "$x" "$s" 1<>"$f" || no failed
    sync $y -- "$f" "$d" || no failed
}
under() {
    if [ "$1" = -- ]; then
        shift
        command -v "$1" >/dev/null || no missing
        (exec "$@") 9>&-
        exit
    fi
    f=$d/$3
    while :; do
        {
            flock "$1" 9 || no failed
            if [ "$f" -ef /proc/self/fd/9 ]; then
                seen
                h=$x
                [ "$1" = -s ] || [ "$s" -le "$h" ] || h=$s
                [ "$h" -le "$2" ] || no fenced "$3" "$h"
                if [ "$1" = -x ]; then
                    [ "$x" -ge "$2" ] || { x=$2; keep; }
                elif [ "$s" -lt "$2" ]; then
                    {
                        flock -x 8 || no failed
                        seen
                        [ "$s" -ge "$2" ] || { s=$2; keep; }
                    } 8<"$d" || no failed
                fi
                shift 3
                under "$@"
            fi
        } 9<>"$f" || no failed
    done
}
[ -d "$d" ] || mkdir -p -- "$d" || no failed
under "$@""#;

/// Removes the files of a folder that were not written for so many seconds, and are not in use.
const PRUNE: &str = r#"[ -d "$1" ] || exit 0
exec find "$1" -type f ! -newermt "-$2 seconds" -exec flock -n {} find {} ! -newermt "-$2 seconds" -delete \;"#;

/// How long pruning may take; what is left is for the next time.
const PRUNE_LIMIT: Duration = Duration::from_secs(10);

/// A command as it is run, and how its answer is read.
pub(crate) struct Wrapped<'a> {
    command: &'a Invocation,
    guard: Option<Guard<'a>>,
}

struct Guard<'a> {
    mark: String,
    fences: &'a Fences,
    invocation: Invocation,
}

impl<'a> Wrapped<'a> {
    /// A command that looks, or is under no lock, stays as it is.
    pub fn of(command: &'a Invocation, fences: &'a Fences) -> Self {
        if fences.is_empty() || command.effect == Effect::Looks {
            return Self { command, guard: None };
        }
        let mark = mark::new();
        let mut argv: Vec<String> = ["sh", "-c", SCRIPT, "sh"].map(str::to_owned).into();
        argv.extend([mark.clone(), fences.folder().to_owned()]);
        argv.extend(fences.iter().flat_map(arguments));
        argv.push("--".into());
        argv.extend(command.argv.iter().cloned());
        let invocation = Invocation { argv, stdin: command.stdin.clone(), ..*command };
        Self { command, guard: Some(Guard { mark, fences, invocation }) }
    }

    pub fn invocation(&self) -> &Invocation {
        self.guard.as_ref().map_or(self.command, |guard| &guard.invocation)
    }

    /// What the command said, whatever its status; or why it was not run.
    pub fn read(&self, host: &str, result: Result<Output, HostError>) -> Result<Output, HostError> {
        let Some(guard) = &self.guard else { return result };
        let output = result.map_err(|error| error.said_of(self.command.program(), &self.command.line()))?;
        let wrong = |stderr: String| HostError::Failed {
            host: host.to_owned(),
            program: "fence".into(),
            line: self.command.line(),
            status: output.status,
            stderr,
        };
        let Some(words) = mark::words(&output.stderr, &guard.mark) else {
            return Err(wrong("its last words were cut".into()));
        };
        let Some((before, words)) = words.first() else { return Ok(output) };
        match words.split(' ').collect::<Vec<_>>().as_slice() {
            ["missing"] => {
                Err(HostError::ProgramMissing { host: host.to_owned(), program: self.command.program().to_owned() })
            }
            ["fenced", file, seen] => {
                let found = guard.fences.iter().find(|(lock, _)| names::fence_file(lock) == *file);
                match (found, seen.parse()) {
                    (Some((lock, Hold { fence, .. })), Ok(seen)) => {
                        Err(HostError::Fenced { host: host.to_owned(), lock: lock.clone(), seen: Fence(seen), fence })
                    }
                    _ => Err(wrong(format!("an answer that makes no sense: {words}"))),
                }
            }
            ["unreadable", file] => Err(wrong(format!("{}/{file} holds no fences", guard.fences.folder()))),
            _ => Err(wrong(String::from_utf8_lossy(&output.stderr[..*before]).trim().to_owned())),
        }
    }
}

fn arguments((lock, hold): (&LockName, Hold)) -> [String; 3] {
    let flock = match hold.mode {
        Mode::Exclusive => "-x",
        Mode::Shared => "-s",
    };
    [flock.to_owned(), hold.fence.to_string(), names::fence_file(lock)]
}

pub(crate) fn prune(folder: &str, untouched: Duration) -> Invocation {
    Invocation::acts(["sh", "-c", PRUNE, "sh", folder, &untouched.as_secs().to_string()]).deadline(PRUNE_LIMIT)
}
