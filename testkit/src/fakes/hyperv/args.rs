//! The parameters of one call.

use serde_json::{Map, Value};

pub(super) struct Args<'a> {
    pub cmd: &'a str,
    pub all: &'a Map<String, Value>,
}

impl<'a> Args<'a> {
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.all.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    /// One or a list of them.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_u64)
    }

    /// A switch that is on.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }
}

/// As `-Name` matches: without regard to case, `*` and `?` for any text and any letter.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|from| matches(rest, &text[from..])),
            Some(('?', rest)) => !text.is_empty() && matches(rest, &text[1..]),
            Some((letter, rest)) => text.first() == Some(letter) && matches(rest, &text[1..]),
        }
    }
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    matches(&letters(pattern), &letters(text))
}
