//! Orphans planted by hand: with the programs of the host, not with drover's drivers.

use commands::ip::{link, netns};
use commands::virsh::{self, backup};
use commands::{files, ip, rbd};
use hosts::{Command, Host};
use iaas::tenant::{AskErrand, OrphanFilter};
use model::backup::{BackupKind, FORMAT, Manifest};
use model::ceph::usual_features;
use model::errand::{Errand, ErrandStatus, Found, Orphan, Sort};
use model::server::HostSettings;
use model::{ErrandId, Moment, ResourceId, SegmentId, names};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Fleet, eventually};

/// What no record has.
pub const NOBODY: i64 = 9000;

/// Nothing in a test takes longer; a limit, not a measure.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Garden {
    pub host: Arc<dyn Host>,
    pub settings: HostSettings,
}

/// A sort and a name, as a survey tells them.
pub type Key = (Sort, String);

pub fn key(found: &Found) -> Key {
    (found.sort, found.name.clone())
}

impl Garden {
    pub async fn run<T>(&self, command: Command<T>) -> T {
        let output = self.host.run(&command.invocation).await.expect("it is done");
        (command.read)(&output).expect("it is read")
    }

    async fn put(&self, path: &str, bytes: &[u8]) {
        self.host.put(path, bytes, 0o644).await.expect("it is written");
    }

    /// A domain that says whose it is; or another maker's.
    pub fn xml(name: &str, vm: Option<ResourceId>) -> String {
        let mark = vm.map(|vm| format!("<drover:vm xmlns:drover='{}' resource='{vm}'/>", domains::NAMESPACE));
        let number: u64 = name.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) & 0xffff_ffff_ffff);
        format!(
            "<domain type='qemu'>\n  <name>{name}</name>\n  <uuid>64726f76-6572-4000-8009-{number:012x}</uuid>\n  \
             <metadata>{}</metadata>\n  <memory unit='MiB'>64</memory>\n  <vcpu>1</vcpu>\n  \
             <os><type arch='x86_64' machine='q35'>hvm</type></os>\n  <devices/>\n</domain>\n",
            mark.unwrap_or_default()
        )
    }

    /// One of them runs, and starts with its host.
    pub async fn domain(&self, vm: ResourceId, runs: bool) -> Key {
        let (uri, name) = (&self.settings.libvirt_uri, names::domain(vm));
        self.run(virsh::define(uri, &Self::xml(&name, Some(vm)))).await;
        if runs {
            self.run(virsh::set_autostart(uri, &name, true)).await;
            self.run(virsh::start(uri, &name)).await;
        }
        (Sort::Domain, name)
    }

    pub async fn file(&self, sort: Sort, vm: ResourceId, name: &str) -> Key {
        self.put(&format!("{}/{name}", names::vm_folder(&self.settings.storage, vm)), &[7; 5000]).await;
        (sort, format!("{vm}/{name}"))
    }

    pub async fn bridge(&self, segment: SegmentId) -> Key {
        let name = names::bridge(segment, "lost");
        self.run(ip::add_bridge(&name)).await;
        self.run(ip::claim(&name)).await;
        self.run(ip::up(&name)).await;
        (Sort::Bridge, name)
    }

    /// Of a guest that runs, by a backup that nobody keeps.
    pub async fn checkpoint(&self, vm: ResourceId, id: ResourceId) -> Key {
        let (uri, domain, own) = (&self.settings.libvirt_uri, names::domain(vm), names::checkpoint(id));
        let folder = format!("{}/planted", self.settings.storage);
        let definition = format!("{folder}/{own}.xml");
        let target = format!("{folder}/{own}.qcow2");
        let disks = "<disk name='vda' checkpoint='bitmap'/>";
        let xml = format!("<domaincheckpoint><name>{own}</name><disks>{disks}</disks></domaincheckpoint>");
        self.put(&definition, xml.as_bytes()).await;
        let xml = format!(
            "<domainbackup mode='push'><disks><disk name='vda' type='file'><target file='{target}'/>\
             <driver type='qcow2'/></disk></disks></domainbackup>"
        );
        self.run(backup::begin(uri, &domain, &xml, &definition)).await;
        eventually(Duration::from_secs(60), "the planted backup ends", async || {
            match self.run(backup::job(uri, &domain)).await {
                backup::Job::None => Ok(()),
                job => Err(format!("{job:?}")),
            }
        })
        .await;
        self.run(files::remove_tree(&folder)).await;
        (Sort::Checkpoint, format!("{domain}/{own}"))
    }

    pub async fn backup(&self, vm: ResourceId, id: ResourceId) -> Key {
        let manifest = Manifest {
            format: FORMAT,
            backup: id,
            vm,
            kind: BackupKind::Full,
            why_full: None,
            chain: Vec::new(),
            checkpoint: None,
            made_at: Moment::UNIX_EPOCH,
            valid_until: Moment::UNIX_EPOCH,
            domain: String::new(),
            disks: Vec::new(),
            left_out: Vec::new(),
        };
        let folder = names::backup(&names::backups(&self.settings.storage), vm, id);
        self.put(&format!("{folder}/root.qcow2"), &[7; 9000]).await;
        self.put(&format!("{folder}/manifest.json"), &serde_json::to_vec(&manifest).expect("JSON")).await;
        (Sort::Backup, format!("primary/{vm}/{id}"))
    }

    /// A router's, with a cable to the public bridge, files, and a unit that brings it back.
    pub async fn namespace(&self, router: ResourceId) -> Key {
        let (name, port) = (names::router_namespace(router), names::uplink_port(router));
        self.run(netns::add(&name)).await;
        let cable = format!(
            "link add name {port} group {} mtu 1500 type veth peer name {} netns {name} address {} mtu 1500",
            names::router_group(router),
            names::UPLINK,
            names::uplink_mac(router)
        );
        let alias = format!("link set dev {port} alias \"drover router {router} uplink\"");
        self.run(link::batch(&[cable, alias, format!("link set dev {port} up")])).await;
        self.put(&format!("{}/ruleset.nft", names::router_folder(&self.settings.storage, router)), b"\n").await;
        self.put(&names::router_unit_file(router), b"[Unit]\n").await;
        (Sort::Namespace, name)
    }

    pub async fn image(&self, pool: &str, volume: ResourceId, is_whole: bool) -> Key {
        let settings = &self.settings.ceph;
        let whole = names::in_pool(pool, &names::volume(volume));
        let path = if is_whole { whole } else { names::part(&whole) };
        self.run(rbd::create(settings, &path, 1, &usual_features())).await;
        if is_whole {
            self.run(rbd::set_metadata(settings, &path, "drover.resource", &volume.to_string())).await;
        }
        (Sort::Image, path)
    }

    /// What other makers have there; no survey may name any of it.
    pub async fn others(&self) {
        let uri = &self.settings.libvirt_uri;
        self.run(virsh::define(uri, &Self::xml("drover-8999", None))).await;
        self.put(&format!("{}/vms/notes.txt", self.settings.storage), b"mine").await;
        self.put(&format!("{}/backups/photos/2024/cat.jpg", self.settings.storage), b"mine").await;
        self.put(&format!("{}/backups/12/34/letter.txt", self.settings.storage), b"mine").await;
        self.run(ip::add_bridge("br-8999-mine")).await;
    }

    pub async fn remove_others(&self) {
        self.run(virsh::undefine(&self.settings.libvirt_uri, "drover-8999")).await;
        self.run(files::remove_tree(&format!("{}/vms/notes.txt", self.settings.storage))).await;
        self.run(files::remove_tree(&format!("{}/backups/photos", self.settings.storage))).await;
        self.run(files::remove_tree(&format!("{}/backups/12", self.settings.storage))).await;
        self.run(ip::delete_bridge("br-8999-mine")).await;
    }
}

/// Errands that are asked for, to their ends.
pub async fn ended(fleet: &Fleet, asks: impl IntoIterator<Item = AskErrand>) -> Vec<Errand> {
    let mut ids = Vec::new();
    for ask in asks {
        ids.push(fleet.client.errand_ask(&ask).await.expect("it may be asked").id);
    }
    let mut errands = Vec::new();
    for id in ids {
        errands.push(end(fleet, id).await);
    }
    errands
}

/// One that was asked for, once it has ended.
pub async fn end(fleet: &Fleet, id: ErrandId) -> Errand {
    let what = format!("errand {id} ends");
    eventually(PATIENCE, &what, async || match fleet.client.errand(id, Duration::from_secs(5)).await {
        Ok(errand) if errand.status.has_ended() => Ok(errand),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// As [`ended`], each well.
pub async fn done(fleet: &Fleet, asks: impl IntoIterator<Item = AskErrand>) {
    for errand in ended(fleet, asks).await {
        assert_eq!(errand.status, ErrandStatus::Succeeded, "{errand:#?}");
    }
}

pub async fn survey(fleet: &Fleet) {
    let hosts: Vec<_> = fleet.servers.iter().map(|server| server.spec.name.clone()).collect();
    done(fleet, hosts.into_iter().map(|host| AskErrand::Survey { host })).await;
}

pub async fn orphans(fleet: &Fleet) -> Vec<Orphan> {
    let all = OrphanFilter { limit: Some(500), ..OrphanFilter::default() };
    fleet.client.orphans(&all).await.expect("a list").items
}

pub fn keys(orphans: &[Orphan]) -> BTreeSet<Key> {
    orphans.iter().map(|orphan| key(&orphan.found)).collect()
}

/// A number that no record has.
pub fn nobody(number: i64) -> ResourceId {
    ResourceId(NOBODY + number)
}
