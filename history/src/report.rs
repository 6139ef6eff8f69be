//! What a run shows: its figures, and the lines of the history that should not be there.

use crate::checker::{Fault, check};
use crate::guard::{histories, history};
use crate::nemesis::Counts;
use crate::record::Line;
use crate::tally::Tally;
use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// How many violations of a kind are shown with their lines.
const SHOWN: u64 = 5;

/// What the history holds.
#[derive(Default)]
pub struct Searched {
    admitted: u64,
    refused: u64,
    found: HashMap<Fault, u64>,
    shown: Vec<String>,
}

impl Searched {
    pub fn new(host: &Path) -> Result<Self> {
        let mut searched = Self::default();
        for (lock, path) in histories(host)? {
            searched.add(&lock, &history(&path)?);
        }
        Ok(searched)
    }

    fn add(&mut self, lock: &str, lines: &[Line]) {
        for line in lines {
            match line {
                Line::Command { admitted: true, .. } => self.admitted += 1,
                Line::Command { admitted: false, .. } => self.refused += 1,
                Line::Granted { .. } => {}
            }
        }
        for violation in check(lines) {
            let count = self.found.entry(violation.fault).or_default();
            *count += 1;
            if *count <= SHOWN {
                let lines = violation.lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
                self.shown.push(format!("{:?} of {lock}:{lines}", violation.fault));
            }
        }
    }

    fn count(&self, fault: Fault) -> u64 {
        self.found.get(&fault).copied().unwrap_or_default()
    }
}

#[derive(Serialize)]
pub struct Report {
    operations: u64,
    #[serde(flatten)]
    tally: Tally,
    seconds: f64,
    operations_per_second: f64,
    commands: u64,
    refused_by_the_guard: u64,
    service_kills: u64,
    stops: u64,
    cuts: u64,
    jumps: u64,
    overlaps: u64,
    late: u64,
    shared_fences: u64,
    sunken_fences: u64,
    violations: Vec<String>,
}

impl Report {
    pub fn new(tally: Tally, took: Duration, counts: &Counts, searched: Searched) -> Self {
        Self {
            operations: tally.operations(),
            tally,
            seconds: took.as_secs_f64(),
            operations_per_second: tally.operations() as f64 / took.as_secs_f64(),
            commands: searched.admitted,
            refused_by_the_guard: searched.refused,
            service_kills: counts.kills.get(),
            stops: counts.stops.get(),
            cuts: counts.cuts.get(),
            jumps: counts.jumps.get(),
            overlaps: searched.count(Fault::Overlap),
            late: searched.count(Fault::Late),
            shared_fences: searched.count(Fault::SharedFence),
            sunken_fences: searched.count(Fault::SunkenFence),
            violations: searched.shown,
        }
    }

    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { acquires, releases, granted, not_in_time, cancelled, unanswered, re_entries, lost } = self.tally;
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        let rows = [
            ("operations", self.operations),
            ("acquires", acquires),
            ("releases", releases),
            ("granted", granted),
            ("not in time", not_in_time),
            ("cancelled while waiting", cancelled),
            ("unanswered, beside the operations", unanswered),
            ("re-entries", re_entries),
            ("sections ended by a lost lock", lost),
            ("commands carried out", self.commands),
            ("commands refused by the guard", self.refused_by_the_guard),
            ("services killed", self.service_kills),
            ("clients stopped", self.stops),
            ("clients cut off", self.cuts),
            ("lease clocks that jumped", self.jumps),
            ("overlaps", self.overlaps),
            ("commands after a higher fence", self.late),
            ("fences given to two owners", self.shared_fences),
            ("fences below an earlier grant's", self.sunken_fences),
        ];
        for (what, count) in rows {
            table.add_row([what.to_owned(), count.to_string()]);
        }
        write!(f, "{table}\n{:.0} s, {:.0} operations a second", self.seconds, self.operations_per_second)?;
        self.violations.iter().try_for_each(|violation| write!(f, "\n{violation}"))
    }
}
