//! Names of the site, and what stands in their place in a record.

use serde_json::Value;

/// What a record is not to tell.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub host: String,
    pub switch: Option<String>,
}

impl Site {
    pub const HOST: &str = "HOST";
    pub const SWITCH: &str = "trunk";

    /// The same with stand-ins in every value.
    pub fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hidden(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.hide(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub fn hidden(&self, text: &str) -> String {
        let text = replaced(text, &self.host, Self::HOST);
        match &self.switch {
            Some(switch) if text.eq_ignore_ascii_case(switch) => Self::SWITCH.to_owned(),
            _ => text,
        }
    }
}

/// Where it stands as a word of its own. Names on Windows mind no case.
fn replaced(text: &str, what: &str, by: &str) -> String {
    let is_part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric());
    let (lower, what) = (text.to_ascii_lowercase(), what.to_ascii_lowercase());
    let mut result = String::new();
    let mut at = 0;
    while let Some(found) = lower[at..].find(&what).filter(|_| !what.is_empty()) {
        let (from, to) = (at + found, at + found + what.len());
        let whole = !is_part(text[..from].chars().next_back()) && !is_part(text[to..].chars().next());
        result.push_str(&text[at..from]);
        result.push_str(if whole { by } else { &text[from..to] });
        at = to;
    }
    result + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_site_are_hidden_where_they_stand_alone() {
        let site = Site { host: "HV-1".into(), switch: Some("acme".into()) };
        let mut value = serde_json::json!([{"SwitchName": "acme"}, r"on hv-1: acmes, HV-11, \\hv-1.acme.test\x"]);
        site.hide(&mut value);
        assert_eq!(value, serde_json::json!([{"SwitchName": "trunk"}, r"on HOST: acmes, HV-11, \\HOST.acme.test\x"]));
    }
}
