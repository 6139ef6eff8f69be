//! What a slip of the pen makes of a request: a wrong cmdlet, parameter, type or set.

use super::{Cmdlet, find};
use crate::{Request, Step};
use serde_json::{Map, Value};

/// Each with its sort.
pub fn of(request: &Request) -> Vec<(&'static str, Request)> {
    let mut mutants = Vec::new();
    for (at, step) in request.steps.iter().enumerate() {
        let Step::Call { cmd, args } = step else { continue };
        let cmdlet = find(cmd).unwrap();
        let mut add = |sort, cmd: &str, args: Map<String, Value>| {
            let mut mutant = request.clone();
            mutant.steps[at] = Step::Call { cmd: cmd.to_owned(), args };
            mutants.push((sort, mutant));
        };
        add("cmdlet", &format!("{cmd}s"), args.clone());
        add("cmdlet", &cmd.to_lowercase(), args.clone());
        for (name, value) in args {
            for wrong in [format!("{name}x"), name[..name.len() - 1].to_owned(), name.to_lowercase()] {
                add("parameter", cmd, with(args, name, &wrong, value.clone()));
            }
            for wrong in others(value).into_iter().filter(|wrong| !super::house::empties(cmd, name, wrong)) {
                add("type", cmd, with(args, name, name, wrong));
            }
        }
        for name in cmdlet.parameters.keys() {
            if !args.contains_key(name) && !together(cmdlet, args, name) {
                let of = cmdlet.parameters[name].of.trim_end_matches("[]");
                add("set", cmd, with(args, name, name, literal(of)));
            }
        }
    }
    mutants
}

fn with(args: &Map<String, Value>, without: &str, name: &str, value: Value) -> Map<String, Value> {
    let mut args = args.clone();
    args.remove(without);
    args.insert(name.to_owned(), value);
    args
}

/// A value of each other type.
fn others(value: &Value) -> Vec<Value> {
    let all = [Value::Bool(true), "x*".into(), (-1).into(), Value::Null, serde_json::json!({"a": 1})];
    let same = |other: &Value| std::mem::discriminant(other) == std::mem::discriminant(value);
    all.into_iter().filter(|other| !same(other)).collect()
}

/// Whether some set has the parameter beside all that is given.
fn together(cmdlet: &Cmdlet, args: &Map<String, Value>, name: &str) -> bool {
    let names = || args.keys().map(String::as_str).chain([name]);
    cmdlet.sets.iter().any(|set| names().all(|name| cmdlet.parameters[name].flags(set).is_some()))
}

fn literal(of: &str) -> Value {
    match of {
        "switch" | "Boolean" => true.into(),
        "Guid" => "0a1b2c3d-0000-4000-8000-0123456789ab".into(),
        of if of.contains("Int") => 1.into(),
        _ => "x".into(),
    }
}
