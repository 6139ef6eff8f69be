//! Network adapters and their VLANs.

use super::args::Args;
use super::object::Object;
use super::state::{Adapter, Answer, Vlan};
use super::vm::passed;
use super::world::World;
use super::wrong::{Wrong, failed, invalid, refuse};
use std::collections::BTreeMap;

/// What a call is about: an adapter of the pipeline, or those of a VM.
fn adapters(world: &World, args: &Args, input: Option<&Object>, named: &str) -> Result<Vec<(String, String)>, Wrong> {
    match input {
        Some(
            Object::Adapter { snapshot: Some(_), .. }
            | Object::Vlan { snapshot: Some(_), .. }
            | Object::Snapshot { .. },
        ) => refuse(format!("{} changes no checkpoint", args.cmd)),
        Some(Object::Adapter { vm, id, .. } | Object::Vlan { vm, adapter: id, .. }) => {
            let there = world.state.vm(vm).is_some_and(|vm| vm.hardware.adapters.iter().any(|known| known.id == *id));
            if there { Ok(vec![(vm.clone(), id.clone())]) } else { invalid(args.cmd, "The adapter has been removed.") }
        }
        input => {
            let ids = world.vms(args, input, "VMName")?;
            let name = args.text(named);
            let mut found = Vec::new();
            for vm in ids.iter().filter_map(|id| world.state.vm(id)) {
                let wanted = vm
                    .hardware
                    .adapters
                    .iter()
                    .filter(|known| name.is_none_or(|name| super::args::like(name, &known.name)));
                found.extend(wanted.map(|adapter| (vm.id.clone(), adapter.id.clone())));
            }
            Ok(found)
        }
    }
}

fn adapter<'a>(world: &'a mut World, (vm, id): &(String, String)) -> &'a mut Adapter {
    let adapters = &mut world.vm(vm).hardware.adapters;
    adapters.iter_mut().find(|adapter| adapter.id == *id).unwrap_or_else(|| panic!("adapter {id} is there"))
}

pub(super) fn get(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if let Some(Object::Snapshot { vm, id }) = input {
        let kept = world.state.vm(vm).and_then(|vm| vm.then(Some(id))).map(|hardware| hardware.adapters.as_slice());
        let object =
            |adapter: &Adapter| Object::Adapter { vm: vm.clone(), snapshot: Some(id.clone()), id: adapter.id.clone() };
        return Ok(kept.unwrap_or_default().iter().map(object).collect());
    }
    let found = adapters(world, args, input, "Name")?;
    Ok(found.into_iter().map(|(vm, id)| Object::Adapter { vm, snapshot: None, id }).collect())
}

fn plain_mac(cmd: &str, mac: &str) -> Result<String, Wrong> {
    let plain: String = mac.chars().filter(|letter| !":-".contains(*letter)).collect::<String>().to_uppercase();
    let good = plain.len() == 12 && plain.chars().all(|digit| digit.is_ascii_hexdigit());
    if good { Ok(plain) } else { invalid(cmd, format!("{mac} is no MAC address.")) }
}

pub(super) fn add(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut made = Vec::new();
    for vm in world.vms(args, input, "VMName")? {
        let switch = args.text("SwitchName").map(|name| world.switch(args.cmd, name)).transpose()?;
        let mac = args.text("StaticMacAddress").map(|mac| plain_mac(args.cmd, mac)).transpose()?;
        if world.vm(&vm).hardware.adapters.len() >= 12 {
            return failed(args.cmd, "The VM has as many network adapters as it may have.");
        }
        let id = world.state.guid();
        let mut settings = BTreeMap::from(
            [("MacAddressSpoofing", "Off"), ("DhcpGuard", "Off"), ("RouterGuard", "Off"), ("DeviceNaming", "Off")]
                .map(|(name, value)| (name.to_owned(), value.into())),
        );
        if let Some(naming) = args.value("DeviceNaming") {
            settings.insert("DeviceNaming".into(), naming.clone());
        }
        world.vm(&vm).hardware.adapters.push(Adapter {
            id: id.clone(),
            name: args.text("Name").unwrap_or("Network Adapter").to_owned(),
            is_static: mac.is_some(),
            mac: mac.unwrap_or_else(|| "000000000000".into()),
            switch,
            settings,
            vlan: Vlan::default(),
        });
        made.push(Object::Adapter { vm, snapshot: None, id });
    }
    passed(args, made)
}

pub(super) fn remove(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for (vm, id) in adapters(world, args, input, "Name")? {
        world.vm(&vm).hardware.adapters.retain(|adapter| adapter.id != id);
    }
    Ok(Vec::new())
}

pub(super) fn set(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mac = args.text("StaticMacAddress").map(|mac| plain_mac(args.cmd, mac)).transpose()?;
    for key in adapters(world, args, input, "Name")? {
        if let Some(mac) = &mac {
            world.off(args.cmd, &key.0)?;
            let adapter = adapter(world, &key);
            (adapter.mac, adapter.is_static) = (mac.clone(), true);
        }
        for name in ["MacAddressSpoofing", "DhcpGuard", "RouterGuard", "DeviceNaming", "MaximumBandwidth"] {
            if let Some(value) = args.value(name) {
                adapter(world, &key).settings.insert(name.into(), value.clone());
            }
        }
    }
    Ok(Vec::new())
}

pub(super) fn connect(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let Some(name) = args.text("SwitchName") else { return refuse("Connect-VMNetworkAdapter without -SwitchName") };
    let switch = world.switch(args.cmd, name)?;
    for key in adapters(world, args, input, "Name")? {
        adapter(world, &key).switch = Some(switch.clone());
    }
    Ok(Vec::new())
}

pub(super) fn disconnect(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if matches!(input, Some(Object::Vm(_))) {
        return refuse("Disconnect-VMNetworkAdapter takes no VM from the pipeline");
    }
    for key in adapters(world, args, input, "Name")? {
        adapter(world, &key).switch = None;
    }
    Ok(Vec::new())
}

pub(super) fn get_vlan(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if let Some(Object::Adapter { vm, snapshot, id }) = input {
        return Ok(vec![Object::Vlan { vm: vm.clone(), snapshot: snapshot.clone(), adapter: id.clone() }]);
    }
    let found = adapters(world, args, input, "VMNetworkAdapterName")?;
    Ok(found.into_iter().map(|(vm, adapter)| Object::Vlan { vm, snapshot: None, adapter }).collect())
}

pub(super) fn set_vlan(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let number = |name: &str| match args.number(name) {
        Some(id) if (1..=4094).contains(&id) => Ok(id),
        Some(id) => invalid(args.cmd, format!("The VLAN {id} is not 1 to 4094.")),
        None => refuse(format!("Set-VMNetworkAdapterVlan without -{name}")),
    };
    let vlan = match (args.flag("Access"), args.flag("Trunk"), args.flag("Untagged")) {
        (true, false, false) => Vlan::Access(number("VlanId")?),
        (false, true, false) => {
            let list = args.text("AllowedVlanIdList").unwrap_or_default();
            let Some(allowed) = list.split(',').map(range).collect::<Option<Vec<_>>>() else {
                return invalid(args.cmd, format!("{list:?} is no list of VLANs."));
            };
            // Zero is no VLAN: frames without a tag.
            Vlan::Trunk { native: args.number("NativeVlanId").unwrap_or(0), allowed: allowed.concat() }
        }
        (false, false, true) => Vlan::Untagged,
        _ => return refuse("Set-VMNetworkAdapterVlan is one of -Access, -Trunk, -Untagged"),
    };
    for key in adapters(world, args, input, "VMNetworkAdapterName")? {
        adapter(world, &key).vlan = vlan.clone();
    }
    Ok(Vec::new())
}

/// `7`, or `7-9`.
fn range(text: &str) -> Option<Vec<u64>> {
    let (from, to) = text.trim().split_once('-').unwrap_or((text.trim(), text.trim()));
    Some((from.parse().ok()?..=to.parse().ok()?).collect())
}
