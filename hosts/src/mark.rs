//! Lines of stderr in which a script of ours speaks: each begins with a mark of one call's own, so that no output of a
//! command can pass for it.

use uuid::Uuid;

pub fn new() -> String {
    Uuid::new_v4().simple().to_string()
}

/// What the script said, each with the place where it begins; none when the last was cut.
pub fn words<'a>(stderr: &'a [u8], mark: &str) -> Option<Vec<(usize, &'a str)>> {
    let sign = format!("\n{mark} ").into_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&stderr[at..], &sign) {
        let from = at + found + sign.len();
        let length = find(&stderr[from..], b"\n")?;
        words.push((at + found, std::str::from_utf8(&stderr[from..from + length]).ok()?));
        at = from + length;
    }
    Some(words)
}

fn find(bytes: &[u8], sign: &[u8]) -> Option<usize> {
    bytes.windows(sign.len()).position(|window| window == sign)
}
