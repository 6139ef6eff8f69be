//! Names of the site, and what stands in their place in a record.

use serde_json::Value;

/// What a record is not to tell.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub host: String,
    pub storage: String,
    pub switch: Option<String>,
}

impl Site {
    pub const HOST: &str = "HOST";
    pub const STORAGE: &str = r"D:\drover";
    pub const SWITCH: &str = "trunk";

    /// The same with stand-ins in every text.
    pub fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hidden(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.hide(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub fn hidden(&self, text: &str) -> String {
        let text = replaced(text, &self.storage, Self::STORAGE);
        let text = replaced(&text, &self.host, Self::HOST);
        match &self.switch {
            Some(switch) if text.eq_ignore_ascii_case(switch) => Self::SWITCH.to_owned(),
            _ => text,
        }
    }
}

/// Names on Windows mind no case.
fn replaced(text: &str, what: &str, by: &str) -> String {
    if what.is_empty() {
        return text.to_owned();
    }
    let (lower, what) = (text.to_ascii_lowercase(), what.to_ascii_lowercase());
    let mut result = String::new();
    let mut at = 0;
    while let Some(found) = lower[at..].find(&what) {
        result.push_str(&text[at..at + found]);
        result.push_str(by);
        at += found + what.len();
    }
    result + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_site_are_hidden_wherever_they_stand() {
        let site = Site { host: "HV-ACME-1".into(), storage: r"E:\Acme".into(), switch: Some("acme".into()) };
        let mut value =
            serde_json::json!([{"Path": r"e:\acme\vms\probe", "SwitchName": "acme"}, "on hv-acme-1: acmes"]);
        site.hide(&mut value);
        assert_eq!(
            value,
            serde_json::json!([{"Path": r"D:\drover\vms\probe", "SwitchName": "trunk"}, "on HOST: acmes"])
        );
    }
}
