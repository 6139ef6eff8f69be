//! The house's own rules, for what the contract would allow.

use super::{Cmdlet, Violation};
use crate::{ITSELF, Request, Step};
use serde_json::{Map, Value};

/// A request's line is read by `ConvertFrom-Json`, which refuses longer ones than two million characters.
const LONGEST: usize = 1 << 20;

/// What acts on another machine, hides an error, or only pretends.
const NEVER: &[&str] = &["CimSession", "ComputerName", "Credential", "WhatIf"];

/// Texts that are no patterns wherever they stand.
const LITERAL: &[&str] = &["LiteralPath", "Notes"];

fn broken<T>(what: impl Into<String>, rule: &'static str) -> Result<T, Violation> {
    Err(Violation::House { what: what.into(), rule })
}

/// What goes for the request as a whole.
pub fn shape(request: &Request) -> Result<(), Violation> {
    let is_file = |step: &Step| matches!(step, Step::Put { .. } | Step::Get { .. });
    match request.steps.as_slice() {
        [] => return broken("the request", "it has at least one step"),
        [Step::Where { .. }, ..] => return broken("where", "there is nothing before it"),
        // A cmdlet after one would be fed nothing, and do nothing.
        steps if steps.len() > 1 && steps.iter().any(is_file) => return broken("put, get", "each stands alone"),
        _ => {}
    }
    let wheres = request.steps.iter().filter_map(|step| match step {
        Step::Where { prop, .. } => Some(prop),
        _ => None,
    });
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !name.is_empty();
    for prop in request.props.iter().chain(wheres) {
        if prop != ITSELF && !is_name(prop) {
            return broken(prop, "a property is a plain name");
        }
    }
    let paths =
        request.fences.iter().map(|held| &held.path).chain(request.steps.iter().filter_map(|step| match step {
            Step::Put { path } | Step::Get { path } => Some(path),
            _ => None,
        }));
    for path in paths {
        absolute("a path", path)?;
    }
    match serde_json::to_string(request).is_ok_and(|line| line.len() <= LONGEST) {
        true => Ok(()),
        false => broken("the request", "it is at most a million characters long"),
    }
}

fn absolute(what: impl Into<String>, path: &str) -> Result<(), Violation> {
    let bytes = path.as_bytes();
    let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1..3] == *b":\\";
    let share = path.starts_with(r"\\") && bytes.get(2).is_some_and(u8::is_ascii_alphanumeric);
    match (drive || share) && !path[2..].contains([':', '/']) && !path.split('\\').any(|part| part == "..") {
        true => Ok(()),
        false => broken(what, "it is absolute, with backslashes and without .."),
    }
}

/// What goes for one argument.
pub fn argument(cmd: &str, cmdlet: &Cmdlet, name: &str, value: &Value) -> Result<(), Violation> {
    let what = || format!("{cmd} -{name}");
    if NEVER.contains(&name) {
        return broken(what(), "a request acts, on its own host, as who it came");
    }
    if name == "Path" && cmdlet.parameters.contains_key("LiteralPath") {
        return broken(what(), "-LiteralPath is there, which knows no patterns");
    }
    if name == "LiteralPath" {
        texts(value).try_for_each(|path| absolute(what(), path))?;
    }
    if !LITERAL.contains(&name) && texts(value).any(|text| text.contains(['*', '?', '[', ']'])) {
        return broken(what(), "what is looked for is named, never matched by a pattern");
    }
    Ok(())
}

/// No path empties a drive; nothing else is ever null.
pub fn empties(cmd: &str, name: &str, value: &Value) -> bool {
    value.is_null() && (cmd, name) == ("Set-VMDvdDrive", "Path")
}

/// What goes for one call.
pub fn call(cmd: &str, cmdlet: &Cmdlet, args: &Map<String, Value>) -> Result<(), Violation> {
    let removes = ["Remove-", "Restore-", "Clear-", "Disable-"].iter().any(|verb| cmd.starts_with(verb));
    match args.get("Confirm") {
        None if removes && cmdlet.parameters.contains_key("Confirm") => {
            broken(cmd, "what removes says -Confirm:false, or it would ask")
        }
        Some(Value::Bool(true)) => broken(cmd, "nobody is there to confirm"),
        _ => Ok(()),
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let several = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(several.iter().filter_map(Value::as_str))
}
