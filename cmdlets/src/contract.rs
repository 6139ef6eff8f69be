//! The contract: which cmdlets there are, their parameters, parameter sets and types, as Microsoft's pages document them for
//! Windows PowerShell 5.1, and the house's own rules for their use.
//!
//! Flow: every request is checked before it is sent, by the tests and by the simulated host. What is unknown is refused.
//!
//! Guarantees: a request that passes names cmdlets of [`ALLOWED`] and their parameters in full, has values of their types,
//! and binds to one parameter set, with what the pipeline brings.
//!
//! Assumptions: the pages tell the shape of calls only: no property of an object, no error, no order of effects.
//!
//! The facts in `cmdlets.json` are taken from Microsoft's windows-powershell-docs and PowerShell-Docs, CC BY 4.0; its head
//! names the versions.

mod allowed;
mod house;
mod literal;
mod pipeline;
mod sets;

pub use allowed::ALLOWED;

use crate::{Request, Step};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use thiserror::Error;

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    #[error("{cmd} is no cmdlet that the contract knows")]
    UnknownCmdlet { cmd: String },
    #[error("{cmd} has no documentation: {reason}")]
    Undocumented { cmd: String, reason: String },
    #[error("{cmd} is an alias of {stands_for}")]
    Alias { cmd: String, stands_for: String },
    #[error("{cmd} is not among the cmdlets that the agent calls")]
    NotAllowed { cmd: String },
    #[error("{cmd} has no parameter -{parameter}")]
    UnknownParameter { cmd: String, parameter: String },
    #[error("{cmd} -{parameter} is another name of -{full}")]
    ParameterAlias { cmd: String, parameter: String, full: String },
    #[error("{cmd} -{parameter} wants {wanted}, not {found}")]
    Type { cmd: String, parameter: String, wanted: String, found: String },
    #[error("no parameter set of {cmd} fits -{}{}", given.join(" -"), fed_by.as_ref().map(|of| format!(" fed by {of}")).unwrap_or_default())]
    NoSet { cmd: String, given: Vec<String>, fed_by: Option<String> },
    #[error("{cmd} -{} fits several parameter sets: {}", given.join(" -"), sets.join(", "))]
    Ambiguous { cmd: String, given: Vec<String>, sets: Vec<String> },
    #[error("{cmd} is fed by {by}, and it is not known what that gives")]
    Pipeline { cmd: String, by: String },
    #[error("{what}: {rule}")]
    House { what: String, rule: &'static str },
}

/// Whether the agent may be asked for this.
pub fn check(request: &Request) -> Result<(), Violation> {
    house::shape(request)?;
    let mut before = None;
    for step in &request.steps {
        let Step::Call { cmd, args } = step else { continue };
        let cmdlet = find(cmd)?;
        if !ALLOWED.contains(&cmd.as_str()) {
            return Err(Violation::NotAllowed { cmd: cmd.clone() });
        }
        for (name, value) in args {
            let parameter = cmdlet.parameter(cmd, name)?;
            house::argument(cmd, cmdlet, name, value)?;
            if house::empties(cmd, name, value) {
                continue;
            }
            literal::check(parameter, value).map_err(|wanted| Violation::Type {
                cmd: cmd.clone(),
                parameter: name.clone(),
                wanted,
                found: literal::kind(value),
            })?;
        }
        house::call(cmd, cmdlet, args)?;
        let feed = match before {
            None => None,
            Some((by, args)) => {
                let gives = pipeline::gives(by, args);
                Some(gives.ok_or_else(|| Violation::Pipeline { cmd: cmd.clone(), by: by.to_owned() })?)
            }
        };
        sets::bind(cmd, cmdlet, args, feed)?;
        before = Some((cmd, args));
    }
    Ok(())
}

/// The documented cmdlet of exactly this name.
pub fn find(cmd: &str) -> Result<&'static Cmdlet, Violation> {
    let contract = &*CONTRACT;
    if let Some(cmdlet) = contract.cmdlets.get(cmd) {
        return Ok(cmdlet);
    }
    let cmd = cmd.to_owned();
    Err(match (contract.undocumented.get(&cmd), contract.aliases.get(&cmd)) {
        (Some(reason), _) => Violation::Undocumented { cmd, reason: reason.clone() },
        (None, Some(stands_for)) => Violation::Alias { cmd, stands_for: stands_for.clone() },
        (None, None) => Violation::UnknownCmdlet { cmd },
    })
}

static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| serde_json::from_str(include_str!("../cmdlets.json")).expect("the contract is compiled in"));

#[derive(Deserialize)]
struct Contract {
    enums: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
    undocumented: BTreeMap<String, String>,
    cmdlets: BTreeMap<String, Cmdlet>,
}

#[derive(Debug, Deserialize)]
pub struct Cmdlet {
    #[serde(rename = "mod")]
    pub module: String,
    /// The set that PowerShell takes when several fit.
    #[serde(rename = "def")]
    default_set: String,
    sets: Vec<String>,
    #[serde(rename = "p")]
    pub parameters: BTreeMap<String, Parameter>,
}

#[derive(Debug, Deserialize)]
pub struct Parameter {
    #[serde(rename = "t")]
    pub of: String,
    #[serde(rename = "a", default)]
    aliases: Vec<String>,
    /// The only values it takes, where the page lists them.
    #[serde(rename = "v", default)]
    values: Vec<String>,
    /// By parameter set, or `*`: mandatory, position, from the pipeline by value or by property name.
    #[serde(rename = "in")]
    sets: BTreeMap<String, String>,
}

impl Cmdlet {
    fn parameter(&self, cmd: &str, name: &str) -> Result<&Parameter, Violation> {
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(parameter);
        }
        let (cmd, parameter) = (cmd.to_owned(), name.to_owned());
        let same = |alias: &String| alias.eq_ignore_ascii_case(name);
        match self.parameters.iter().find(|(_, known)| known.aliases.iter().any(same)) {
            Some((full, _)) => Err(Violation::ParameterAlias { cmd, parameter, full: full.clone() }),
            None => Err(Violation::UnknownParameter { cmd, parameter }),
        }
    }
}

impl Parameter {
    /// Its flags in this set; none when it is not in it.
    fn flags(&self, set: &str) -> Option<&str> {
        self.sets.get("*").or_else(|| self.sets.get(set)).map(String::as_str)
    }
}

#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;
