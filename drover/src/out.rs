//! How results are shown: a table for people, JSON for programs. Results go to stdout, everything else to stderr.

use crate::cli::Global;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{IsTerminal, Write};

#[derive(Clone, Copy, Debug)]
pub struct Out {
    pub json: bool,
    pub quiet: bool,
}

impl Out {
    pub fn of(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet }
    }

    /// One document: as JSON, or as the lines that `show` makes of it.
    pub fn document<T: Serialize>(&self, document: &T, show: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            return self.line(&serde_json::to_string_pretty(document)?);
        }
        self.line(show(document).trim_end())
    }

    /// A list: a JSON array, or a table.
    pub fn list<T: Serialize>(
        &self,
        items: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.json {
            return self.line(&serde_json::to_string_pretty(items)?);
        }
        self.line(&table(header, items.iter().map(row)))
    }

    /// One object of a stream, on a line of its own.
    pub fn item<T: Serialize>(&self, item: &T, show: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        self.line(&if self.json { serde_json::to_string(item)? } else { show(item) })
    }

    pub fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            // A reader such as `head` has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            result => Ok(result?),
        }
    }

    /// For people who watch: not when quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Whether a progress bar would be seen.
    pub fn is_watched(&self) -> bool {
        !self.quiet && !self.json && std::io::stderr().is_terminal()
    }
}

/// Columns without frames, as wide as the terminal allows.
pub fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `key: value` lines, the values under each other.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    rows.iter().map(|(key, value)| format!("{key:width$}  {value}\n")).collect()
}

/// An absent value.
pub fn dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
