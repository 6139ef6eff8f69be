//! The state table: who may ask for what, which verb works it, through which state and into which.
//!
//! Keyed by (kind, found); the verb is a value. The API's rules, the dispatcher's routing, the lifecycle's writes, the
//! reference page and the metrics' labels are all read from here.

use crate::kinds::{Kind, ResourceType, Verb, words};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

use crate::kinds::UnknownWord;

words! {
    /// Where a resource is. The numbers, [`State::number`], are part of the public interface.
    State {
        /// Known, and not to be touched by any driver.
        Ignore = "ignore",
        Requested = "requested",
        Building = "building",
        /// The one failure state; the history says which verb, step, host, command and error.
        Unresourced = "unresourced",
        Running = "running",
        Quiesce = "quiesce",
        Quiesced = "quiesced",
        Restart = "restart",
        Scrub = "scrub",
        /// Off and kept until the project's grace period has passed.
        ScrubQueue = "scrub_queue",
        RunningUpdate = "running_update",
        RunningUpdating = "running_updating",
        Quiescing = "quiescing",
        Restarting = "restarting",
        ScrubPrep = "scrub_prep",
        QuiescedUpdate = "quiesced_update",
        QuiescedUpdating = "quiesced_updating",
        Scrubbing = "scrubbing",
        Closed = "closed",
    }
}

impl State {
    pub const fn number(self) -> u8 {
        match self {
            Self::Ignore => 0,
            Self::Requested => 1,
            Self::Building => 2,
            Self::Unresourced => 3,
            Self::Running => 4,
            Self::Quiesce => 5,
            Self::Quiesced => 6,
            Self::Restart => 7,
            Self::Scrub => 8,
            Self::ScrubQueue => 9,
            Self::RunningUpdate => 10,
            Self::RunningUpdating => 11,
            Self::Quiescing => 12,
            Self::Restarting => 13,
            Self::ScrubPrep => 14,
            Self::QuiescedUpdate => 15,
            Self::QuiescedUpdating => 16,
            Self::Scrubbing => 17,
            Self::Closed => 99,
        }
    }

    /// At rest: no task is due, and none is at work.
    pub const fn is_stable(self) -> bool {
        match self {
            Self::Ignore | Self::Unresourced | Self::Running | Self::Quiesced | Self::ScrubQueue | Self::Closed => true,
            Self::Requested
            | Self::Building
            | Self::Quiesce
            | Self::Restart
            | Self::Scrub
            | Self::RunningUpdate
            | Self::RunningUpdating
            | Self::Quiescing
            | Self::Restarting
            | Self::ScrubPrep
            | Self::QuiescedUpdate
            | Self::QuiescedUpdating
            | Self::Scrubbing => false,
        }
    }
}

/// One row: a resource of these kinds, found in this state, is worked by the verb, through a state, into a state.
#[derive(Debug)]
pub struct Row {
    pub kinds: &'static [Kind],
    pub found: State,
    pub verb: Verb,
    pub through: State,
    pub into: State,
}

const VMS_ROUTERS: &[Kind] =
    &[Kind::VmHyperv, Kind::VmKvm, Kind::VmPhantom, Kind::VirtualRouter, Kind::VirtualRouterPhantom];

pub const TABLE: &[Row] = &[
    Row {
        kinds: &[
            Kind::VmHyperv,
            Kind::VmKvm,
            Kind::VmPhantom,
            Kind::VirtualRouter,
            Kind::VirtualRouterPhantom,
            Kind::SnapshotHyperv,
            Kind::SnapshotKvm,
            Kind::BackupHyperv,
            Kind::BackupKvm,
            Kind::Ceph,
        ],
        found: State::Requested,
        verb: Verb::Build,
        through: State::Building,
        into: State::Running,
    },
    Row {
        kinds: VMS_ROUTERS,
        found: State::Quiesce,
        verb: Verb::Quiesce,
        through: State::Quiescing,
        into: State::Quiesced,
    },
    Row {
        kinds: VMS_ROUTERS,
        found: State::Restart,
        verb: Verb::Restart,
        through: State::Restarting,
        into: State::Running,
    },
    Row {
        kinds: VMS_ROUTERS,
        found: State::Scrub,
        verb: Verb::Scrubprep,
        through: State::ScrubPrep,
        into: State::ScrubQueue,
    },
    // Due only once the project's grace period has passed: the API makes this task when it has.
    Row {
        kinds: VMS_ROUTERS,
        found: State::ScrubQueue,
        verb: Verb::Scrub,
        through: State::Scrubbing,
        into: State::Closed,
    },
    Row {
        kinds: &[Kind::SnapshotHyperv, Kind::SnapshotKvm, Kind::BackupHyperv, Kind::BackupKvm, Kind::Ceph],
        found: State::Scrub,
        verb: Verb::Scrub,
        through: State::Scrubbing,
        into: State::Closed,
    },
    Row {
        kinds: &[
            Kind::VmHyperv,
            Kind::VmKvm,
            Kind::VmPhantom,
            Kind::VirtualRouter,
            Kind::VirtualRouterPhantom,
            Kind::SnapshotHyperv,
            Kind::SnapshotKvm,
            Kind::Ceph,
            Kind::Gpu,
        ],
        found: State::RunningUpdate,
        verb: Verb::Updaterunning,
        through: State::RunningUpdating,
        into: State::Running,
    },
    Row {
        kinds: &[
            Kind::VmHyperv,
            Kind::VmKvm,
            Kind::VmPhantom,
            Kind::VirtualRouter,
            Kind::VirtualRouterPhantom,
            Kind::Ceph,
            Kind::Gpu,
        ],
        found: State::QuiescedUpdate,
        verb: Verb::Updatequiesced,
        through: State::QuiescedUpdating,
        into: State::Quiesced,
    },
];

// Two rows for one (kind, found), or two for one (kind, verb), would make the table ambiguous: refuse to compile.
const _: () = {
    let mut a = 0;
    while a < TABLE.len() {
        let mut b = a + 1;
        while b < TABLE.len() {
            let same_key = TABLE[a].found as u8 == TABLE[b].found as u8 || TABLE[a].verb as u8 == TABLE[b].verb as u8;
            let mut i = 0;
            while same_key && i < TABLE[a].kinds.len() {
                let mut j = 0;
                while j < TABLE[b].kinds.len() {
                    assert!(TABLE[a].kinds[i] as u8 != TABLE[b].kinds[j] as u8, "the state table has a duplicate row");
                    j += 1;
                }
                i += 1;
            }
            b += 1;
        }
        a += 1;
    }
};

/// The row that works a resource of this kind, found in this state.
pub fn row(kind: Kind, found: State) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.found == found && row.kinds.contains(&kind))
}

/// The row of one driver's verb.
pub fn row_of_verb(kind: Kind, verb: Verb) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.verb == verb && row.kinds.contains(&kind))
}

/// The states a tenant may ask for from here. `retry` from unresourced is apart: it leads back to where the failed verb
/// is found ([`retry_into`]), and cancel is asked of the task.
pub fn asks(kind: Kind, from: State) -> Vec<State> {
    let wanted: &[State] = match from {
        State::Running => &[State::Quiesce, State::Scrub, State::RunningUpdate],
        State::Quiesced => &[State::Restart, State::Scrub, State::QuiescedUpdate],
        State::ScrubQueue => &[State::Restart],
        State::Unresourced => &[State::Scrub],
        State::Ignore
        | State::Requested
        | State::Building
        | State::Quiesce
        | State::Restart
        | State::Scrub
        | State::RunningUpdate
        | State::RunningUpdating
        | State::Quiescing
        | State::Restarting
        | State::ScrubPrep
        | State::QuiescedUpdate
        | State::QuiescedUpdating
        | State::Scrubbing
        | State::Closed => &[],
    };
    wanted.iter().copied().filter(|state| row(kind, *state).is_some()).collect()
}

/// Where retry leads: the state in which the verb that failed finds the resource.
pub fn retry_into(kind: Kind, failed: Verb) -> Option<State> {
    row_of_verb(kind, failed).map(|row| row.found)
}

/// Where a resource goes when its task is cancelled before any attempt began: back to where it was asked from, and a
/// build that never began is closed, as nothing was made.
pub fn cancel_into(asked_from: Option<State>) -> State {
    asked_from.unwrap_or(State::Closed)
}

/// The table as data, for the API and the reference page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Table {
    pub states: Vec<NumberedState>,
    pub rows: Vec<TableRow>,
    /// What a tenant may ask for, by kind and state.
    pub asks: Vec<Asks>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NumberedState {
    pub number: u8,
    pub state: State,
    pub stable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableRow {
    pub kinds: Vec<Kind>,
    pub found: State,
    pub verb: Verb,
    pub through: State,
    pub into: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asks {
    pub resource: ResourceType,
    pub kind: Kind,
    pub from: State,
    pub may_ask: Vec<State>,
}

pub fn table() -> Table {
    let states =
        State::ALL.iter().map(|&state| NumberedState { number: state.number(), state, stable: state.is_stable() });
    let rows = TABLE.iter().map(|row| TableRow {
        kinds: row.kinds.to_vec(),
        found: row.found,
        verb: row.verb,
        through: row.through,
        into: row.into,
    });
    let asks = Kind::ALL.iter().flat_map(|&kind| {
        State::ALL.iter().filter_map(move |&from| {
            let may_ask = asks(kind, from);
            (!may_ask.is_empty()).then(|| Asks { resource: kind.resource_type(), kind, from, may_ask })
        })
    });
    Table { states: states.collect(), rows: rows.collect(), asks: asks.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn from_every_state_of_every_kind_the_owner_can_reach_a_state_at_rest() {
        for &kind in Kind::ALL {
            for &start in State::ALL {
                let touched = TABLE
                    .iter()
                    .any(|row| row.kinds.contains(&kind) && [row.found, row.through, row.into].contains(&start));
                if !touched || start == State::Closed {
                    continue;
                }
                let mut seen = BTreeSet::from([start]);
                let mut todo = vec![start];
                while let Some(state) = todo.pop() {
                    let mut next = asks(kind, state);
                    next.extend(row(kind, state).map(|row| row.into));
                    next.extend(TABLE.iter().filter(|r| r.through == state && r.kinds.contains(&kind)).map(|r| r.into));
                    if state == State::Unresourced {
                        next.extend(kind.verbs().filter_map(|verb| retry_into(kind, verb)));
                    }
                    todo.extend(next.into_iter().filter(|state| seen.insert(*state)));
                }
                let rest = [State::Running, State::Quiesced, State::Closed];
                assert!(rest.iter().any(|state| seen.contains(state)), "{kind} is stuck in {start}");
            }
        }
    }

    #[test]
    fn a_tenant_may_ask_only_for_states_that_a_verb_works() {
        for &kind in Kind::ALL {
            for &from in State::ALL {
                for asked in asks(kind, from) {
                    assert!(row(kind, asked).is_some(), "{kind}: {from} -> {asked} has no verb");
                }
            }
        }
    }

    #[test]
    fn the_numbers_are_the_public_ones() {
        let numbers: Vec<_> = State::ALL.iter().map(|state| state.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99]);
    }
}
