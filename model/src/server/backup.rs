//! Where a server's backups go, and how hard they may pull.

use crate::{ServerType, windows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSettings {
    /// A folder of the host, or `user@host:/folder` reached from the host with its own SSH keys; `<storage>/backups` when
    /// left out. On a Hyper-V host a folder of a drive: `E:\backups`.
    #[serde(default)]
    pub primary: Option<String>,
    #[serde(default)]
    pub secondary: Option<String>,
    /// A file on the host in ssh's own format, for the port, the key and the known hosts of a repository on another machine.
    #[serde(default)]
    pub ssh_config: Option<String>,
    /// MiB a second that the backup of one VM may read; 0 is no limit.
    #[serde(default)]
    pub bandwidth_mb: u32,
    /// How many backups a chain has at most: the next one is full.
    #[serde(default = "default_full_every")]
    pub full_every: u32,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self { primary: None, secondary: None, ssh_config: None, bandwidth_mb: 0, full_every: default_full_every() }
    }
}

fn default_full_every() -> u32 {
    7
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Folder(String),
    /// `user@host`, and the folder there.
    Ssh {
        address: String,
        folder: String,
    },
}

impl Place {
    /// Gives what is wrong with the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("a repository is an absolute path or user@host:/path of plain characters, not {text:?}");
        let plain = |text: &str, more: &[u8]| {
            let is = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte) || more.contains(&byte);
            !text.is_empty() && !text.starts_with('-') && text.bytes().all(is)
        };
        let folder = |path: &str| {
            let is = path.len() > 1 && path.starts_with('/') && plain(path, b"/") && !path.contains("/..");
            is.then(|| path.trim_end_matches('/').to_owned()).ok_or_else(wrong)
        };
        if windows::is_folder(text) {
            return Ok(Self::Folder(text.to_owned()));
        }
        match text.split_once(':') {
            None => folder(text).map(Self::Folder),
            Some((address, path)) => {
                let (user, host) = address.split_once('@').ok_or_else(wrong)?;
                if !plain(user, b"") || !plain(host, b"") {
                    return Err(wrong());
                }
                Ok(Self::Ssh { address: address.to_owned(), folder: folder(path)? })
            }
        }
    }
}

impl BackupSettings {
    pub fn check(&self, server: ServerType) -> Result<(), String> {
        for text in [&self.primary, &self.secondary].into_iter().flatten() {
            if server == ServerType::Hyperv && !windows::is_folder(text) {
                return Err(format!(
                    r"a repository of a Hyper-V host is a folder of a drive, D:\backups say, not {text:?}"
                ));
            }
            if server != ServerType::Hyperv && windows::is_folder(text) {
                return Err(format!("{text:?} is a folder of Windows, and the server is none"));
            }
            Place::read(text)?;
        }
        if self.ssh_config.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("settings.backup.ssh_config is an absolute path".into());
        }
        if self.full_every == 0 {
            return Err("settings.backup.full_every is at least 1".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_folder_here_or_there_and_nothing_that_a_shell_would_read() {
        assert_eq!(Place::read("/var/backups/"), Ok(Place::Folder("/var/backups".into())));
        let there = Place::Ssh { address: "drover@vault".into(), folder: "/srv/backups".into() };
        assert_eq!(Place::read("drover@vault:/srv/backups"), Ok(there));
        assert_eq!(Place::read(r"E:\backups"), Ok(Place::Folder(r"E:\backups".into())));
        for wrong in ["", "/", "backups", "/a b", "/a/../b", "vault:/a", "-o@vault:/a", "a@b:c", "a@b:/c;d", "/a$(b)"] {
            assert!(Place::read(wrong).is_err(), "{wrong}");
        }
    }
}
