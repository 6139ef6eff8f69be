//! The records of the tables, as they are kept.

mod errand;
mod fleet;
mod resource;
mod story;
mod task;

pub(crate) use errand::ErrandRow;
pub(crate) use fleet::{SegmentRow, ServerRow};
pub(crate) use resource::ResourceRow;
pub(crate) use story::{Answered, StepRow, Tally, Told};
pub(crate) use task::TaskRow;
