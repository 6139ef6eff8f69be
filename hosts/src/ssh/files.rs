//! Files of the far side: three scripts that are always the same. A path is an argument, never a part of a script; content
//! goes over stdin.

use super::Ssh;
use crate::host::{HostError, Invocation, Output};

/// As on this machine: a temporary name beside it, the mode before the content, synced, renamed.
const PUT: &str = r#"set -e
case $1 in */*) d=${1%/*}/;; *) d=./;; esac
mkdir -p -- "$d"
t=$(mktemp -- "${d}.put-XXXXXXXXXX")
trap 'rm -f -- "$t"' EXIT
chmod -- "$2" "$t"
cat >"$t"
sync -- "$t"
mv -fT -- "$t" "$1"
sync -- "$d""#;

/// What [`GET`] answers for an absent file.
pub const ABSENT: i32 = 44;

const GET: &str = r#"[ -e "$1" ] || exit 44
exec cat -- "$1""#;

const REMOVE: &str = r#"if [ -d "$1" ] && ! [ -L "$1" ]; then exec rmdir -- "$1"; fi
exec rm -f -- "$1""#;

/// A script, and what it is for in words.
pub struct FileWork {
    what: String,
    command: Invocation,
}

fn script(script: &str, arguments: &[&str]) -> Invocation {
    Invocation::acts(["sh", "-c", script, "sh"].into_iter().chain(arguments.iter().copied()))
}

pub fn put(path: &str, bytes: &[u8], mode: u32) -> FileWork {
    FileWork { what: format!("write {path}"), command: script(PUT, &[path, &format!("{mode:o}")]).stdin(bytes) }
}

pub fn get(path: &str) -> FileWork {
    FileWork { what: format!("read {path}"), command: script(GET, &[path]).answers(&[0, ABSENT]) }
}

pub fn remove(path: &str) -> FileWork {
    FileWork { what: format!("remove {path}"), command: script(REMOVE, &[path]) }
}

impl Ssh {
    /// An error names what was to be done, not the script that does it.
    pub(super) async fn file(&self, work: FileWork) -> Result<Output, HostError> {
        let FileWork { what, command } = work;
        self.cross(&command).await.map_err(|error| match error {
            HostError::Failed { host, status, stderr, .. } => {
                HostError::Failed { host, program: "file".into(), line: what, status, stderr }
            }
            HostError::Deadline { host, deadline, .. } => {
                HostError::Deadline { host, program: "file".into(), line: what, deadline }
            }
            HostError::Nonsense { host, reason, .. } => {
                HostError::Nonsense { host, program: "file".into(), line: what, reason }
            }
            other => other,
        })
    }
}
