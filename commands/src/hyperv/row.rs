//! Properties of an object, as they are in a row.

use cmdlets::Row;

/// A property that every such object has; null is empty.
pub fn text(row: &Row, name: &str) -> Result<String, String> {
    match row.get(name) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(serde_json::Value::Null) => Ok(String::new()),
        other => Err(format!("{name} is {other:?}, no text")),
    }
}

/// A property that may be empty.
pub fn some(row: &Row, name: &str) -> Result<Option<String>, String> {
    Ok(Some(text(row, name)?).filter(|text| !text.is_empty()))
}

pub fn number<N: TryFrom<u64>>(row: &Row, name: &str) -> Result<N, String> {
    let wrong = || format!("{name} is {:?}, no such number", row.get(name));
    row.get(name).and_then(serde_json::Value::as_u64).and_then(|number| N::try_from(number).ok()).ok_or_else(wrong)
}

pub fn boolean(row: &Row, name: &str) -> Result<bool, String> {
    let wrong = || format!("{name} is {:?}, neither true nor false", row.get(name));
    row.get(name).and_then(serde_json::Value::as_bool).ok_or_else(wrong)
}

/// A list of texts; null is empty.
pub fn texts(row: &Row, name: &str) -> Result<Vec<String>, String> {
    match row.get(name) {
        None | Some(serde_json::Value::Null) => Ok(Vec::new()),
        Some(serde_json::Value::String(one)) => Ok(vec![one.clone()]),
        Some(value) => serde_json::from_value(value.clone()).map_err(|error| format!("{name}: {error}")),
    }
}
