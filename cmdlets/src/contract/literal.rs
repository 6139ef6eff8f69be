//! Whether a value of JSON is a literal of a parameter's type, without any conversion that PowerShell might think of.

use super::{CONTRACT, Parameter};
use serde_json::Value;

/// Gives what is wanted when it is not.
pub fn check(parameter: &Parameter, value: &Value) -> Result<(), String> {
    match (parameter.of.strip_suffix("[]"), value) {
        (Some(_), Value::Array(items)) if items.is_empty() => Err(format!("at least one {}", parameter.of)),
        (Some(of), Value::Array(items)) => items.iter().try_for_each(|item| one(of, parameter, item)),
        (Some(of), value) => one(of, parameter, value),
        (None, value) => one(&parameter.of, parameter, value),
    }
}

/// For people.
pub fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        // It may be a secret.
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
    }
}

fn one(of: &str, parameter: &Parameter, value: &Value) -> Result<(), String> {
    let text = value.as_str();
    let fits = match of {
        "switch" | "Boolean" => value.is_boolean(),
        "String" => text.is_some(),
        "Char" | "char" => text.is_some_and(|text| text.chars().count() == 1),
        "Byte" => within(value, 0, u8::MAX.into()),
        "Int16" => within(value, i16::MIN.into(), i16::MAX.into()),
        "UInt16" => within(value, 0, u16::MAX.into()),
        "Int32" => within(value, i32::MIN.into(), i32::MAX.into()),
        "UInt32" => within(value, 0, u32::MAX.into()),
        "Int64" => within(value, i64::MIN.into(), i64::MAX.into()),
        "UInt64" => within(value, 0, u64::MAX.into()),
        "Guid" | "guid" => text.is_some_and(is_guid),
        "Version" => text.is_some_and(is_version),
        _ => match CONTRACT.enums.get(of) {
            Some(words) if text.is_some_and(|text| words.iter().any(|word| word == text)) => true,
            Some(words) => return Err(format!("one of {}", words.join(", "))),
            // JobState: an enum whose words stand at the parameter.
            None if !parameter.values.is_empty() => text.is_some(),
            None => return Err(format!("a {of}, which only the pipeline can bring")),
        },
    };
    if !fits {
        return Err(format!("a {of}"));
    }
    let word = text.map_or_else(|| value.to_string(), str::to_owned);
    match parameter.values.is_empty() || parameter.values.contains(&word) {
        true => Ok(()),
        false => Err(format!("one of {}", parameter.values.join(", "))),
    }
}

fn within(value: &Value, least: i128, most: i128) -> bool {
    let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    number.is_some_and(|number| (least..=most).contains(&number))
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    (2..=4).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u32>().is_ok())
}
