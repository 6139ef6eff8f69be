//! What is printed: one row a claim, from several runs.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;

#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    Under(f64),
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub row: &'static str,
    /// The median of the runs.
    pub value: f64,
    pub unit: &'static str,
    /// `>= 0.6`, `< 20`
    pub goal: String,
    pub min: f64,
    pub max: f64,
    pub runs: usize,
    #[serde(skip)]
    is_met: bool,
}

impl Row {
    pub fn of(row: &'static str, unit: &'static str, goal: Goal, mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        let value = percentile(&runs, 50);
        let (goal, is_met) = match goal {
            Goal::AtLeast(least) => (format!(">= {least}"), value >= least),
            Goal::Under(limit) => (format!("< {limit}"), value < limit),
        };
        let (min, max) = (percentile(&runs, 0), percentile(&runs, 100));
        Self { row, value, unit, goal, min, max, runs: runs.len(), is_met }
    }
}

/// Of sorted values; nearest rank.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len().saturating_sub(1) * percent).div_ceil(100);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["row", "value", "unit", "goal", "met", "min", "max", "runs"]);
    for row in rows {
        let number = |value: f64| format!("{value:.2}");
        let met = if row.is_met { "yes" } else { "no" };
        let (row_name, unit, goal) = (row.row.to_owned(), row.unit.to_owned(), row.goal.clone());
        let runs = row.runs.to_string();
        table.add_row([row_name, number(row.value), unit, goal, met.into(), number(row.min), number(row.max), runs]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_median_of_its_runs() {
        let row = Row::of("some", "x", Goal::AtLeast(2.0), vec![3.0, 1.0, 2.0]);
        assert_eq!((row.value, row.min, row.max, row.runs, row.is_met), (2.0, 1.0, 3.0, 3, true));
        assert!(!Row::of("some", "MB", Goal::Under(2.0), vec![2.0]).is_met);
    }

    #[test]
    fn a_percentile_is_of_the_nearest_rank() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&sorted, 0), percentile(&sorted, 99), percentile(&sorted, 100)), (1.0, 100.0, 100.0));
        assert!(percentile(&[], 50).is_nan());
    }
}
