//! A request: a pipeline of steps, and the properties of what comes out of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The word for what the agent said of itself when it began.
pub const HELLO: &str = "hello";

/// One line to the agent. `{"id":7,"steps":[{"do":"call","cmd":"Get-VM","args":{}},{"do":"where","prop":"Name","is":"7"}],
/// "props":["Id","State"]}`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Given by the session that sends it.
    #[serde(default)]
    pub id: u64,
    /// The host-side locks to hold while this is done, given by the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fences: Vec<Held>,
    pub steps: Vec<Step>,
    /// Of each object that comes out; none when only success matters.
    #[serde(default)]
    pub props: Vec<String>,
}

/// A property's name that stands for the object itself: of a text, a boolean.
pub const ITSELF: &str = ".";

/// A file on the host that is open from before the first step until after the last one, also when whoever asked has gone. It
/// keeps the highest fence that it was held alone with, a blank, and the highest that it was held together with, 19 digits
/// each; a smaller one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    pub path: String,
    pub fence: u64,
    pub share: Share,
}

/// Who may hold it at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    Alone,
    Together,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Step {
    /// A cmdlet, fed by what came before.
    Call { cmd: String, args: Map<String, Value> },
    /// Only objects whose property equals this, as text; case does not count, as in all names on Windows.
    Where { prop: String, is: String },
    /// The next line is a file's content in base64. Only the system, administrators and the file's owner may read it. It
    /// appears whole, by a rename from `.part`; folders are made.
    Put { path: String },
    /// The file's content in base64 as the property `Base64` of one object; no object when it is absent.
    Get { path: String },
}

impl Request {
    /// Calls a cmdlet: `Request::call("Get-VM", [])`, `Request::call("Stop-VM", [("TurnOff", true.into())])`.
    pub fn call<'a>(cmd: &str, args: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::default().then(cmd, args)
    }

    /// One more cmdlet, fed by the pipeline.
    #[must_use]
    pub fn then<'a>(mut self, cmd: &str, args: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let args = args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.steps.push(Step::Call { cmd: cmd.to_owned(), args });
        self
    }

    #[must_use]
    pub fn only(mut self, prop: &str, is: impl Into<String>) -> Self {
        self.steps.push(Step::Where { prop: prop.to_owned(), is: is.into() });
        self
    }

    #[must_use]
    pub fn props<const N: usize>(mut self, props: [&str; N]) -> Self {
        self.props = props.map(str::to_owned).into();
        self
    }

    /// Whether it changes nothing.
    pub fn looks(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Call { cmd, args } => match cmd.split_once('-') {
                Some(("Get" | "Test" | "Compare", _)) => true,
                Some(("Receive", _)) => args.get("Keep") == Some(&Value::Bool(true)),
                _ => false,
            },
            Step::Where { .. } | Step::Get { .. } => true,
            Step::Put { .. } => false,
        })
    }

    /// How many lines of base64 follow it.
    pub fn puts(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Put { .. })).count()
    }

    /// As a pipeline in words, for reading, never for running; what a command's argument list is elsewhere.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for step in &self.steps {
            if !words.is_empty() {
                words.push("|".to_owned());
            }
            match step {
                Step::Call { cmd, args } => {
                    words.push(cmd.clone());
                    for (name, value) in args {
                        words.push(format!("-{name}"));
                        words.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                    }
                }
                Step::Where { prop, is } => words.extend(["where".into(), prop.clone(), "=".into(), is.clone()]),
                Step::Put { path } => words.extend(["put".into(), path.clone()]),
                Step::Get { path } => words.extend(["get".into(), path.clone()]),
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_of_json_and_reads_as_a_pipeline() {
        let request = Request::call("Get-VMSnapshot", [("VMName", "7".into())])
            .only("Id", "6d2c")
            .then("Remove-VMSnapshot", [("Confirm", false.into())])
            .props(["Id"]);
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(
            line,
            r#"{"id":0,"steps":[{"do":"call","cmd":"Get-VMSnapshot","args":{"VMName":"7"}},{"do":"where","prop":"Id","is":"6d2c"},{"do":"call","cmd":"Remove-VMSnapshot","args":{"Confirm":false}}],"props":["Id"]}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        assert_eq!(
            request.words().join(" "),
            "Get-VMSnapshot -VMName 7 | where Id = 6d2c | Remove-VMSnapshot -Confirm false"
        );
    }
}
