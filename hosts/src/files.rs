//! Files by way of commands: three scripts that are always the same. A path is an argument, never a part of a script;
//! content goes over stdin.

use crate::host::{Effect, HostError, Invocation};

/// A temporary name beside it, the mode before the content, synced, renamed.
const PUT: &str = r#"set -e
case $1 in */*) d=${1%/*}/;; *) d=./;; esac
[ -d "$d" ] || mkdir -p -- "$d"
t=$(mktemp -- "${d}.put-XXXXXXXXXX")
trap 'rm -f -- "$t"' EXIT
[ "$2" = 600 ] || chmod -- "$2" "$t"
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
    FileWork { what: format!("write {path}"), command: script(PUT, &[path, &format!("{mode:o}")]).stdin(bytes) }
}

pub fn get(path: &str) -> FileWork {
    let command = Invocation { effect: Effect::Looks, ..script(GET, &[path]) }.answers(&[0, ABSENT]);
    FileWork { what: format!("read {path}"), command }
}

pub fn remove(path: &str) -> FileWork {
    FileWork { what: format!("remove {path}"), command: script(REMOVE, &[path]) }
}
