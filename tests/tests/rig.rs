//! What the free tests know of a driver: its host, a wish, and how to bring a resource before each verb.

use hosts::Host;
use hosts::phantom::Phantom;
use iaas::tenant::Accepted;
use lifecycle::Driver;
use model::resource::Spec;
use model::virtual_router::{Segment, VirtualRouterSpec};
use model::vm::VmSpec;
use model::{Kind, ResourceId, ServerType, State, TaskId, Verb, states};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::Fleet;
use testkit::fleet::{server, vm};

/// A fake host, and what is on it as words.
#[derive(Clone)]
pub struct Ground {
    pub host: Arc<dyn Host>,
    pub server_type: ServerType,
    pub words: Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>,
}

impl Ground {
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::VmPhantom | Kind::VirtualRouterPhantom => {
                let host = Arc::new(Phantom::new("host-1"));
                let words = host.clone();
                Self { host, server_type: ServerType::Phantom, words: Arc::new(move || words.words()) }
            }
            other => panic!("the free tests have no ground for {other}: add it here"),
        }
    }

    pub async fn fleet(&self) -> Fleet {
        Fleet::setup().host(server("host-1", self.server_type), Some(self.host.clone())).start().await
    }

    /// What is on the host of this resource, with its number taken out.
    pub fn left(&self, id: ResourceId) -> BTreeMap<String, String> {
        let own = [format!("/{id}/"), format!("drover-{id}"), format!("/{id}\u{0}")];
        let mine = |text: &str| own.iter().any(|mark| format!("{text}\u{0}").contains(mark.as_str()));
        let plain = |text: String| text.replace(&format!("/{id}/"), "/N/").replace(&format!("drover-{id}"), "drover-N");
        (self.words)().into_iter().filter(|(key, _)| mine(key)).map(|(key, word)| (plain(key), plain(word))).collect()
    }
}

/// How one driver's resources are made and changed.
pub struct Rig<S> {
    pub driver: &'static Driver,
    pub wish: fn(&Fleet) -> S,
    pub patch: fn() -> Value,
}

pub fn vm_rig(kind: Kind) -> Rig<VmSpec> {
    let patch =
        || json!({ "disks": [{ "name": "root", "gb": 2, "primary": true }, { "name": "data", "gb": 1 }], "cpu": 2 });
    Rig { driver: driver(kind), wish: |fleet| vm(&fleet.image, &fleet.servers[0]), patch }
}

pub fn router_rig(kind: Kind) -> Rig<VirtualRouterSpec> {
    Rig {
        driver: driver(kind),
        wish: |_| {
            let segments = vec![Segment { name: "web".into(), address: "10.1.0.1/24".into() }];
            VirtualRouterSpec { segments, ..VirtualRouterSpec::default() }
        },
        patch: || json!({ "segments": [{ "name": "web", "address": "10.2.0.1/24" }] }),
    }
}

fn driver(kind: Kind) -> &'static Driver {
    worker::drivers::ALL.iter().find(|driver| driver.kind == kind).expect("the driver is in the table")
}

impl<S: Spec> Rig<S> {
    /// Brings a new resource to where the verb can be asked for, and asks. Until then a plain worker serves; then none.
    pub async fn bring(&self, fleet: &Fleet, verb: Verb) -> (ResourceId, TaskId) {
        let created: Accepted<S> = fleet.create("resource", (self.wish)(fleet)).await;
        let id = created.resource.id;
        if verb == Verb::Build {
            return (id, created.task_id);
        }
        let helper = fleet.worker("helper", None);
        fleet.reaches::<S>(id, State::Running).await;
        if matches!(verb, Verb::Restart | Verb::Updatequiesced) {
            fleet.ask::<S>(id, State::Quiesce).await;
            fleet.reaches::<S>(id, State::Quiesced).await;
        }
        helper.terminate().await;
        let accepted = match verb {
            Verb::Build => created,
            Verb::Quiesce => fleet.ask::<S>(id, State::Quiesce).await,
            Verb::Restart => fleet.ask::<S>(id, State::Restart).await,
            Verb::Scrubprep | Verb::Scrub => fleet.ask::<S>(id, State::Scrub).await,
            Verb::Updaterunning | Verb::Updatequiesced => fleet.change::<S>(id, (self.patch)()).await,
        };
        (id, accepted.task_id)
    }

    pub fn goal(&self, verb: Verb) -> State {
        states::row_of_verb(self.driver.kind, verb).expect("the table has the verb").into
    }
}
