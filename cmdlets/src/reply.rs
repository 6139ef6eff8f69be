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

/// The row of the first reply of all, which the agent gives unasked with the id 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hello {
    /// Of PowerShell.
    pub version: String,
    /// `Microsoft Windows NT 10.0.20348.0`; `simulated host` of what only behaves like one.
    #[serde(rename = "OS")]
    pub os: String,
    pub culture: String,
    /// The host's clock, ISO 8601 in UTC.
    pub now: String,
    /// Names with versions: `Hyper-V 2.0.0.0`.
    pub modules: Vec<String>,
}

impl Hello {
    pub const SIMULATED: &str = "simulated host";

    pub fn of(reply: &Reply) -> Option<Self> {
        let row = reply.rows.first().filter(|_| reply.ok && reply.id == 0)?;
        serde_json::from_value(Value::Object(row.clone())).ok()
    }

    pub fn is_simulated(&self) -> bool {
        self.os == Self::SIMULATED
    }
}

/// What the agent itself has to say, and the lock's file it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own<'a> {
    /// A higher fence was seen; nothing was done.
    Fenced { seen: i64, path: &'a str },
    /// Another process holds it; nothing was done.
    Busy { path: &'a str },
    /// The agent does not do this.
    Refused { what: &'a str },
}

/// What PowerShell says of an error: all but the text is in no human language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `FullyQualifiedErrorId`; those of the agent itself begin with `drover.`, see [`Problem::own`].
    pub error: String,
    pub category: String,
    #[serde(rename = "type")]
    pub exception: String,
    pub text: String,
}

impl Problem {
    /// As the agent says it: a text that is thrown is its own error's name. `drover.fenced 7 D:\drover\fences\resource+7`,
    /// `drover.busy D:\drover\fences\resource+7`, `drover.refused Format-Volume`.
    pub fn of(own: Own) -> Self {
        let text = match own {
            Own::Fenced { seen, path } => format!("drover.fenced {seen} {path}"),
            Own::Busy { path } => format!("drover.busy {path}"),
            Own::Refused { what } => format!("drover.refused {what}"),
        };
        Self {
            error: text.clone(),
            category: "OperationStopped".into(),
            exception: "System.Management.Automation.RuntimeException".into(),
            text,
        }
    }

    /// What the agent itself had to say; none when the error is a cmdlet's.
    pub fn own(&self) -> Option<Own<'_>> {
        match self.error.split_once(' ')? {
            ("drover.fenced", rest) => {
                let (seen, path) = rest.split_once(' ')?;
                Some(Own::Fenced { seen: seen.parse().ok()?, path })
            }
            ("drover.busy", path) => Some(Own::Busy { path }),
            ("drover.refused", what) => Some(Own::Refused { what }),
            _ => None,
        }
    }
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

    #[test]
    fn the_agents_own_words_read_back() {
        let path = r"D:\drover\fences\resource+7";
        for own in [Own::Fenced { seen: 7, path }, Own::Busy { path }, Own::Refused { what: "Format-Volume" }] {
            assert_eq!(Problem::of(own).own(), Some(own));
        }
    }
}
