//! The cmdlets of Hyper-V and of files, by way of the agent: each function builds a request and says how its rows are read.

use cmdlets::{Request, Row};
use hosts::{Command, Invocation, Output};

/// A request that changes nothing. Its words stand where an argument list would; the request itself goes over stdin.
pub fn looks<T>(request: &Request, read: fn(&Output) -> Result<T, String>) -> Command<T> {
    Command { invocation: Invocation::looks(request.words()).stdin(line(request)), read }
}

/// A request that may change something.
pub fn acts(request: &Request) -> Command<()> {
    Command::plain(Invocation::acts(request.words()).stdin(line(request)))
}

fn line(request: &Request) -> String {
    serde_json::to_string(request).expect("a request has only text keys")
}

/// The rows that came back, one for each object: what a Windows host gives as output.
pub fn rows(output: &Output) -> Result<Vec<Row>, String> {
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
