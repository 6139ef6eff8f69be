//! What the host says of its own cmdlets: what the contract says, all parameter sets in one.

use super::args::Args;
use super::object::Object;
use super::state::Answer;
use super::world::World;
use super::wrong::{file_error, refuse};
use cmdlets::contract;
use serde_json::json;
use std::fmt::Write;

pub(super) fn get_command(_: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    if !args.flag("Syntax") {
        return refuse("Get-Command without -Syntax is not simulated");
    }
    let mut found = Vec::new();
    for name in args.texts("Name") {
        let Ok(cmdlet) = contract::find(&name) else {
            let text = format!("The term '{name}' is not recognized as the name of a cmdlet.");
            let kind = ("ObjectNotFound", "System.Management.Automation.CommandNotFoundException");
            return file_error(args.cmd, "CommandNotFoundException", kind, text);
        };
        let mut syntax = format!("\r\n{name}");
        for (parameter, of) in &cmdlet.parameters {
            let of = if of.of == "switch" { String::new() } else { format!(" <{}>", of.of) };
            let _ = write!(syntax, " [-{parameter}{of}]");
        }
        found.push(Object::Value(json!(syntax + " [<CommonParameters>]\r\n")));
    }
    Ok(found)
}
