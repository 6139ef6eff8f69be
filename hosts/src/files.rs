//! Files by way of commands: scripts that are always the same. A path is an argument, never a part of a script;
//! content goes over stdin.

use crate::host::{Effect, HostError, Invocation};
use crate::mark;

/// Under a name of its own beside it, with its mode before its content, synced, then renamed. Few programs: each costs
/// more than what it does here.
const PUT: &str = r#"set -e
case $1 in */*) d=${1%/*}/;; *) d=./;; esac
[ -d "$d" ] || mkdir -p -- "$d"
t=$d$3
trap 'rm -f -- "$t"' EXIT
(umask 077; : >"$t")
[ "$2" = 600 ] || chmod -- "$2" "$t"
dd of="$t" bs=64k conv=fsync status=none
mv -fT -- "$t" "$1"
trap - EXIT
exec sync -- "$d""#;

/// What [`GET`] answers for an absent file.
pub const ABSENT: i32 = 44;

const GET: &str = r#"[ -e "$1" ] || exit 44
exec cat -- "$1""#;

/// A command, and what it is for in words.
pub struct FileWork {
    what: String,
    pub command: Invocation,
}

impl FileWork {
    /// An error names what was to be done, not the script that does it.
    pub fn told(&self, error: HostError) -> HostError {
        error.said_of("file", &self.what)
    }
}

fn script(script: &str, arguments: &[&str]) -> Invocation {
    Invocation::acts(["sh", "-c", script, "sh"].into_iter().chain(arguments.iter().copied()))
}

pub fn put(path: &str, bytes: &[u8], mode: u32) -> FileWork {
    let part = format!(".put-{}", mark::new());
    FileWork { what: format!("write {path}"), command: script(PUT, &[path, &format!("{mode:o}"), &part]).stdin(bytes) }
}

pub fn get(path: &str) -> FileWork {
    let command = Invocation { effect: Effect::Looks, ..script(GET, &[path]) }.answers(&[0, ABSENT]);
    FileWork { what: format!("read {path}"), command }
}

pub fn remove(path: &str) -> FileWork {
    // An empty folder too, and what is absent is well.
    FileWork { what: format!("remove {path}"), command: Invocation::acts(["rm", "-df", "--", path]) }
}
