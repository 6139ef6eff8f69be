//! Power: starting, stopping, resuming, and what the guest does meanwhile.

use super::args::Args;
use super::files::digest;
use super::object::Object;
use super::state::{Answer, Deed, Power, Told};
use super::vm::passed;
use super::world::World;
use super::wrong::{failed, not_now, refuse};
use super::{paths, table};
use std::collections::BTreeMap;

/// What a guest gets that does not go, before it is turned off.
const FORCED_AFTER_MS: u64 = 300_000;

pub(super) fn start_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let ids = world.vms(args, input, "Name")?;
    for id in &ids {
        match world.vm(id).power {
            Power::Running => continue,
            Power::Off | Power::Saved => {}
            power => return not_now(args.cmd, format!("The VM is {}.", power.word())),
        }
        power_on(world, args.cmd, id)?;
    }
    passed(args, ids.into_iter().map(Object::Vm).collect())
}

pub(super) fn power_on(world: &mut World, cmd: &str, id: &str) -> Result<(), super::wrong::Wrong> {
    let hardware = world.vm(id).hardware.clone();
    for path in hardware.drives.iter().filter_map(|drive| drive.path.as_deref()) {
        world.usable(cmd, path, Some(id))?;
    }
    for path in hardware.dvds.iter().filter_map(|drive| drive.path.as_deref()) {
        if !world.real(path)?.is_file() {
            return failed(cmd, format!("'{path}': The system cannot find the file specified."));
        }
    }
    let now = world.state.clock_ms;
    let fresh: Vec<String> =
        hardware.adapters.iter().filter(|adapter| !adapter.is_static).map(|_| mac(world)).collect();
    let vm = world.vm(id);
    // A guest that was saved goes on where it was.
    let resumes = vm.power == Power::Saved;
    (vm.power, vm.started_ms, vm.is_up) = (Power::Running, now, resumes && vm.is_up);
    for (adapter, mac) in vm.hardware.adapters.iter_mut().filter(|adapter| !adapter.is_static).zip(fresh) {
        if adapter.mac == "000000000000" {
            adapter.mac = mac;
        }
    }
    Ok(())
}

fn mac(world: &mut World) -> String {
    format!("00155D{:06X}", world.state.number())
}

pub(super) fn stop_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let ids = world.vms(args, input, "Name")?;
    for id in &ids {
        let power = world.vm(id).power;
        match power {
            // It warns and changes nothing.
            Power::Off => {}
            Power::Saved if args.flag("Save") => {}
            Power::Running | Power::Paused if args.flag("Save") => world.vm(id).power = Power::Saved,
            Power::Running | Power::Paused if args.flag("TurnOff") => world.turn_off(id),
            Power::Running => shut_down(world, args, id)?,
            power => return not_now(args.cmd, format!("The VM is {}: it cannot be shut down.", power.word())),
        }
    }
    passed(args, ids.into_iter().map(Object::Vm).collect())
}

fn shut_down(world: &mut World, args: &Args, id: &str) -> Result<(), super::wrong::Wrong> {
    if !args.flag("Force") {
        return refuse("Stop-VM without -Force asks when a guest is locked or does not answer");
    }
    // As a job the time has passed already.
    if !args.has("AsJob") {
        let ms = shutdown_ms(world);
        world.state.clock_ms += ms;
    }
    world.turn_off(id);
    Ok(())
}

fn shutdown_ms(world: &World) -> u64 {
    let guests = &world.state.guests;
    if guests.ignore_shutdown || guests.are_mute { FORCED_AFTER_MS } else { world.state.pace.shutdown_ms }
}

pub(super) fn resume_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let ids = world.vms(args, input, "Name")?;
    for id in &ids {
        let vm = world.vm(id);
        match vm.power {
            Power::Running => {}
            Power::Paused => vm.power = Power::Running,
            power => return not_now(args.cmd, format!("The VM is {}: it cannot be resumed.", power.word())),
        }
    }
    passed(args, ids.into_iter().map(Object::Vm).collect())
}

pub(super) fn remove_saved_state(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in world.vms(args, input, "VMName")? {
        if world.vm(&id).power == Power::Saved {
            world.turn_off(&id);
        }
    }
    Ok(Vec::new())
}

/// The same as a job: it goes on when its PowerShell is gone.
pub(super) fn as_job(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.cmd == "Export-VM" {
        super::export::begin(world, args, input)?;
    }
    let after = match args.cmd {
        "Stop-VM" if !args.flag("TurnOff") && !args.flag("Save") => shutdown_ms(world),
        _ => world.state.pace.job_ms,
    };
    let deed = Deed::Call { cmd: args.cmd.to_owned(), args: args.all.clone(), input: input.cloned() };
    let deed = match std::mem::take(&mut world.fails) {
        Some(problem) => Deed::Fail(problem),
        None => deed,
    };
    Ok(vec![Object::Job(world.begin(args.cmd, after, deed))])
}

impl World {
    pub fn turn_off(&mut self, id: &str) {
        let vm = self.vm(id);
        (vm.power, vm.is_up) = (Power::Off, false);
    }

    /// The host goes down and comes up again: processes, locks and jobs are gone, what it had mounted is not, VMs are as their
    /// start action says, merges begin again.
    pub fn reboot(&mut self) {
        self.state.jobs.clear();
        self.state.mounted.clear();
        self.state.tasks.retain(|task| matches!(task.deed, Deed::Merge { .. }));
        let (now, merge_ms) = (self.state.clock_ms, self.state.pace.merge_ms);
        self.state.tasks.iter_mut().for_each(|task| task.at_ms = now + merge_ms);
        let ids: Vec<_> = self.state.vms.iter().map(|vm| (vm.id.clone(), vm.runs())).collect();
        for (id, ran) in ids {
            if ran {
                self.turn_off(&id);
            }
            let action = self.vm(&id).settings.get("AutomaticStartAction").cloned().unwrap_or_default();
            if action == "Start" || ran && action == "StartIfRunning" {
                // One that does not start stays off, and the host says so in its log alone.
                let _ = power_on(self, table::START, &id);
            }
        }
    }
}

/// Guests whose time has come are up; at its first boot one reads the disc of its settings.
pub(super) fn wake(world: &mut World) {
    let (now, boot_ms) = (world.state.clock_ms, world.state.pace.boot_ms);
    let due = |vm: &&super::state::Vm| vm.power == Power::Running && !vm.is_up && now >= vm.started_ms + boot_ms;
    let ids: Vec<_> = world.state.vms.iter().filter(due).map(|vm| vm.id.clone()).collect();
    for id in ids {
        let root = world.root.clone();
        let vm = world.vm(&id);
        vm.is_up = true;
        let disc = vm.hardware.dvds.iter().find_map(|drive| drive.path.clone());
        let disc = disc.filter(|_| vm.told.is_none()).and_then(|disc| std::fs::read(paths::real(&root, &disc)).ok());
        if let Some(disc) = disc {
            let text = String::from_utf8_lossy(&disc).to_uppercase();
            let macs = vm.hardware.adapters.iter().map(|adapter| adapter.mac.clone());
            let addresses: BTreeMap<_, _> =
                macs.filter_map(|mac| Some((address(&text, &mac)?, mac))).map(|(a, m)| (m, a)).collect();
            vm.told = Some(Told { digest: digest(&disc), addresses });
        }
    }
}

/// The first address with a prefix length behind this MAC.
fn address(text: &str, mac: &str) -> Option<String> {
    let pairs: Vec<&str> = (0..mac.len() / 2).map(|at| &mac[at * 2..at * 2 + 2]).collect();
    let at = [":", "-"].iter().find_map(|between| text.find(&pairs.join(between)))?;
    let words = text[at..].split(|letter: char| !letter.is_ascii_hexdigit() && !".:/".contains(letter));
    words
        .filter_map(|word| word.split_once('/'))
        .find(|(address, _)| address.parse::<std::net::IpAddr>().is_ok())
        .map(|(address, _)| address.to_lowercase())
}
