//! Which parameter set a call binds to.

use super::pipeline;
use super::{Cmdlet, Violation};
use serde_json::{Map, Value};

/// Exactly one set must fit, or the default among several.
pub fn bind(
    cmd: &str,
    cmdlet: &Cmdlet,
    args: &Map<String, Value>,
    feed: Option<&'static str>,
) -> Result<(), Violation> {
    let given = || args.keys().cloned().collect::<Vec<_>>();
    let fitting: Vec<&String> = cmdlet.sets.iter().filter(|set| fits(cmdlet, set, args, feed)).collect();
    match fitting.as_slice() {
        [] => Err(Violation::NoSet { cmd: cmd.to_owned(), given: given(), fed_by: feed.map(str::to_owned) }),
        [_] => Ok(()),
        sets if sets.contains(&&cmdlet.default_set) => Ok(()),
        sets => Err(Violation::Ambiguous {
            cmd: cmd.to_owned(),
            given: given(),
            sets: sets.iter().map(|set| (*set).clone()).collect(),
        }),
    }
}

/// All that is given is in it, all that it demands is given or fed, and what is fed is taken by one of its parameters.
fn fits(cmdlet: &Cmdlet, set: &str, args: &Map<String, Value>, feed: Option<&str>) -> bool {
    let in_set = |name: &String| cmdlet.parameters[name].flags(set).is_some();
    let mut fed = feed.is_none();
    let mut complete = true;
    for (name, parameter) in &cmdlet.parameters {
        let Some(flags) = parameter.flags(set) else { continue };
        let given = args.contains_key(name);
        let takes = !given && feed.is_some_and(|feed| pipeline::takes(name, parameter, flags, feed));
        fed |= takes;
        complete &= given || takes || !flags.contains('m');
    }
    fed && complete && args.keys().all(in_set)
}
