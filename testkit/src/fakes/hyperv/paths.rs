//! Paths as Windows reads them, and the real files below the host's folder that stand for them.

use std::path::{Path, PathBuf};

/// The real folder's name of a drive or share, and the names below it.
fn split(path: &str) -> Option<(String, Vec<&str>)> {
    if let Some(rest) = path.strip_prefix(r"\\") {
        let mut names = rest.split('\\');
        let share = names.next().zip(names.next()).filter(|(server, share)| !server.is_empty() && !share.is_empty());
        let (server, share) = share?;
        return Some((format!("{SHARES}/{}/{}", server.to_lowercase(), share.to_lowercase()), names.collect()));
    }
    let letter = path.chars().next().filter(char::is_ascii_alphabetic)?;
    let rest = path.get(1..)?.strip_prefix(":\\")?;
    Some((letter.to_ascii_uppercase().to_string(), rest.split('\\').filter(|_| !rest.is_empty()).collect()))
}

/// The real folder of other machines' shares.
const SHARES: &str = "shares";

/// Why it names no file.
pub(super) fn check(path: &str) -> Result<(), String> {
    let path = path.strip_suffix('\\').filter(|rest| !rest.ends_with(':')).unwrap_or(path);
    let Some((_, names)) = split(path) else {
        return Err(format!("{path} does not begin with a drive or a share"));
    };
    if path.chars().count() > 259 {
        return Err(format!("{path} is longer than 259 characters"));
    }
    for name in names {
        let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
        let device = ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str())
            || stem.len() == 4
                && (stem.starts_with("COM") || stem.starts_with("LPT"))
                && stem.ends_with(|last: char| ('1'..='9').contains(&last));
        if device {
            return Err(format!("{path}: {name} is the name of a device"));
        }
        if name.is_empty() || name.ends_with(['.', ' ']) {
            return Err(format!("{path}: {name:?} is no name"));
        }
        if let Some(odd) = name.chars().find(|letter| letter.is_control() || r#"<>:"/|?*"#.contains(*letter)) {
            return Err(format!("{path}: {odd:?} may not be in a name"));
        }
    }
    Ok(())
}

/// The real file, whose names are found whatever their case.
pub(super) fn real(root: &Path, path: &str) -> PathBuf {
    let (top, names) = split(path).unwrap_or_else(|| panic!("{path} begins with a drive or a share"));
    let mut real = root.join(top);
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        let exact = real.join(name);
        real = if exact.symlink_metadata().is_ok() { exact } else { blind(&real, name).unwrap_or(exact) };
    }
    real
}

fn blind(folder: &Path, name: &str) -> Option<PathBuf> {
    let wanted = name.to_lowercase();
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.find(|entry| entry.file_name().to_string_lossy().to_lowercase() == wanted).map(|entry| entry.path())
}

/// The path that the real file stands for.
pub(super) fn shown(root: &Path, real: &Path) -> String {
    let rest = real.strip_prefix(root).unwrap_or(real).display().to_string();
    if let Some(share) = rest.strip_prefix(SHARES) {
        return format!("\\{}", share.replace('/', "\\"));
    }
    let (letter, rest) = rest.split_once('/').unwrap_or((&rest, ""));
    format!("{letter}:\\{}", rest.replace('/', "\\"))
}

pub(super) fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('\\').to_lowercase() == other.trim_end_matches('\\').to_lowercase()
}

/// Whether it is this folder or below it.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    let (path, folder) = (path.to_lowercase(), folder.trim_end_matches('\\').to_lowercase());
    path == folder || path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('\\'))
}

pub(super) fn parent(path: &str) -> &str {
    path.trim_end_matches('\\').rsplit_once('\\').map_or(path, |(parent, _)| parent)
}

pub(super) fn name(path: &str) -> &str {
    path.trim_end_matches('\\').rsplit_once('\\').map_or(path, |(_, name)| name)
}

pub(super) fn join(folder: &str, name: &str) -> String {
    format!("{}\\{name}", folder.trim_end_matches('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_does_not_take_is_no_path() {
        for bad in [
            "/etc/passwd",
            "D:",
            "drover",
            r"D:drover",
            r"\\server",
            r"D:\a\\b",
            r"D:\nul",
            r"D:\Com1.txt",
            r"D:\a.",
            r"D:\a \c",
            r"D:\a*",
            r"D:\a\..\b",
            "D:\\a/b",
            r"D:\a:b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for good in [
            r"D:\",
            r"D:\drover\vms\7\root.vhdx",
            r"d:\Mit Leerzeichen\ü.iso",
            r"D:\com10",
            r"D:\a.part",
            r"\\server\share\x",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn below_is_below_whatever_the_case() {
        assert!(is_below(r"d:\Drover\VMs\7\a", r"D:\drover\vms\7"));
        assert!(!is_below(r"D:\drover\vms\71", r"D:\drover\vms\7"));
    }
}
