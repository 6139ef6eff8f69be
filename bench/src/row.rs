//! What is printed: one row a claim, from several runs.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;

#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    Under(f64),
    /// Only to be seen.
    None,
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub row: String,
    /// The median of the runs.
    pub value: f64,
    pub unit: &'static str,
    /// `>= 0.6`, `< 20`; empty where there is none
    pub goal: String,
    pub min: f64,
    pub max: f64,
    pub runs: usize,
    /// The absolute figures behind a ratio.
    pub note: String,
    #[serde(skip)]
    is_met: Option<bool>,
}

impl Row {
    pub fn of(row: impl Into<String>, unit: &'static str, goal: Goal, mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        let value = percentile(&runs, 50);
        let (goal, is_met) = match goal {
            Goal::AtLeast(least) => (format!(">= {least}"), Some(value >= least)),
            Goal::Under(limit) => (format!("< {limit}"), Some(value < limit)),
            Goal::None => (String::new(), None),
        };
        let (min, max) = (percentile(&runs, 0), percentile(&runs, 100));
        Self { row: row.into(), value, unit, goal, min, max, runs: runs.len(), note: String::new(), is_met }
    }

    /// What cannot be measured here, for want of this.
    pub fn absent(row: impl Into<String>, unit: &'static str, goal: Goal, what: &str) -> Self {
        Self { is_met: None, ..Self::of(row, unit, goal, Vec::new()).note(format!("not measured: no {what} here")) }
    }

    #[must_use]
    pub fn note(self, note: String) -> Self {
        Self { note, ..self }
    }
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    percentile(&figures, 50)
}

/// Of sorted values; nearest rank.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len().saturating_sub(1) * percent).div_ceil(100);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    let header = ["row", "value", "unit", "goal", "met", "min", "max", "runs", ""];
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    for row in rows {
        let number = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.2}") };
        let met = match row.is_met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let (name, unit, goal, note) = (row.row.clone(), row.unit.to_owned(), row.goal.clone(), row.note.clone());
        let runs = row.runs.to_string();
        table.add_row([name, number(row.value), unit, goal, met.into(), number(row.min), number(row.max), runs, note]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_median_of_its_runs() {
        let row = Row::of("some", "x", Goal::AtLeast(2.0), vec![3.0, 1.0, 2.0]);
        assert_eq!((row.value, row.min, row.max, row.runs, row.is_met), (2.0, 1.0, 3.0, 3, Some(true)));
        assert_eq!(Row::of("some", "MB", Goal::Under(2.0), vec![2.0]).is_met, Some(false));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let row = Row::absent("some", "x", Goal::Under(2.0), "Ceph");
        assert_eq!((row.runs, row.is_met, row.note.as_str()), (0, None, "not measured: no Ceph here"));
        assert!(table(&[row]).to_string().contains("not measured"));
    }

    #[test]
    fn a_percentile_is_of_the_nearest_rank() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&sorted, 0), percentile(&sorted, 99), percentile(&sorted, 100)), (1.0, 100.0, 100.0));
        assert!(percentile(&[], 50).is_nan());
    }
}
