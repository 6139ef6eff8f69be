//! Typed ids, from one list. On the wire each is a plain number.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    ErrandId;
    /// The place of an event in the feed; rises by one, without gaps, in the order of commits.
    EventSeq;
    /// Rises with each attempt on a resource, or each grant of a lock; a write that carries a smaller one is refused.
    Fence;
    ImageId;
    OrphanId;
    ProjectId;
    /// One sequence for all six types of resource: an id never means two things.
    ResourceId;
    /// Of a layer-2 segment of a project; names its bridges, VLANs and VXLANs.
    SegmentId;
    ServerId;
    TaskId;
    /// Rises with each change of a record; the ETag.
    Version;
}

/// Below every fence that is given out.
impl Default for Fence {
    fn default() -> Self {
        Self(0)
    }
}
