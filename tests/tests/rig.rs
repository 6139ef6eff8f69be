//! What the free tests know of a driver: its host, a wish, and how to bring a resource before each verb.

mod network;
mod windows;

pub use network::*;
pub use windows::*;

use futures::future::LocalBoxFuture;
use hosts::Host;
use hosts::phantom::Phantom;
use iaas::tenant::Accepted;
use lifecycle::Driver;
use model::backup::{BackupSpec, Repository};
use model::ceph::{CephSpec, Parent, usual_features};
use model::gpu::GpuSpec;
use model::image::{Firmware, Format, ImageSpec};
use model::resource::Spec;
use model::snapshot::SnapshotSpec;
use model::virtual_router::pair::Pair;
use model::virtual_router::{Segment, VirtualRouterSpec};
use model::vm::{Disk, Nic, VmSpec};
use model::{Kind, ResourceId, ResourceType, ServerType, State, TaskId, Verb, states};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::fakes::ceph::Cluster;
use testkit::fakes::hyperv::{self, Hyperv};
use testkit::fakes::kvm::{self, Kvm, MediatedDevice, PciDevice};
use testkit::fakes::router::{self, Router};
use testkit::fleet::{image, server, vm};
use testkit::{Fleet, LIMIT, eventually};

pub const CARD: &str = "0000:65:00.0";

/// A card with a mediated device.
pub const SPLIT_CARD: &str = "0000:66:00.0";

/// The mediated device.
pub const SHARE: &str = "c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21";

/// A fake host, and what is on it as words.
#[derive(Clone)]
pub struct Ground {
    pub host: Arc<dyn Host>,
    pub server_type: ServerType,
    pub image: ImageSpec,
    pub words: Words,
    /// The cluster beside the host, for those who need one.
    pub cluster: Option<Arc<dyn Host>>,
    /// Another router node, where a pair's standby stands.
    pub standby: Option<(Arc<dyn Host>, Words)>,
}

type Words = Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>;

impl Ground {
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::VmPhantom | Kind::VirtualRouterPhantom => {
                let host = Arc::new(Phantom::new("host-1"));
                let words = host.clone();
                let words = Arc::new(move || words.words());
                Self { host, server_type: ServerType::Phantom, image: image(), words, cluster: None, standby: None }
            }
            Kind::VmKvm | Kind::Ceph | Kind::BackupKvm | Kind::Gpu | Kind::SnapshotKvm => {
                let ceph = cluster();
                let host = Arc::new(Kvm::new("host-1").with_ceph(&ceph));
                host.have_agents(kind == Kind::SnapshotKvm);
                // A device with two functions, and the bridge before it; and one with a mediated device.
                for (address, class, driver, group) in [
                    ("0000:00:01.0", "0x060400", "pcieport", 30),
                    (CARD, "0x030000", "nouveau", 30),
                    ("0000:65:00.1", "0x040300", "snd_hda_intel", 30),
                    (SPLIT_CARD, "0x030000", "nvidia", 31),
                ] {
                    host.add_device(address, PciDevice { class, driver: Some(driver), group: Some(group) });
                }
                let parent = SPLIT_CARD.parse().expect("an address");
                host.add_mediated(SHARE, MediatedDevice { type_id: "nvidia-35", parent, group: 41 });
                let beside = (kind == Kind::Ceph).then(|| Arc::new(Kvm::new("ceph-1").with_ceph(&ceph)));
                let mut image = image();
                let bytes = kvm::qcow2(1);
                host.add_file(&image.source, &bytes);
                image.sha256 = kvm::sha256(&bytes);
                let words = host.clone();
                let words = Arc::new(move || words.words().into_iter().chain(ceph.words()).collect());
                let cluster = beside.map(|beside| beside as Arc<dyn Host>);
                Self { host, server_type: ServerType::Kvm, image, words, cluster, standby: None }
            }
            Kind::VirtualRouter => {
                let (host, standby) = (Arc::new(Router::new("host-1")), Arc::new(Router::new("host-2")));
                let (words, others) = (host.clone(), standby.clone());
                Self {
                    host,
                    server_type: ServerType::Router,
                    image: image(),
                    words: Arc::new(move || words.words()),
                    cluster: None,
                    standby: Some((standby, Arc::new(move || others.words()))),
                }
            }
            Kind::VmHyperv | Kind::BackupHyperv | Kind::SnapshotHyperv => hyperv_ground().1,
        }
    }

    pub async fn fleet(&self) -> Fleet {
        let mut setup = Fleet::setup().image(self.image.clone());
        let mut spec = server("host-1", self.server_type);
        if self.server_type == ServerType::Hyperv {
            // What it simulates it keeps in files, and a busy machine is slow with these.
            setup = setup.lease_secs(3);
        } else {
            spec.settings.ceph.trash_hours = 0;
            spec.settings.gpu.devices = vec!["10de:2204".into(), "nvidia-35".into()];
        }
        setup = setup.host(spec, Some(self.host.clone()));
        if let Some(cluster) = &self.cluster {
            let mut spec = server("ceph-1", ServerType::Ceph);
            spec.settings.ceph.trash_hours = 0;
            setup = setup.host(spec, Some(cluster.clone()));
        }
        if let Some((standby, _)) = &self.standby {
            setup = setup.host(server("host-2", ServerType::Router), Some(standby.clone()));
        }
        setup.start().await
    }

    /// What is on the host of this resource, with its number taken out.
    pub fn left(&self, id: ResourceId) -> BTreeMap<String, String> {
        let vm = if VM == id { "N" } else { "V" };
        let marks = |id: ResourceId| {
            let names = [format!("drover-{id}"), format!("drover-volume-{id}"), format!("drover-vm-{id}-")];
            [format!("/{id}/"), format!("/{id}\u{0}")].into_iter().chain(names)
        };
        let own: Vec<String> = marks(id).chain(marks(VM)).collect();
        // One resource at a time is on a network, or needs a secret.
        let mine = |text: &str| {
            text.starts_with("bridge ")
                || router::is_of(text, id)
                || text.starts_with("secret ")
                || own.iter().any(|mark| format!("{text}\u{0}").contains(mark.as_str()))
        };
        let plain = |text: String| {
            let text = text.replace(&format!("/{id}/"), "/N/").replace(&format!("drover-{id}"), "drover-N");
            text.replace(&format!("/{VM}/"), &format!("/{vm}/"))
                .replace(&format!("drover-{VM}"), &format!("drover-{vm}"))
        };
        (self.words)().into_iter().filter(|(key, _)| mine(key)).map(|(key, word)| (plain(key), plain(word))).collect()
    }
}

/// How one driver's resources are made and changed.
pub struct Rig<S> {
    pub driver: &'static Driver,
    pub verbs: Vec<Verb>,
    /// The VM that the resource names, built before it.
    pub vm: Option<fn(&Fleet) -> VmSpec>,
    /// Given that VM.
    pub wish: fn(&Fleet, Option<ResourceId>) -> S,
    pub patch: fn() -> Value,
    /// What has happened since the resource was built, when the verb is asked for.
    pub since: Option<Before>,
    /// Whether the verbs meant are those of the standby that follows the resource.
    pub of_standby: bool,
}

/// Something that is done while a plain worker serves.
pub type Before = for<'a> fn(&'a Fleet) -> LocalBoxFuture<'a, ()>;

/// The VM beside the resource: the first resource of its fleet.
const VM: ResourceId = ResourceId(1);

/// The volume that is attached to it, the second.
const VOLUME: ResourceId = ResourceId(2);

pub fn vm_rig(kind: Kind) -> Rig<VmSpec> {
    let patch =
        || json!({ "disks": [{ "name": "root", "gb": 2, "primary": true }, { "name": "data", "gb": 1 }], "cpu": 2 });
    Rig::of(kind, |fleet, _| vm(&fleet.image), patch)
}

pub fn vm_kvm_rig() -> Rig<VmSpec> {
    let wish = |fleet: &Fleet, _| {
        let nic = Nic {
            segment: "web".into(),
            segment_id: None,
            mac: None,
            addresses: vec!["10.1.0.5/24".into()],
            gateway: None,
        };
        let disk = |name: &str, primary| Disk { name: name.into(), gb: 1, primary, pool: None };
        VmSpec {
            disks: vec![disk("root", true), disk("old", false)],
            nics: vec![nic],
            userdata: Some("#cloud-config\n".into()),
            admin_password: None,
            ..vm(&fleet.image)
        }
    };
    // A disk grows, one comes, one goes; another network; one more processor.
    let patch = || {
        json!({
            "cpu": 2,
            "disks": [{ "name": "root", "gb": 2, "primary": true }, { "name": "data", "gb": 1 }],
            "nics": [{ "segment": "store", "addresses": ["10.2.0.5/24"] }],
        })
    };
    Rig::of(Kind::VmKvm, wish, patch)
}

/// A change that no guest takes while it runs: it is stopped, changed and started.
pub fn vm_kvm_stopped_rig() -> Rig<VmSpec> {
    Rig { verbs: vec![Verb::Updaterunning], patch: || json!({ "ram_mb": 512 }), ..vm_kvm_rig() }
}

/// The same with its disks in a pool.
pub fn vm_kvm_pool_rig() -> Rig<VmSpec> {
    let wish = |fleet: &Fleet, vm: Option<ResourceId>| {
        let mut wish = (vm_kvm_rig().wish)(fleet, vm);
        wish.disks.iter_mut().for_each(|disk| disk.pool = Some("volumes".into()));
        wish
    };
    let patch = || {
        json!({ "disks": [
            { "name": "root", "gb": 2, "primary": true, "pool": "volumes" }, { "name": "data", "gb": 1, "pool": "second" },
        ]})
    };
    let verbs = vec![Verb::Build, Verb::Updaterunning, Verb::Updatequiesced, Verb::Scrub];
    Rig { verbs, wish, patch, ..vm_kvm_rig() }
}

/// A cluster with two pools, and an image to be cloned.
fn cluster() -> Cluster {
    let cluster = Cluster::new(&["volumes", "second"]);
    cluster.add_image("second", "debian", 1, Some("base"));
    cluster
}

/// A volume that starts as a snapshot, comes to a running guest and grows.
pub fn ceph_rig() -> Rig<CephSpec> {
    let wish = |_: &Fleet, _| {
        let clone = Parent { pool: "second".into(), image: "debian".into(), snapshot: "base".into() };
        CephSpec { gb: 2, pool: "volumes".into(), features: usual_features(), clone: Some(clone), vm: None }
    };
    let verbs = vec![Verb::Build, Verb::Scrub, Verb::Updaterunning];
    Rig { vm: Some(|fleet| vm(&fleet.image)), verbs, ..Rig::of(Kind::Ceph, wish, || json!({ "vm": VM, "gb": 3 })) }
}

/// One that is empty, and grows on no VM.
pub fn ceph_alone_rig() -> Rig<CephSpec> {
    let wish =
        |_: &Fleet, _| CephSpec { gb: 1, pool: "volumes".into(), features: usual_features(), clone: None, vm: None };
    Rig { verbs: vec![Verb::Build, Verb::Updaterunning], patch: || json!({ "gb": 2 }), wish, vm: None, ..ceph_rig() }
}

/// One that goes from a running guest.
pub fn ceph_detached_rig() -> Rig<CephSpec> {
    let since: Before = |fleet| Box::pin(attached(fleet));
    let patch = || json!({ "vm": null, "gb": 4 });
    Rig { verbs: vec![Verb::Updaterunning], patch, since: Some(since), ..ceph_rig() }
}

/// One that comes to a VM that is off.
pub fn ceph_off_rig() -> Rig<CephSpec> {
    let since: Before = |fleet| Box::pin(quiesced_vm(fleet));
    Rig { verbs: vec![Verb::Updaterunning], since: Some(since), ..ceph_rig() }
}

async fn quiesced_vm(fleet: &Fleet) {
    fleet.ask::<VmSpec>(VM, State::Quiesce).await;
    fleet.reaches::<VmSpec>(VM, State::Quiesced).await;
}

async fn attached(fleet: &Fleet) {
    fleet.change::<CephSpec>(VOLUME, json!({ "vm": VM })).await;
    fleet.reaches::<CephSpec>(VOLUME, State::Running).await;
}

/// A snapshot of a VM that runs, and whose disk grows after it was taken.
pub fn snapshot_kvm_rig() -> Rig<SnapshotSpec> {
    let since: Before = |fleet| Box::pin(grow(fleet, VM, State::Running));
    let rig = Rig::of(Kind::SnapshotKvm, |_, vm| snapshot(vm, false), || json!({}));
    Rig { vm: Some(|fleet| (vm_kvm_rig().wish)(fleet, None)), since: Some(since), ..rig }
}

/// The same of a VM that was shut down in between.
pub fn snapshot_kvm_quiesced_rig() -> Rig<SnapshotSpec> {
    let since: Before = |fleet| {
        Box::pin(async move {
            fleet.ask::<VmSpec>(VM, State::Quiesce).await;
            fleet.reaches::<VmSpec>(VM, State::Quiesced).await;
            grow(fleet, VM, State::Quiesced).await;
        })
    };
    Rig { since: Some(since), ..snapshot_kvm_rig() }
}

/// One with another on top of it, which is removed too.
pub fn snapshot_kvm_tree_rig() -> Rig<SnapshotSpec> {
    let since: Before = |fleet| {
        Box::pin(async move {
            let top = fleet.create("on top", snapshot(Some(VM), false)).await;
            fleet.reaches::<SnapshotSpec>(top.resource.id, State::Running).await;
        })
    };
    let wish = |_: &Fleet, vm: Option<ResourceId>| snapshot(vm, true);
    Rig { verbs: vec![Verb::Scrub], wish, since: Some(since), ..snapshot_kvm_rig() }
}

/// Of a VM with a disk in a pool and one in a file, taken disk by disk; the disk in the pool grows afterwards.
pub fn snapshot_kvm_pool_rig() -> Rig<SnapshotSpec> {
    let vm = |fleet: &Fleet| {
        let mut wish = (vm_kvm_rig().wish)(fleet, None);
        wish.disks[0].pool = Some("volumes".into());
        wish
    };
    let since: Before = |fleet| Box::pin(grow_pooled(fleet, State::Running));
    Rig { vm: Some(vm), since: Some(since), ..snapshot_kvm_rig() }
}

/// The same of a VM that was shut down in between.
pub fn snapshot_kvm_pool_quiesced_rig() -> Rig<SnapshotSpec> {
    let since: Before = |fleet| {
        Box::pin(async move {
            quiesced_vm(fleet).await;
            grow_pooled(fleet, State::Quiesced).await;
        })
    };
    Rig { since: Some(since), ..snapshot_kvm_pool_rig() }
}

/// One with another on top of it, which is removed too.
pub fn snapshot_kvm_pool_tree_rig() -> Rig<SnapshotSpec> {
    Rig { vm: snapshot_kvm_pool_rig().vm, ..snapshot_kvm_tree_rig() }
}

async fn grow_pooled(fleet: &Fleet, into: State) {
    let disks = json!([
        { "name": "root", "gb": 2, "primary": true, "pool": "volumes" }, { "name": "old", "gb": 1 },
    ]);
    fleet.change::<VmSpec>(VM, json!({ "disks": disks })).await;
    fleet.reaches::<VmSpec>(VM, into).await;
}

/// A device of a VM that runs: every verb takes it away, and `updatequiesced` does so after the VM was shut down.
pub fn gpu_rig() -> Rig<GpuSpec> {
    let wish = |_: &Fleet, vm: Option<ResourceId>| GpuSpec { vm, device: CARD.parse().expect("a device") };
    Rig { vm: Some(|fleet| vm(&fleet.image)), ..Rig::of(Kind::Gpu, wish, || json!({ "vm": null })) }
}

/// A device that no VM has any more: every verb gives it back.
pub fn gpu_attach_rig() -> Rig<GpuSpec> {
    let since: Before = |fleet| {
        Box::pin(async move {
            let gpu = ResourceId(VM.0 + 1);
            let detached = fleet.change::<GpuSpec>(gpu, json!({ "vm": null })).await;
            fleet.ended(detached.task_id).await;
        })
    };
    Rig { patch: || json!({ "vm": VM }), since: Some(since), ..gpu_rig() }
}

/// A mediated device that no VM has any more.
pub fn gpu_mediated_rig() -> Rig<GpuSpec> {
    let wish = |_: &Fleet, vm: Option<ResourceId>| GpuSpec { vm, device: SHARE.parse().expect("a device") };
    Rig { wish, ..gpu_attach_rig() }
}

fn snapshot(vm: Option<ResourceId>, remove_subtree: bool) -> SnapshotSpec {
    SnapshotSpec { vm: vm.expect("the rig builds a VM"), parent: None, remove_subtree }
}

async fn grow(fleet: &Fleet, vm: ResourceId, into: State) {
    let disks = json!([{ "name": "root", "gb": 2, "primary": true }, { "name": "old", "gb": 1 }]);
    fleet.change::<VmSpec>(vm, json!({ "disks": disks })).await;
    fleet.reaches::<VmSpec>(vm, into).await;
}

pub fn backup_kvm_rig() -> Rig<BackupSpec> {
    let wish = |_: &Fleet, vm: Option<ResourceId>| {
        let vm = vm.expect("the rig builds a VM");
        BackupSpec { vm, repository: Repository::Primary, valid_hours: 24 }
    };
    let rig = Rig::of(Kind::BackupKvm, wish, || json!({}));
    Rig { vm: Some(|fleet| vm(&fleet.image)), ..rig }
}

/// A VM that runs; nobody works afterwards.
async fn built(fleet: &Fleet, wish: VmSpec) -> ResourceId {
    let created: Accepted<VmSpec> = fleet.create("vm", wish).await;
    let helper = fleet.worker("builder", None);
    fleet.reaches::<VmSpec>(created.resource.id, State::Running).await;
    helper.terminate().await;
    created.resource.id
}

/// No task is under way, also of those that follow another one.
pub async fn at_rest(fleet: &Fleet) {
    eventually(LIMIT, "all tasks end", async || {
        let tasks = fleet.client.tasks(&Default::default()).await.map_err(|failure| failure.to_string())?.items;
        let open: Vec<_> = tasks.iter().filter(|task| !task.status.has_ended()).collect();
        if open.is_empty() { Ok(()) } else { Err(format!("{open:#?}")) }
    })
    .await;
}

impl<S: Spec> Rig<S> {
    /// Every verb of the driver.
    fn of(kind: Kind, wish: fn(&Fleet, Option<ResourceId>) -> S, patch: fn() -> Value) -> Self {
        let driver = worker::drivers::ALL.iter().find(|driver| driver.kind == kind);
        let driver = driver.expect("the driver is in the table");
        Self {
            driver,
            verbs: driver.verbs.iter().map(|entry| entry.verb).collect(),
            wish,
            patch,
            vm: None,
            since: None,
            of_standby: false,
        }
    }

    pub fn ground(&self) -> Ground {
        let mut ground = Ground::of(self.driver.kind);
        if let Some((_, words)) = ground.standby.as_ref().filter(|_| self.of_standby) {
            ground.words = words.clone();
        }
        ground
    }

    /// The resource whose verb is meant.
    fn meant(&self, made: &Accepted<S>) -> ResourceId {
        let spec = serde_json::to_value(&made.resource.spec).expect("a wish");
        let second = serde_json::from_value(spec["pair"]["second"].clone()).ok().filter(|_| self.of_standby);
        second.unwrap_or(made.resource.id)
    }

    /// Brings a new resource to where the verb can be asked for, and asks. Until then a plain worker serves; then none.
    pub async fn bring(&self, fleet: &Fleet, verb: Verb) -> (ResourceId, TaskId) {
        let vm = match self.vm {
            Some(wish) => Some(built(fleet, wish(fleet)).await),
            None => None,
        };
        let created: Accepted<S> = fleet.create("resource", (self.wish)(fleet, vm)).await;
        let (id, meant) = (created.resource.id, self.meant(&created));
        if verb == Verb::Build {
            return (meant, created.task_id);
        }
        let helper = fleet.worker("helper", None);
        fleet.reaches::<S>(id, State::Running).await;
        at_rest(fleet).await;
        if let Some(vm) = vm.filter(|_| S::TYPE == ResourceType::Gpu && verb == Verb::Updatequiesced) {
            fleet.ask::<VmSpec>(vm, State::Quiesce).await;
            fleet.reaches::<VmSpec>(vm, State::Quiesced).await;
        } else if matches!(verb, Verb::Restart | Verb::Updatequiesced) {
            fleet.ask::<S>(id, State::Quiesce).await;
            fleet.reaches::<S>(id, State::Quiesced).await;
        }
        at_rest(fleet).await;
        if let Some(since) = self.since {
            since(fleet).await;
        }
        helper.terminate().await;
        let accepted = match verb {
            // A snapshot has nothing to change.
            Verb::Updaterunning if S::TYPE == ResourceType::Snapshot => fleet.ask::<S>(id, State::RunningUpdate).await,
            Verb::Build => created,
            Verb::Quiesce => fleet.ask::<S>(id, State::Quiesce).await,
            Verb::Restart => fleet.ask::<S>(id, State::Restart).await,
            Verb::Scrubprep | Verb::Scrub => fleet.ask::<S>(id, State::Scrub).await,
            Verb::Updaterunning | Verb::Updatequiesced => fleet.change::<S>(id, (self.patch)()).await,
        };
        (meant, accepted.task_id)
    }

    /// Whether a word of [`Ground::left`] is of the resource, and not of the VM that it belongs to.
    pub fn is_own(&self, key: &str) -> bool {
        self.vm.is_none() || key.contains("/N/") || key.contains("drover-N") || key.contains("/snapshot ")
    }

    pub fn goal(&self, verb: Verb) -> State {
        states::row_of_verb(self.driver.kind, verb).expect("the table has the verb").into
    }
}
