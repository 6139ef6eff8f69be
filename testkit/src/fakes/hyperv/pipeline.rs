//! One request, carried out as the agent would: the contract first, then step by step, each fed by what came before.

use super::faults::{ACTS, ANY, Fault, Side, What, word};
use super::object::Object;
use super::table;
use super::world::World;
use super::wrong::{Wrong, refuse};
use cmdlets::{ITSELF, Own, Problem, Request, Row, Step};
use serde_json::{Value, json};

/// What a request came to, and what becomes of its answer.
pub(super) struct Outcome {
    pub answer: Result<Vec<Row>, Problem>,
    pub fault: Option<What>,
}

/// Carries it out; `puts` are the contents that follow it.
pub(super) fn run(world: &mut World, request: &Request, puts: &[Vec<u8>]) -> Outcome {
    world.state.asked += 1;
    world.record(&serde_json::to_string(request).unwrap_or_default());
    let tick = world.state.pace.tick_ms;
    world.pass(tick);
    let fault = world.met(request);
    let what = fault.as_ref().map(|fault| fault.what.clone());
    let answer = match &what {
        Some(what) if what.prevents() => {
            if *what == What::Reboot(Side::Before) {
                world.reboot();
            }
            Ok(Vec::new())
        }
        _ => allowed(world, request, puts).and_then(|()| steps(world, request, puts, fault.as_ref())),
    };
    if what == Some(What::Reboot(Side::After)) {
        world.reboot();
    }
    let answer = answer.map_err(|wrong| match wrong {
        Wrong::Problem(problem) => problem,
        Wrong::Refused(why) => {
            world.refused(&format!("{}: {why}", request.words().join(" ")));
            Problem::of(Own::Refused { what: &why })
        }
    });
    world.save();
    Outcome { answer, fault: what }
}

fn allowed(world: &World, request: &Request, puts: &[Vec<u8>]) -> Result<(), Wrong> {
    if let Err(violation) = cmdlets::check(request) {
        return refuse(violation.to_string());
    }
    if puts.len() != request.puts() {
        return refuse(format!("{} contents follow, not {}", puts.len(), request.puts()));
    }
    leaks(world, &request.words().join(" "))
}

fn leaks(world: &World, text: &str) -> Result<(), Wrong> {
    match world.canaries().iter().position(|canary| text.contains(canary)) {
        Some(at) => refuse(format!("secret {at} of the test is in it")),
        None => Ok(()),
    }
}

fn steps(world: &mut World, request: &Request, puts: &[Vec<u8>], fault: Option<&Fault>) -> Result<Vec<Row>, Wrong> {
    let mut objects: Option<Vec<Object>> = None;
    let mut puts = puts.iter();
    let last = request.steps.iter().rposition(|step| word(step) != "where");
    for (at, step) in request.steps.iter().enumerate() {
        let is_meant = |fault: &&Fault| {
            if fault.of == ANY || fault.of == ACTS { Some(at) == last } else { fault.of == word(step) }
        };
        let what = fault.filter(is_meant).map(|fault| &fault.what);
        if let Some(What::Error(Side::Before, problem)) = what {
            return Err(Wrong::Problem(problem.clone()));
        }
        world.is_full = what == Some(&What::Full);
        if let Some(What::JobFails(problem)) = what {
            world.fails = Some(problem.clone());
        }
        let result = one(world, step, objects.take(), &mut puts);
        world.is_full = false;
        objects = Some(result?);
        if let Some(What::Error(Side::After, problem)) = what {
            return Err(Wrong::Problem(problem.clone()));
        }
    }
    let mut rows = Vec::new();
    for object in objects.unwrap_or_default() {
        rows.push(row(world, &object, &request.props)?);
    }
    leaks(world, &Value::from_iter(rows.iter().cloned().map(Value::Object)).to_string())?;
    Ok(rows)
}

fn one<'a>(
    world: &mut World,
    step: &Step,
    fed: Option<Vec<Object>>,
    puts: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Vec<Object>, Wrong> {
    match step {
        Step::Call { cmd, args } => match fed {
            None => table::call(world, cmd, args, None),
            Some(fed) => {
                let mut out = Vec::new();
                for object in fed {
                    out.extend(table::call(world, cmd, args, Some(&object))?);
                }
                Ok(out)
            }
        },
        Step::Where { prop, is } => {
            let mut left = Vec::new();
            for object in fed.unwrap_or_default() {
                if text(&property(world, &object, prop)?) == *is {
                    left.push(object);
                }
            }
            Ok(left)
        }
        Step::Put { path } => {
            let bytes = puts.next().map(Vec::as_slice).unwrap_or_default();
            world.put(path, bytes).map(|()| Vec::new())
        }
        Step::Get { path } => {
            let real = world.readable(path)?;
            Ok(std::fs::read(real)
                .ok()
                .map(|bytes| Object::Value(json!({ "Base64": base64(&bytes) })))
                .into_iter()
                .collect())
        }
    }
}

fn row(world: &World, object: &Object, props: &[String]) -> Result<Row, Wrong> {
    props.iter().map(|prop| Ok((prop.clone(), property(world, object, prop)?))).collect()
}

fn property(world: &World, object: &Object, name: &str) -> Result<Value, Wrong> {
    if let Object::Value(value) = object {
        return match value.get(name) {
            _ if name == ITSELF => Ok(value.clone()),
            Some(value) => Ok(value.clone()),
            None => refuse(format!("{name} of {value}, which has no such property")),
        };
    }
    let Some(row) = object.row(&world.state) else {
        return refuse(format!("{object:?} is gone, and its {name} is asked for"));
    };
    match row.get(name) {
        Some(value) => Ok(value.clone()),
        None => refuse(format!("{name} is no property that {object:?} is known to have")),
    }
}

/// As PowerShell makes a text of it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
