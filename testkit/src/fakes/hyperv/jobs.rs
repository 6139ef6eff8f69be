//! Jobs of a PowerShell: no other sees them.

use super::args::Args;
use super::object::Object;
use super::state::Answer;
use super::world::World;
use super::wrong::{Wrong, file_error, refuse};

fn jobs(world: &World, args: &Args, input: Option<&Object>) -> Result<Vec<u64>, Wrong> {
    let own = |id: u64| world.state.jobs.iter().any(|job| job.id == id && job.session == world.session);
    let absent = |id: u64| {
        let text = format!("The command cannot find a job with the job ID {id}.");
        let kind = ("ObjectNotFound", "System.Management.Automation.PSArgumentException");
        file_error(args.cmd, "JobWithSpecifiedSessionNotFound", kind, text)
    };
    match (input, args.value("Id")) {
        (Some(Object::Job(id)), _) if own(*id) => Ok(vec![*id]),
        (Some(Object::Job(id)), _) => absent(*id),
        (Some(other), _) => refuse(format!("{} takes no {other:?} from the pipeline", args.cmd)),
        (None, None) if args.cmd == "Get-Job" => {
            Ok(world.state.jobs.iter().filter(|job| job.session == world.session).map(|job| job.id).collect())
        }
        (None, None) => refuse(format!("{} without a job", args.cmd)),
        (None, Some(id)) => match id.as_u64() {
            Some(id) if own(id) => Ok(vec![id]),
            Some(id) => absent(id),
            None => refuse("a job's -Id is one number here"),
        },
    }
}

pub(super) fn get(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    Ok(jobs(world, args, input)?.into_iter().map(Object::Job).collect())
}

pub(super) fn receive(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut output = Vec::new();
    for id in jobs(world, args, input)? {
        let Some(job) = world.state.jobs.iter_mut().find(|job| job.id == id) else { continue };
        if let Some(problem) = job.problem.clone() {
            return Err(Wrong::Problem(problem));
        }
        output.append(&mut job.output.clone());
        if !args.flag("Keep") {
            job.output.clear();
        }
    }
    Ok(output)
}

/// What it has begun is given up, as far as it came.
pub(super) fn stop(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in jobs(world, args, input)? {
        world.state.tasks.retain(|task| task.job != Some(id));
        for job in world.state.jobs.iter_mut().filter(|job| job.id == id && job.state == "Running") {
            job.state = "Stopped".into();
        }
    }
    Ok(Vec::new())
}

pub(super) fn remove(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in jobs(world, args, input)? {
        let running = world.state.jobs.iter().any(|job| job.id == id && job.state == "Running");
        if running && !args.flag("Force") {
            let text =
                format!("The command cannot remove the job with the job ID {id} because the job is not finished.");
            let kind = ("InvalidOperation", "System.ArgumentException");
            return file_error(args.cmd, "JobObjectNotFinishedCannotBeRemoved", kind, text);
        }
        world.state.jobs.retain(|job| job.id != id);
    }
    Ok(Vec::new())
}
