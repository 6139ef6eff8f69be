//! What a host says of its cmdlets' parameters, against the contract.

use crate::witness::Witness;
use cmdlets::contract::{self, ALLOWED, Cmdlet};
use commands::hyperv::syntax::{self, Parameter};
use hosts::HostError;

/// Every cmdlet that the agent may be asked for.
pub async fn differences(witness: &Witness<'_>) -> Result<Vec<String>, HostError> {
    let mut all = Vec::new();
    for cmd in ALLOWED {
        let Ok(cmdlet) = contract::find(cmd) else { continue };
        match witness.see(&format!("the parameters of {cmd}"), syntax::of(cmd)).await {
            Ok(parameters) if parameters.is_empty() => {
                all.push(format!("{cmd}: the host does not tell its parameters"))
            }
            Ok(parameters) => all.extend(compare(cmd, cmdlet, &parameters)),
            Err(HostError::Failed { stderr, .. }) => all.push(format!("{cmd}: {stderr}")),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// What the contract has and the host has not, or otherwise; more that the host has does no harm.
fn compare(cmd: &str, cmdlet: &Cmdlet, found: &[Parameter]) -> Vec<String> {
    let one = |(name, parameter): (&String, &contract::Parameter)| {
        // Of every cmdlet that changes something, and in no syntax of those that do not say so.
        let Some(there) = found.iter().find(|there| there.name == *name) else {
            return Some(format!("{cmd} -{name} is in the contract, and not on the host"));
        };
        let (wanted, is) = (syntax::plain(&parameter.of), there.of.as_deref().unwrap_or("switch"));
        (wanted != is).then(|| format!("{cmd} -{name} is {wanted} in the contract, and {is} on the host"))
    };
    cmdlet.parameters.iter().filter_map(one).collect()
}
