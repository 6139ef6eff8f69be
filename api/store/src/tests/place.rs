//! Placement, on any servers and any wish.

use crate::place::{Candidate, Want, fit, place};
use model::image::Format;
use model::server::{Capacity, ServerSpec};
use model::{Kind, ResourceType, ServerId, ServerType};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
struct Found {
    spec: ServerSpec,
    used: Capacity,
    seen: bool,
}

fn capacity() -> impl Strategy<Value = Capacity> {
    (0..8_u32, 0..8_u64, 0..8_u64).prop_map(|(cores, ram_mb, gb)| Capacity { cores, ram_mb, gb })
}

fn server() -> impl Strategy<Value = Found> {
    let server_type = prop::sample::select(ServerType::ALL);
    (server_type, capacity(), capacity(), any::<bool>(), any::<bool>(), prop::option::of("[ab]")).prop_map(
        |(server_type, total, used, enabled, seen, label)| {
            let labels: BTreeMap<_, _> = label.map(|label| ("disk".to_owned(), label)).into_iter().collect();
            let Capacity { cores, ram_mb, gb } = total;
            let used = Capacity { cores: used.cores.min(cores), ram_mb: used.ram_mb.min(ram_mb), gb: used.gb.min(gb) };
            let spec = json!({
                "name": "s", "type": server_type, "cores": cores, "ram_mb": ram_mb, "gb": gb,
                "enabled": enabled, "labels": labels,
            });
            Found { spec: serde_json::from_value(spec).expect("a server"), used, seen }
        },
    )
}

fn candidates(servers: &[Found]) -> Vec<Candidate<'_>> {
    let one = |(number, found): (usize, &'_ Found)| (number, found.used, found.seen);
    servers
        .iter()
        .enumerate()
        .map(|pair| (one(pair), pair.1))
        .map(|((number, used, seen), found)| Candidate { id: ServerId(number as i64), spec: &found.spec, used, seen })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_choice_fits_and_no_better_one_is_left(
        servers in prop::collection::vec(server(), 0..8),
        takes in capacity(),
        label in prop::option::of("[ab]"),
        resource in prop::sample::select(ResourceType::ALL),
    ) {
        let labels: BTreeMap<_, _> = label.map(|label| ("disk".to_owned(), label)).into_iter().collect();
        let want = Want { resource, takes, labels: &labels, format: None };
        let all = candidates(&servers);
        let fitting: Vec<_> = all.iter().filter(|candidate| fit(candidate, &want).is_ok()).collect();
        match place(all.clone(), &want) {
            Ok((id, kind)) => {
                let chosen = &all[id.0 as usize];
                prop_assert_eq!(fit(chosen, &want), Ok(kind));
                prop_assert_eq!(kind.resource_type(), resource);
                let (spec, used) = (chosen.spec, chosen.used);
                prop_assert!(spec.enabled && used.cores + takes.cores <= spec.cores);
                prop_assert!(used.ram_mb + takes.ram_mb <= spec.ram_mb && used.gb + takes.gb <= spec.gb);
                prop_assert!(labels.iter().all(|(key, value)| spec.labels.get(key) == Some(value)));
                let rank = |candidate: &Candidate<'_>| (candidate.seen, candidate.spec.ram_mb - candidate.used.ram_mb);
                prop_assert!(fitting.iter().all(|other| rank(other) <= rank(chosen)));
            }
            Err(checks) => {
                prop_assert!(fitting.is_empty());
                prop_assert_eq!(checks.len(), servers.len());
            }
        }
    }
}

#[test]
fn a_living_worker_comes_before_more_memory_and_the_first_server_among_equals() {
    let spec = |ram_mb: u64| -> ServerSpec {
        let spec = json!({"name": "s", "type": "kvm", "cores": 8, "ram_mb": ram_mb, "gb": 100});
        serde_json::from_value(spec).expect("a server")
    };
    let used = Capacity::default();
    let servers = [
        Found { spec: spec(9999), used, seen: false },
        Found { spec: spec(2048), used, seen: true },
        Found { spec: spec(4096), used, seen: true },
        Found { spec: spec(4096), used, seen: true },
    ];
    let labels = BTreeMap::new();
    let takes = Capacity { cores: 1, ram_mb: 1024, gb: 10 };
    let want = Want { resource: ResourceType::Vm, takes, labels: &labels, format: None };
    assert_eq!(place(candidates(&servers), &want), Ok((ServerId(2), Kind::VmKvm)));
}

#[test]
fn a_vm_goes_where_its_image_can_be_started() {
    let spec = |server_type: &str| -> ServerSpec {
        let spec = json!({"name": server_type, "type": server_type, "cores": 8, "ram_mb": 4096, "gb": 100});
        serde_json::from_value(spec).expect("a server")
    };
    let found = |server_type| Found { spec: spec(server_type), used: Capacity::default(), seen: true };
    let servers = [found("kvm"), found("hyperv")];
    let labels = BTreeMap::new();
    let takes = Capacity { cores: 1, ram_mb: 1024, gb: 10 };
    let want = |format| Want { resource: ResourceType::Vm, takes, labels: &labels, format: Some(format) };
    assert_eq!(place(candidates(&servers), &want(Format::Qcow2)), Ok((ServerId(0), Kind::VmKvm)));
    assert_eq!(place(candidates(&servers), &want(Format::Vhdx)), Ok((ServerId(1), Kind::VmHyperv)));
    let checks = place(candidates(&servers[..1]), &want(Format::Vhdx)).expect_err("KVM starts no vhdx");
    assert_eq!((checks[0].check.as_str(), checks[0].wanted.as_str()), ("image", "a server that takes vhdx"));
}
