//! What drover speaks about: the state table, typed ids, names of outside things, and one record per resource.
//!
//! Invariant: nothing here does I/O, reads a clock, or knows HTTP, SQL or a hypervisor.

pub mod ids;
pub mod kinds;
pub mod names;
pub mod states;

pub mod backup;
pub mod ceph;
pub mod device;
pub mod gpu;
pub mod image;
pub mod pci;
pub mod project;
pub mod resource;
pub mod secret;
pub mod server;
pub mod snapshot;
pub mod virtual_router;
pub mod vm;
pub mod windows;

pub mod drift;
pub mod errand;
pub mod event;
pub mod fence;
pub mod history;
pub mod lock;
pub mod task;
pub mod trace;

mod text;

pub use ids::{
    ErrandId, EventSeq, Fence, ImageId, OrphanId, ProjectId, ResourceId, SegmentId, ServerId, TaskId, Version,
};
pub use kinds::{Kind, ResourceType, ServerType, Verb};
pub use states::State;

/// A moment in UTC, RFC 3339 on the wire.
pub type Moment = jiff::Timestamp;
