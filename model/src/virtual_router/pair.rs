//! Two nodes that hold one router: on each stands a router of its own, and one of them has the addresses.

use crate::{ResourceId, ServerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The second node; without it the API picks one that is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerId>,
    /// The router that the tenant made. Given by the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<ResourceId>,
    /// Its standby on the second node. Given by the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<ResourceId>,
}

/// Which of the two a router is. Names on a node differ by it, so that the two may share a segment, or a node in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    First,
    Second,
}

/// Both of them, as either sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    pub first: ResourceId,
    pub second: ResourceId,
}

impl Halves {
    pub fn of(pair: &Pair) -> Option<Self> {
        Some(Self { first: pair.first?, second: pair.second? })
    }

    pub fn seat(self, own: ResourceId) -> Seat {
        if own == self.second { Seat::Second } else { Seat::First }
    }

    pub fn other(self, own: ResourceId) -> ResourceId {
        match self.seat(own) {
            Seat::First => self.second,
            Seat::Second => self.first,
        }
    }
}
