//! The files of locks, as the agent keeps them: open while a request runs, with the highest fences they were held with.

use cmdlets::{Held, Own, Problem, Share};
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// The file in hand, unless another process has it or a higher fence was seen.
pub(super) fn hold(real: &Path, held: &Held) -> Result<File, Problem> {
    let path = held.path.as_str();
    let folder = real.parent().unwrap_or(real);
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let opened = File::options().create(true).truncate(false).read(true).write(true).open(real);
    let mut file = opened.unwrap_or_else(|error| panic!("{}: {error}", real.display()));
    let together = held.share == Share::Together;
    let taken = if together { file.try_lock_shared() } else { file.try_lock() };
    if taken.is_err() {
        return Err(Problem::of(Own::Busy { path }));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap_or_else(|error| panic!("{}: {error}", real.display()));
    let mut seen = [0_u64; 2];
    for (seen, number) in seen.iter_mut().zip(text.split_whitespace()) {
        *seen = number.parse().unwrap_or(u64::MAX);
    }
    let highest = if together { seen[0] } else { seen[0].max(seen[1]) };
    if highest > held.fence {
        return Err(Problem::of(Own::Fenced { seen: highest as i64, path }));
    }
    let own = &mut seen[usize::from(together)];
    if *own < held.fence {
        *own = held.fence;
        let text = format!("{:019} {:019}", seen[0], seen[1]);
        file.rewind().and_then(|()| file.write_all(text.as_bytes())).unwrap_or_else(|error| panic!("{error}"));
    }
    Ok(file)
}
