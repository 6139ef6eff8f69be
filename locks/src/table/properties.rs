//! Properties of the allocation under any sequence of what may be said.

use super::*;
use model::lock::Mode;
use model::{ResourceId, TaskId};
use proptest::prelude::*;

pub(super) const LEASE: Duration = Duration::from_secs(15);

pub(super) fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn owner(task: i64) -> Owner {
    Owner { task: TaskId(task), attempt: 1, worker: "w-1".into(), host: "kvm-1".into(), step: String::new() }
}

/// `host/a` alone, `~host/a` shared.
pub(super) fn wants(texts: &[&str]) -> Vec<Want> {
    let want = |text: &&str| match text.strip_prefix('~') {
        Some(name) => Want::shared(name.parse().expect("a lock name")),
        None => Want::from(text.parse::<LockName>().expect("a lock name")),
    };
    texts.iter().map(want).collect()
}

const NAMES: [&str; 4] = ["host/a", "pool/a/p", "resource/1", "resource/2"];

#[derive(Clone, Debug)]
enum Act {
    Acquire {
        task: i64,
        request: u8,
        wants: Vec<(usize, bool)>,
        visit: u64,
    },
    /// Of what the request holds.
    Renew {
        task: i64,
        request: u8,
    },
    Release {
        task: i64,
        request: u8,
    },
    Leave {
        task: i64,
        request: u8,
        visit: u64,
    },
    Break {
        name: usize,
    },
    Pass,
    Opened,
}

fn act() -> impl Strategy<Value = (u64, Act)> {
    let (task, request, visit) = (1..5_i64, 0..2_u8, 0..2_u64);
    let who = (task.clone(), request.clone());
    let wants = proptest::collection::vec((0..NAMES.len(), any::<bool>()), 1..4);
    let what = prop_oneof![
        6 => (who.clone(), wants, visit.clone())
            .prop_map(|((task, request), wants, visit)| Act::Acquire { task, request, wants, visit }),
        3 => who.clone().prop_map(|(task, request)| Act::Renew { task, request }),
        4 => who.clone().prop_map(|(task, request)| Act::Release { task, request }),
        1 => (who, visit).prop_map(|((task, request), visit)| Act::Leave { task, request, visit }),
        1 => (0..NAMES.len()).prop_map(|name| Act::Break { name }),
        2 => Just(Act::Pass),
        1 => Just(Act::Opened),
    ];
    (0..6_u64, what)
}

fn said(table: &Table, act: Act, now: Duration) -> Said {
    let name = |request: u8| request.to_string();
    match act {
        Act::Acquire { task, request, wants, visit } => {
            let want = |(name, shared): (usize, bool)| Want {
                name: NAMES[name].parse().expect("a lock name"),
                mode: if shared { Mode::Shared } else { Mode::Exclusive },
            };
            let wants = wants.into_iter().map(want).collect();
            Said::Acquire(Ask {
                owner: owner(task),
                request: name(request),
                wants,
                lease: LEASE,
                grace: Duration::ZERO,
                visit,
            })
        }
        Act::Renew { task, request } => {
            let ticket = table.ticket(&owner(task), &name(request));
            let grants = ticket.and_then(|ticket| table.grants(ticket)).unwrap_or_default();
            let held = grants.into_iter().map(|grant| Hold { name: grant.name, fence: grant.fence }).collect();
            Said::Renew { owner: owner(task), request: name(request), held }
        }
        Act::Release { task, request } => Said::Release { owner: owner(task), request: name(request) },
        Act::Leave { task, request, visit } => Said::Leave { owner: owner(task), request: name(request), visit },
        Act::Break { name } => Said::Break { name: NAMES[name].parse().expect("a lock name") },
        Act::Pass => Said::Passed,
        Act::Opened => Said::Opened { fence: Fence(now.as_secs() as i64), alone: now.as_secs().is_multiple_of(2) },
    }
}

/// What must be so after each entry, whatever came before.
fn check(before: &Table, after: &Table) -> Result<(), TestCaseError> {
    for (name, line) in &after.lines {
        prop_assert!(!line.is_idle(), "{} is kept for nobody", name);
        prop_assert!(!line.holders.is_empty(), "{} is free and yet waited for", name);
        prop_assert!(line.mode == Mode::Shared || line.holders.len() == 1, "{} has two who hold it alone", name);
        // Whoever waits first could not be let in.
        if let Some(head) = line.waiting.front() {
            let own = line.holders.iter().any(|holder| holder.who == head.who);
            prop_assert!(line.mode == Mode::Exclusive || head.mode == Mode::Exclusive || own, "{} keeps one out", name);
        }
        let Some(earlier) = before.lines.get(name) else {
            prop_assert!(line.fence > before.last_fence, "the fence of {} did not rise", name);
            continue;
        };
        prop_assert!(line.fence >= earlier.fence, "the fence of {} fell", name);
        // The fence is the old one only as long as one of the old holders stays, or has shared it with those who stay.
        let stays = line.holders.iter().any(|holder| earlier.holders.iter().any(|other| other.who == holder.who));
        let shared = (line.mode, earlier.mode) == (Mode::Shared, Mode::Shared);
        prop_assert!(stays || shared || line.fence > before.last_fence, "the fence of {} did not rise", name);
        // Nobody new holds while one who waited before still waits, unless it came along with its owner.
        let waited = |who: &Who| earlier.waiting.iter().position(|waiting| waiting.who == *who);
        let first_left =
            earlier.waiting.iter().position(|waiting| line.waiting.iter().any(|still| still.ticket == waiting.ticket));
        for holder in &line.holders {
            let is_new = earlier.holders.iter().all(|other| other.who != holder.who);
            if let (true, Some(left)) = (is_new, first_left) {
                prop_assert!(
                    waited(&holder.who).is_some_and(|place| place < left),
                    "one was passed in the line of {}",
                    name
                );
            }
        }
    }
    for (ticket, request) in &after.requests {
        prop_assert!(request.ends > after.now, "a lease outlived its end");
        for (place, want) in request.wants.iter().enumerate() {
            let line = after.lines.get(&want.name);
            let holds = line.is_some_and(|line| line.holders.iter().any(|holder| holder.claims.contains(ticket)));
            let waits = line.is_some_and(|line| line.waiting.iter().any(|waiting| waiting.ticket == *ticket));
            prop_assert_eq!(holds, place < request.got.len(), "{}", want.name);
            prop_assert_eq!(waits, place == request.got.len(), "{}", want.name);
            if holds {
                let line = line.expect("it holds");
                prop_assert_eq!(line.fence, request.got[place]);
                prop_assert!(
                    line.mode == Mode::Exclusive || want.mode == Mode::Shared,
                    "{} is shared, not its own",
                    want.name
                );
            }
        }
    }
    let claims: usize = after.lines.values().flat_map(|line| &line.holders).map(|holder| holder.claims.len()).sum();
    let got: usize = after.requests.values().map(|request| request.got.len()).sum();
    prop_assert_eq!(claims, got, "a hold of a request that is gone");
    prop_assert_eq!(after.tickets.len(), after.requests.len());
    prop_assert_eq!(after.leases.len(), after.requests.len());
    Ok(())
}

/// Whoever waits, waits for one who can go on: following the holders never leads in a circle.
fn no_circle(table: &Table) -> Result<(), TestCaseError> {
    for ticket in table.requests.keys() {
        let (mut at, mut steps) = (*ticket, 0);
        while let Some(request) = table.requests.get(&at)
            && let Some(want) = request.wants.get(request.got.len())
            && let Some(holder) = table.lines.get(&want.name).and_then(|line| line.holders.first())
            && holder.who != request.key().who
        {
            at = holder.claims[0];
            steps += 1;
            prop_assert!(steps <= table.requests.len(), "requests wait for one another in a circle");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_is_allocated_fairly_and_safely_and_replays_to_the_same_table(
        acts in proptest::collection::vec(act(), 1..80),
        kept_at in 0..80_usize,
    ) {
        let (mut table, mut now) = (Table::default(), Duration::ZERO);
        let mut entries = Vec::new();
        let mut restored = None;
        for (place, (passes, act)) in acts.into_iter().enumerate() {
            now += at(passes);
            let entry = Entry { at: now, said: said(&table, act, now) };
            let before = table.clone();
            let _ = table.apply(&entry);
            table.events();
            check(&before, &table)?;
            no_circle(&table)?;
            entries.push(serde_json::to_string(&entry).expect("an entry"));
            if place == kept_at {
                restored = Some((serde_json::to_string(&table).expect("a table"), place + 1));
            }
        }
        let replay = |mut table: Table, entries: &[String]| {
            for entry in entries {
                let _ = table.apply(&serde_json::from_str(entry).expect("an entry"));
                table.events();
            }
            table
        };
        prop_assert_eq!(&replay(Table::default(), &entries), &table, "the entries alone make the same table");
        if let Some((kept, from)) = restored {
            let kept = serde_json::from_str(&kept).expect("a table");
            prop_assert_eq!(&replay(kept, &entries[from..]), &table, "so do a snapshot and those after it");
        }
        // A lease at a time: who is granted a lock by another's end has a lease of its own.
        for lease in 1..=table.requests().max(1) as u32 {
            table.apply(&Entry { at: now + lease * LEASE, said: Said::Passed }).expect("always");
        }
        prop_assert!(table.is_empty(), "what nobody renews is gone");
    }
}

#[test]
fn locks_are_taken_in_the_global_order_whatever_the_order_of_asking() {
    let mut table = Table::default();
    let ask = Ask {
        owner: owner(1),
        request: "r".into(),
        wants: wants(&["resource/1", "host/a", "pool/a/p"]),
        lease: LEASE,
        grace: Duration::ZERO,
        visit: 0,
    };
    let answer = table.apply(&Entry { at: at(0), said: Said::Acquire(ask) });
    let Ok(Answer::Granted(ticket)) = answer else { panic!("{answer:?}") };
    let grants = table.grants(ticket).expect("they are free");
    let order: Vec<String> = grants.iter().map(|grant| grant.name.to_string()).collect();
    assert_eq!(order, ["host/a", "pool/a/p", "resource/1"]);
    assert!(grants.is_sorted_by_key(|grant| grant.fence));
    assert_eq!(grants[2].name, LockName::Resource { id: ResourceId(1) });
}
