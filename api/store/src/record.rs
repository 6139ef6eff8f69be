//! Rows: how a record is written to and read from its table, with the same statements on both databases.

use crate::limits::moment;
use crate::refusal::Refusal;
use model::Moment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Arguments, Row};
use std::fmt::Write;
use std::str::FromStr;

/// What happens to a line whose key is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    /// It cannot be.
    Never,
    Replace,
    /// The last column is added to what is there.
    Add,
}

pub(crate) struct Table {
    pub name: &'static str,
    /// The first so many columns are the key.
    pub keys: usize,
    pub columns: &'static [&'static str],
    pub clash: Clash,
}

/// A record of one table.
pub(crate) trait Record: Sized + Clone + Send + Sync + 'static {
    const TABLE: Table;

    /// Adds the values in the order of the columns.
    fn write(&self, line: &mut Line);

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal>;
}

impl Table {
    /// `a.id, a.name, ...`
    pub fn select(&self, alias: &str) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| format!("{alias}.{column}")).collect();
        columns.join(", ")
    }

    /// One statement that stores so many lines.
    pub fn insert(&self, lines: usize) -> String {
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.name, self.columns.join(", "));
        let mut hole = 0;
        for line in 0..lines {
            sql.push_str(if line == 0 { "(" } else { ", (" });
            for column in 0..self.columns.len() {
                hole += 1;
                let comma = if column == 0 { "" } else { ", " };
                let _ = write!(sql, "{comma}${hole}");
            }
            sql.push(')');
        }
        let keys = self.columns[..self.keys].join(", ");
        let rest = &self.columns[self.keys..];
        match self.clash {
            Clash::Never => {}
            Clash::Replace => {
                let sets: Vec<_> = rest.iter().map(|column| format!("{column} = excluded.{column}")).collect();
                let _ = write!(sql, " ON CONFLICT ({keys}) DO UPDATE SET {}", sets.join(", "));
            }
            Clash::Add => {
                let (name, column) = (self.name, rest[rest.len() - 1]);
                let _ =
                    write!(sql, " ON CONFLICT ({keys}) DO UPDATE SET {column} = {name}.{column} + excluded.{column}");
            }
        }
        sql
    }
}

/// The values of one statement.
#[derive(Default)]
pub(crate) struct Line {
    pub arguments: AnyArguments,
}

impl Line {
    pub fn int(&mut self, value: impl Into<i64>) {
        self.maybe_int(Some(value.into()));
    }

    pub fn maybe_int(&mut self, value: Option<i64>) {
        // The Any driver's own buffer takes each value as it is: adding never fails.
        let _ = self.arguments.add(value);
    }

    /// Sizes beyond what a database counts are as good as the largest that it does.
    pub fn size(&mut self, value: u64) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub fn text(&mut self, value: &str) {
        self.maybe_text(Some(value));
    }

    pub fn maybe_text(&mut self, value: Option<&str>) {
        // PostgreSQL has no text with a NUL in it, and would refuse the whole transaction.
        let value =
            value.map(|text| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() });
        let _ = self.arguments.add(value);
    }

    pub fn moment(&mut self, value: Moment) {
        self.int(value.as_microsecond());
    }

    pub fn maybe_moment(&mut self, value: Option<Moment>) {
        self.maybe_int(value.map(|at| at.as_microsecond()));
    }

    pub fn json(&mut self, value: &impl Serialize) {
        self.text(&json(value));
    }

    pub fn maybe_json(&mut self, value: Option<&impl Serialize>) {
        self.maybe_text(value.map(json).as_deref());
    }
}

/// Our own records have string keys and no failing serializers.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// Reads the columns of a row in their order.
pub(crate) struct Reader<'r> {
    row: &'r AnyRow,
    at: usize,
}

impl<'r> Reader<'r> {
    pub fn new(row: &'r AnyRow) -> Self {
        Self { row, at: 0 }
    }

    pub fn record<R: Record>(row: &'r AnyRow) -> Result<R, Refusal> {
        R::read(&mut Self::new(row))
    }

    /// A record from the right side of an outer join: none when its first column is null.
    pub fn maybe_record<R: Record>(&mut self) -> Result<Option<R>, Refusal> {
        let start = self.at;
        let there = self.maybe_int()?.is_some();
        self.at = start;
        if there {
            return R::read(self).map(Some);
        }
        self.at += R::TABLE.columns.len();
        Ok(None)
    }

    pub fn maybe_int(&mut self) -> Result<Option<i64>, Refusal> {
        let at = self.at;
        self.at += 1;
        Ok(self.row.try_get(at)?)
    }

    pub fn int(&mut self) -> Result<i64, Refusal> {
        self.maybe_int()?.ok_or_else(|| self.odd("is null"))
    }

    pub fn small(&mut self) -> Result<u32, Refusal> {
        self.int().map(|value| u32::try_from(value).unwrap_or(0))
    }

    pub fn size(&mut self) -> Result<u64, Refusal> {
        self.int().map(|value| u64::try_from(value).unwrap_or(0))
    }

    pub fn flag(&mut self) -> Result<bool, Refusal> {
        self.int().map(|value| value != 0)
    }

    pub fn moment(&mut self) -> Result<Moment, Refusal> {
        self.int().map(moment)
    }

    pub fn maybe_moment(&mut self) -> Result<Option<Moment>, Refusal> {
        Ok(self.maybe_int()?.map(moment))
    }

    pub fn maybe_text(&mut self) -> Result<Option<String>, Refusal> {
        let at = self.at;
        self.at += 1;
        Ok(self.row.try_get(at)?)
    }

    pub fn text(&mut self) -> Result<String, Refusal> {
        self.maybe_text()?.ok_or_else(|| self.odd("is null"))
    }

    pub fn word<W: FromStr>(&mut self) -> Result<W, Refusal> {
        let text = self.text()?;
        text.parse().map_err(|_| self.odd("is no known word"))
    }

    pub fn maybe_word<W: FromStr>(&mut self) -> Result<Option<W>, Refusal> {
        let text = self.maybe_text()?;
        text.map(|text| text.parse().map_err(|_| self.odd("is no known word"))).transpose()
    }

    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, Refusal> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|_| self.odd("cannot be read"))
    }

    pub fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Refusal> {
        let text = self.maybe_text()?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| self.odd("cannot be read"))).transpose()
    }

    fn odd(&self, what: &str) -> Refusal {
        let column = self.row.columns().get(self.at - 1).map_or("?", sqlx::Column::name);
        Refusal::unexpected(format_args!("the database's column {column} {what}"))
    }
}
