//! What is wrong with the history of a lock: a pure function over its lines.
//!
//! Assumptions: commands stand in the order in which the host took them. Grants stand anywhere; their times place them.

use crate::record::{Line, Owner};
use model::Fence;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Fault {
    /// A command was admitted after one of another holder that began later: A B A.
    Overlap,
    /// A command was admitted after one under a higher fence.
    Late,
    /// Two owners were given the same fence.
    SharedFence,
    /// A fence is smaller than one that was granted before it was asked for.
    SunkenFence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub fault: Fault,
    /// What shows it, the offending line last.
    pub lines: Vec<Line>,
}

/// Sections of the same owner under the same fence are one holder: the later ones are re-entries.
type Holder = (Fence, Owner);

fn holder(line: &Line) -> Holder {
    (line.section().fence, line.section().owner)
}

/// In O(n log n).
pub fn check(lines: &[Line]) -> Vec<Violation> {
    let mut violations = shared_fences(lines);
    violations.extend(sunken_fences(lines));
    violations.extend(commands(lines));
    violations
}

fn shared_fences(lines: &[Line]) -> Vec<Violation> {
    let mut firsts: HashMap<Fence, &Line> = HashMap::new();
    let mut violations = Vec::new();
    for line in lines {
        let first = firsts.entry(line.section().fence).or_insert(line);
        if first.section().owner != line.section().owner {
            violations.push(Violation { fault: Fault::SharedFence, lines: vec![**first, *line] });
        }
    }
    violations
}

/// Of two grants the later has the higher fence, if it was asked for after the earlier one's answer had come.
fn sunken_fences(lines: &[Line]) -> Vec<Violation> {
    let grants = || {
        lines.iter().filter_map(|line| match line {
            Line::Granted { asked, granted, .. } => Some((*asked, *granted, line)),
            Line::Command { .. } => None,
        })
    };
    let mut by_asked: Vec<(Duration, Duration, &Line)> = grants().collect();
    by_asked.sort_by_key(|(asked, ..)| *asked);
    let mut by_granted: Vec<(Duration, Duration, &Line)> = grants().collect();
    by_granted.sort_by_key(|(_, granted, _)| *granted);
    let mut before = by_granted.into_iter().peekable();
    let mut highest: Option<&Line> = None;
    let mut violations = Vec::new();
    for (asked, _, line) in by_asked {
        while let Some((_, _, earlier)) = before.next_if(|(_, granted, _)| *granted < asked) {
            if highest.is_none_or(|highest| highest.section().fence < earlier.section().fence) {
                highest = Some(earlier);
            }
        }
        if let Some(highest) = highest.filter(|highest| highest.section().fence > line.section().fence) {
            violations.push(Violation { fault: Fault::SunkenFence, lines: vec![*highest, *line] });
        }
    }
    violations
}

fn commands(lines: &[Line]) -> Vec<Violation> {
    let mut lasts: HashMap<Holder, &Line> = HashMap::new();
    // The first command of the holder that began last, and the command under the highest fence.
    let mut newest: Option<&Line> = None;
    let mut highest: Option<&Line> = None;
    let mut violations = Vec::new();
    for line in lines.iter().filter(|line| matches!(line, Line::Command { admitted: true, .. })) {
        match lasts.entry(holder(line)) {
            Entry::Vacant(first) => {
                first.insert(line);
                newest = Some(line);
            }
            Entry::Occupied(mut last) => {
                let last = last.insert(line);
                if let Some(newest) = newest.filter(|newest| holder(newest) != holder(line)) {
                    violations.push(Violation { fault: Fault::Overlap, lines: vec![*last, *newest, *line] });
                }
            }
        }
        match highest.map(|highest| line.section().fence.cmp(&highest.section().fence)) {
            Some(Ordering::Less) => {
                violations
                    .extend(highest.map(|highest| Violation { fault: Fault::Late, lines: vec![*highest, *line] }));
            }
            _ => highest = Some(line),
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Section;

    fn section(fence: i64, operation: u64, number: u32) -> Section {
        Section { fence: Fence(fence), owner: Owner { client: 1, operation }, number }
    }

    fn granted(fence: i64, operation: u64, asked: u64, granted: u64) -> Line {
        let (asked, granted) = (Duration::from_nanos(asked), Duration::from_nanos(granted));
        Line::Granted { section: section(fence, operation, 0), asked, granted }
    }

    fn command(section: Section, admitted: bool) -> Line {
        Line::Command { section, index: 0, at: Duration::ZERO, admitted }
    }

    /// Commands as the host admitted them: (fence, operation).
    fn admitted(commands: &[(i64, u64)]) -> Vec<Line> {
        commands.iter().map(|(fence, operation)| command(section(*fence, *operation, 0), true)).collect()
    }

    fn faults(lines: &[Line]) -> Vec<Fault> {
        check(lines).iter().map(|violation| violation.fault).collect()
    }

    #[test]
    fn sections_one_after_the_other_are_right() {
        assert_eq!(faults(&[]), []);
        assert_eq!(faults(&admitted(&[(1, 10), (1, 10), (2, 20), (2, 20), (5, 30)])), []);
    }

    #[test]
    fn a_command_after_another_holders_is_an_overlap() {
        let lines = admitted(&[(1, 10), (2, 20), (1, 10)]);
        let violations = check(&lines);
        assert_eq!(violations[0], Violation { fault: Fault::Overlap, lines: lines.clone() });
        assert_eq!(violations[1], Violation { fault: Fault::Late, lines: lines[1..].to_vec() });
        assert_eq!(violations.len(), 2);
    }

    #[test]
    fn every_stray_command_counts_and_the_newest_holder_is_in_the_right() {
        let overlaps = |commands: &[(i64, u64)]| {
            faults(&admitted(commands)).into_iter().filter(|fault| *fault == Fault::Overlap).count()
        };
        assert_eq!(overlaps(&[(1, 10), (2, 20), (1, 10), (2, 20), (1, 10)]), 2);
        assert_eq!(overlaps(&[(1, 10), (2, 20), (3, 30), (2, 20), (1, 10)]), 2);
        // The stale one begins last: then the newer one is in its way.
        assert_eq!(overlaps(&[(2, 20), (1, 10), (2, 20)]), 1);
    }

    #[test]
    fn a_stale_holder_that_comes_after_the_newer_is_late_and_no_overlap() {
        assert_eq!(faults(&admitted(&[(2, 20), (2, 20), (1, 10), (1, 10)])), [Fault::Late, Fault::Late]);
    }

    #[test]
    fn a_refused_command_overlaps_nothing() {
        let [old, new] = [section(1, 10, 0), section(2, 20, 0)];
        let lines = [command(old, true), command(new, true), command(old, false), command(new, true)];
        assert_eq!(faults(&lines), []);
    }

    #[test]
    fn a_re_entry_of_the_same_owner_is_no_overlap() {
        let [outer, inner] = [section(1, 10, 0), section(1, 10, 1)];
        let lines = [command(outer, true), command(inner, true), command(outer, true)];
        assert_eq!(faults(&lines), []);
    }

    #[test]
    fn an_owner_that_comes_back_under_a_new_fence_is_another_holder() {
        assert_eq!(faults(&admitted(&[(1, 10), (2, 20), (3, 10)])), []);
        assert_eq!(faults(&admitted(&[(1, 10), (3, 10), (1, 10)])), [Fault::Overlap, Fault::Late]);
    }

    #[test]
    fn two_owners_of_one_fence_are_found_even_when_their_commands_do_not_mix() {
        assert_eq!(faults(&admitted(&[(1, 10), (1, 10), (1, 20)])), [Fault::SharedFence]);
        assert_eq!(faults(&[granted(1, 10, 0, 1), granted(1, 20, 5, 6)]), [Fault::SharedFence]);
        // What the guard lets through, because it sees one fence.
        assert_eq!(faults(&admitted(&[(1, 10), (1, 20), (1, 10)])), [Fault::SharedFence, Fault::Overlap]);
    }

    #[test]
    fn a_grant_asked_for_after_another_was_given_has_the_higher_fence() {
        assert_eq!(faults(&[granted(1, 10, 0, 3), granted(2, 20, 4, 6)]), []);
        assert_eq!(faults(&[granted(2, 10, 0, 3), granted(1, 20, 4, 6)]), [Fault::SunkenFence]);
        // The order in which the lines were written says nothing.
        assert_eq!(faults(&[granted(1, 20, 4, 6), granted(2, 10, 0, 3)]), [Fault::SunkenFence]);
        assert_eq!(faults(&[granted(9, 10, 0, 1), granted(10, 20, 2, 3), granted(8, 30, 9, 10)]), [Fault::SunkenFence]);
    }

    #[test]
    fn grants_at_the_same_time_may_have_either_order() {
        assert_eq!(faults(&[granted(2, 10, 0, 5), granted(1, 20, 4, 6)]), []);
        assert_eq!(faults(&[granted(1, 10, 0, 9), granted(2, 20, 1, 8), granted(3, 30, 2, 7)]), []);
    }
}
