//! The agent's answer to a request, one line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The properties of one object: strings, booleans, whole numbers, null, and lists of these. Anything else comes as the text
/// that PowerShell makes of it; a time as ISO 8601 in UTC.
pub type Row = Map<String, Value>;

/// `{"id":7,"ok":true,"rows":[...]}` or `{"id":7,"ok":false,"error":...}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub id: u64,
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    #[serde(flatten)]
    pub problem: Option<Problem>,
}

/// What PowerShell says of an error: all but the text is in no human language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `FullyQualifiedErrorId`; `drover.fenced`, `drover.refused` and `drover.busy` are the agent's own.
    pub error: String,
    pub category: String,
    #[serde(rename = "type")]
    pub exception: String,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_read() {
        let rows: Reply = serde_json::from_str(r#"{"id":7,"ok":true,"rows":[{"Id":"6d2c","State":"Off"}]}"#).unwrap();
        assert_eq!((rows.problem, rows.rows[0]["State"].as_str()), (None, Some("Off")));
        let line = r#"{"id":7,"ok":false,"error":"InvalidState,Microsoft.HyperV.PowerShell.Commands.SetVM","category":"InvalidOperation","type":"VirtualizationException","text":"x"}"#;
        let problem: Reply = serde_json::from_str(line).unwrap();
        assert_eq!(problem.problem.unwrap().category, "InvalidOperation");
    }
}
