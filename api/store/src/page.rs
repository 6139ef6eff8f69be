//! Lists in the order of ids, page by page; and merge patches of wishes.

use crate::record::{Line, Record};
use crate::refusal::{Answer, Refusal};
use crate::unit::select;
use iaas::tenant::Page;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::AnyPool;

const USUAL: u32 = 100;
const MOST: u32 = 500;

/// Where a page begins, and how long it is.
pub(crate) struct Cut {
    pub after: i64,
    pub limit: usize,
}

impl Cut {
    pub fn of(cursor: Option<&str>, limit: Option<u32>) -> Answer<Self> {
        let after = match cursor {
            None | Some("") => 0,
            Some(text) => text.parse().map_err(|_| Refusal::query("cursor is none that a page gave"))?,
        };
        Ok(Self { after, limit: limit.unwrap_or(USUAL).clamp(1, MOST) as usize })
    }

    /// One more than the page holds, to see whether there is a next one.
    pub fn fetch(&self) -> i64 {
        self.limit as i64 + 1
    }

    pub fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> i64) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(|item| id(item).to_string());
        Page { items, next }
    }
}

/// The conditions of a list: only those that are asked for stand in the statement, so that it finds its index.
pub(crate) struct Where {
    pub sql: String,
    pub line: Line,
    holes: usize,
}

impl Where {
    pub fn after(cut: &Cut) -> Self {
        let mut line = Line::default();
        line.int(cut.after);
        Self { sql: "WHERE t.id > $1".into(), line, holes: 1 }
    }

    pub fn number(&mut self, column: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.line.int(value);
            self.equals(column);
        }
    }

    pub fn text(&mut self, column: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.line.text(value);
            self.equals(column);
        }
    }

    fn equals(&mut self, column: &'static str) {
        self.holes += 1;
        self.sql.push_str(&format!(" AND t.{column} = ${}", self.holes));
    }

    /// Ends the statement.
    pub fn limit(mut self, cut: &Cut) -> (String, Line) {
        self.holes += 1;
        self.sql.push_str(&format!(" ORDER BY t.id LIMIT ${}", self.holes));
        self.line.int(cut.fetch());
        (self.sql, self.line)
    }
}

/// All records of a table.
pub(crate) async fn list<R: Record>(
    pool: &AnyPool,
    cursor: Option<&str>,
    limit: Option<u32>,
    id: impl Fn(&R) -> i64,
) -> Answer<Page<R>> {
    let cut = Cut::of(cursor, limit)?;
    let (tail, line) = Where::after(&cut).limit(&cut);
    Ok(cut.page(select(pool, &tail, line).await?, id))
}

pub(crate) async fn read<R: Record>(pool: &AnyPool, id: i64) -> Answer<Option<R>> {
    let mut line = Line::default();
    line.int(id);
    Ok(select(pool, "WHERE t.id = $1", line).await?.pop())
}

/// The wish with a JSON merge patch (RFC 7396) applied; a member that is taken out goes back to its default.
pub(crate) fn patched<S: Serialize + DeserializeOwned>(spec: &S, patch: &Value) -> Answer<S> {
    let mut value = serde_json::to_value(spec).map_err(Refusal::spec)?;
    if !patch.is_object() {
        return Err(Refusal::spec("a change is a JSON object"));
    }
    merge(&mut value, patch);
    serde_json::from_value(value).map_err(Refusal::spec)
}

pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = target {
        for (name, change) in changes {
            if change.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_follows_the_examples_of_rfc_7396() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, wanted) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, wanted);
        }
    }
}
