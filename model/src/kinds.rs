//! The six types of resource, the hardware that makes them eleven kinds, and the seven verbs.

use crate::states;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Enums that are one lower-case word on the wire, in paths, in the database and on screen.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$case_doc])* #[serde(rename = $word)] $case,)*
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$case,)*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$case),)*
                    other => Err(UnknownWord { word: other.to_owned(), known: &[$($word,)*] }),
                }
            }
        }
    )*};
}
pub(crate) use words;

/// A word that names none of the cases.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownWord {
    pub word: String,
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of {}", self.word, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

words! {
    /// One thing a tenant owns.
    ResourceType {
        Vm = "vm",
        VirtualRouter = "virtual_router",
        Snapshot = "snapshot",
        Backup = "backup",
        Ceph = "ceph",
        Gpu = "gpu",
    }

    /// A resource on its hardware; also the driver's name.
    Kind {
        BackupHyperv = "backup_hyperv",
        BackupKvm = "backup_kvm",
        Ceph = "ceph",
        Gpu = "gpu",
        SnapshotHyperv = "snapshot_hyperv",
        SnapshotKvm = "snapshot_kvm",
        VirtualRouter = "virtual_router",
        VirtualRouterPhantom = "virtual_router_phantom",
        VmHyperv = "vm_hyperv",
        VmKvm = "vm_kvm",
        VmPhantom = "vm_phantom",
    }

    Verb {
        Build = "build",
        Quiesce = "quiesce",
        Restart = "restart",
        Scrub = "scrub",
        Scrubprep = "scrubprep",
        Updatequiesced = "updatequiesced",
        Updaterunning = "updaterunning",
    }

    /// What a server of the region is.
    ServerType {
        Kvm = "kvm",
        Hyperv = "hyperv",
        /// No hardware: state changes only.
        Phantom = "phantom",
        /// A node that holds virtual routers.
        Router = "router",
        Ceph = "ceph",
    }
}

impl Kind {
    pub const fn resource_type(self) -> ResourceType {
        match self {
            Self::VmHyperv | Self::VmKvm | Self::VmPhantom => ResourceType::Vm,
            Self::VirtualRouter | Self::VirtualRouterPhantom => ResourceType::VirtualRouter,
            Self::SnapshotHyperv | Self::SnapshotKvm => ResourceType::Snapshot,
            Self::BackupHyperv | Self::BackupKvm => ResourceType::Backup,
            Self::Ceph => ResourceType::Ceph,
            Self::Gpu => ResourceType::Gpu,
        }
    }

    /// The kind that a type of resource is on a type of server; none where the server cannot hold it.
    pub const fn of(resource: ResourceType, server: ServerType) -> Option<Self> {
        match (resource, server) {
            (ResourceType::Vm, ServerType::Kvm) => Some(Self::VmKvm),
            (ResourceType::Vm, ServerType::Hyperv) => Some(Self::VmHyperv),
            (ResourceType::Vm, ServerType::Phantom) => Some(Self::VmPhantom),
            (ResourceType::VirtualRouter, ServerType::Router) => Some(Self::VirtualRouter),
            (ResourceType::VirtualRouter, ServerType::Phantom) => Some(Self::VirtualRouterPhantom),
            (ResourceType::Snapshot, ServerType::Kvm) => Some(Self::SnapshotKvm),
            (ResourceType::Snapshot, ServerType::Hyperv) => Some(Self::SnapshotHyperv),
            (ResourceType::Backup, ServerType::Kvm) => Some(Self::BackupKvm),
            (ResourceType::Backup, ServerType::Hyperv) => Some(Self::BackupHyperv),
            (ResourceType::Ceph, ServerType::Ceph) => Some(Self::Ceph),
            (ResourceType::Gpu, ServerType::Kvm) => Some(Self::Gpu),
            _ => None,
        }
    }

    /// The verbs this kind has, in the order of the state table.
    pub fn verbs(self) -> impl Iterator<Item = Verb> {
        states::TABLE.iter().filter(move |row| row.kinds.contains(&self)).map(|row| row.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleven_kinds_have_fifty_one_verbs() {
        let counts: Vec<_> = Kind::ALL.iter().map(|kind| (kind.word(), kind.verbs().count())).collect();
        assert_eq!(
            counts,
            [
                ("backup_hyperv", 2),
                ("backup_kvm", 2),
                ("ceph", 4),
                ("gpu", 2),
                ("snapshot_hyperv", 3),
                ("snapshot_kvm", 3),
                ("virtual_router", 7),
                ("virtual_router_phantom", 7),
                ("vm_hyperv", 7),
                ("vm_kvm", 7),
                ("vm_phantom", 7),
            ]
        );
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<usize>(), 51);
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = "vmware".parse::<ServerType>().unwrap_err();
        assert_eq!(error.to_string(), "\"vmware\" is none of kvm, hyperv, phantom, router, ceph");
    }
}
