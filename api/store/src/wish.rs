//! A wish of any type, for what the store decides by type: what it takes, where it must stand, what it refers to.

use crate::record::json;
use crate::refusal::{Answer, Refusal};
use errors::{Fault, iaas as codes};
use model::backup::BackupSpec;
use model::ceph::CephSpec;
use model::gpu::GpuSpec;
use model::image::Image;
use model::resource::Spec;
use model::server::Capacity;
use model::snapshot::SnapshotSpec;
use model::virtual_router::VirtualRouterSpec;
use model::virtual_router::pair::Pair;
use model::vm::{Nic, VmSpec};
use model::{ImageId, ResourceId, ResourceType, SegmentId, ServerId, names};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Vm(Box<VmSpec>),
    VirtualRouter(Box<VirtualRouterSpec>),
    Snapshot(SnapshotSpec),
    Backup(BackupSpec),
    Ceph(CephSpec),
    Gpu(GpuSpec),
}

/// The same expression for whichever spec it is.
macro_rules! each {
    ($wish:expr, $spec:ident => $then:expr) => {
        match $wish {
            Wish::Vm($spec) => $then,
            Wish::VirtualRouter($spec) => $then,
            Wish::Snapshot($spec) => $then,
            Wish::Backup($spec) => $then,
            Wish::Ceph($spec) => $then,
            Wish::Gpu($spec) => $then,
        }
    };
}

impl Wish {
    pub fn of<S: Spec>(spec: &S) -> Answer<Self> {
        Self::from_value(S::TYPE, serde_json::to_value(spec).map_err(Refusal::spec)?)
    }

    /// As it is kept.
    pub fn from_text(resource_type: ResourceType, text: &str) -> Answer<Self> {
        let value = serde_json::from_str(text).map_err(|_| Refusal::unexpected("a kept wish cannot be read"))?;
        Self::from_value(resource_type, value)
    }

    pub fn from_value(resource_type: ResourceType, value: Value) -> Answer<Self> {
        let wish = match resource_type {
            ResourceType::Vm => serde_json::from_value(value).map(|spec| Self::Vm(Box::new(spec))),
            ResourceType::VirtualRouter => {
                serde_json::from_value(value).map(|spec| Self::VirtualRouter(Box::new(spec)))
            }
            ResourceType::Snapshot => serde_json::from_value(value).map(Self::Snapshot),
            ResourceType::Backup => serde_json::from_value(value).map(Self::Backup),
            ResourceType::Ceph => serde_json::from_value(value).map(Self::Ceph),
            ResourceType::Gpu => serde_json::from_value(value).map(Self::Gpu),
        };
        wish.map_err(Refusal::spec)
    }

    pub fn to_text(&self) -> String {
        each!(self, spec => json(spec))
    }

    pub fn to_value(&self) -> Answer<Value> {
        each!(self, spec => serde_json::to_value(spec)).map_err(Refusal::spec)
    }

    pub fn check(&self) -> Answer<()> {
        each!(self, spec => spec.check()).map_err(Refusal::spec)?;
        // Beyond this, sums of sizes would not be numbers of the database.
        const MOST: u64 = 1 << 40;
        let largest = match self {
            Self::Vm(vm) => vm.disks.iter().map(|disk| disk.gb).chain([vm.ram_mb]).max().unwrap_or(0),
            Self::Ceph(volume) => volume.gb,
            Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Gpu(_) => 0,
        };
        if largest > MOST {
            Err(Refusal::spec(format_args!("a size is at most {MOST}, not {largest}")))
        } else {
            Ok(())
        }
    }

    pub fn check_change(&self, next: &Self) -> Answer<()> {
        let result = match (self, next) {
            (Self::Vm(now), Self::Vm(next)) => now.check_change(next),
            (Self::VirtualRouter(now), Self::VirtualRouter(next)) => now.check_change(next),
            (Self::Snapshot(now), Self::Snapshot(next)) => now.check_change(next),
            (Self::Backup(now), Self::Backup(next)) => now.check_change(next),
            (Self::Ceph(now), Self::Ceph(next)) => now.check_change(next),
            (Self::Gpu(now), Self::Gpu(next)) => now.check_change(next),
            _ => Err("the type cannot be changed".into()),
        };
        result.map_err(Refusal::spec)
    }

    pub fn takes(&self) -> Capacity {
        each!(self, spec => spec.takes())
    }

    /// The server that it names.
    pub fn server(&self) -> Option<ServerId> {
        match self {
            Self::Vm(vm) => vm.server,
            Self::VirtualRouter(router) => router.server,
            Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => None,
        }
    }

    /// Of a router: that two nodes are to hold it.
    pub fn pair(&self) -> Option<&Pair> {
        match self {
            Self::VirtualRouter(router) => router.pair.as_ref(),
            Self::Vm(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => None,
        }
    }

    /// The two routers that it is held by.
    pub fn name_pair(&mut self, first: ResourceId, second: Option<ResourceId>) {
        if let Self::VirtualRouter(router) = self
            && let Some(pair) = &mut router.pair
        {
            (pair.first, pair.second) = (Some(first), second);
        }
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        match self {
            Self::Vm(vm) => vm.labels.clone(),
            Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => {
                BTreeMap::new()
            }
        }
    }

    pub fn image(&self) -> Option<ImageId> {
        match self {
            Self::Vm(vm) => Some(vm.image),
            Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => None,
        }
    }

    /// The backup that it is made from.
    pub fn backup(&self) -> Option<ResourceId> {
        match self {
            Self::Vm(vm) => vm.backup,
            Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => None,
        }
    }

    /// How long it is kept once it is built, in hours.
    pub fn valid_hours(&self) -> Option<u32> {
        match self {
            Self::Backup(backup) => Some(backup.valid_hours),
            Self::Vm(_) | Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Ceph(_) | Self::Gpu(_) => None,
        }
    }

    /// The VM that it belongs to or is attached to.
    pub fn vm(&self) -> Option<ResourceId> {
        match self {
            Self::Snapshot(snapshot) => Some(snapshot.vm),
            Self::Backup(backup) => Some(backup.vm),
            Self::Ceph(volume) => volume.vm,
            Self::Gpu(gpu) => gpu.vm,
            Self::Vm(_) | Self::VirtualRouter(_) => None,
        }
    }

    /// Whether it stands where its VM stands.
    pub fn stands_with_vm(&self) -> bool {
        match self {
            Self::Snapshot(_) | Self::Backup(_) | Self::Gpu(_) => true,
            Self::Vm(_) | Self::VirtualRouter(_) | Self::Ceph(_) => false,
        }
    }

    pub fn check_image(&self, image: &Image) -> Answer<()> {
        let Self::Vm(vm) = self else { return Ok(()) };
        let asked_gb = vm.primary().gb;
        if asked_gb < image.spec.min_gb {
            let fault = Fault::new(&codes::IMAGE_TOO_LARGE).hole("image", &image.spec.name);
            return Err(fault.hole("min_gb", image.spec.min_gb).hole("asked_gb", asked_gb).into());
        }
        if vm.userdata.is_some() && !image.spec.cloud_init {
            return Err(Fault::new(&codes::IMAGE_NO_USERDATA).hole("image", &image.spec.name).into());
        }
        match (&vm.admin_password, image.spec.takes_password()) {
            // A guest out of a backup has one already.
            (None, true) if vm.backup.is_none() => {
                return Err(Fault::new(&codes::IMAGE_NEEDS_PASSWORD).hole("image", &image.spec.name).into());
            }
            (Some(_), false) => {
                return Err(Fault::new(&codes::IMAGE_NO_PASSWORD).hole("image", &image.spec.name).into());
            }
            _ => {}
        }
        Ok(())
    }

    /// Every segment that it names, with the place of its number.
    pub fn segments(&mut self) -> Vec<(&str, &mut Option<SegmentId>)> {
        match self {
            Self::Vm(vm) => vm.nics.iter_mut().map(|nic| (nic.segment.as_str(), &mut nic.segment_id)).collect(),
            Self::VirtualRouter(router) => {
                router.segments.iter_mut().map(|segment| (segment.name.as_str(), &mut segment.id)).collect()
            }
            Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => Vec::new(),
        }
    }

    /// What a project's router must know of a VM.
    pub fn nics(&self) -> &[Nic] {
        match self {
            Self::Vm(vm) => &vm.nics,
            Self::VirtualRouter(_) | Self::Snapshot(_) | Self::Backup(_) | Self::Ceph(_) | Self::Gpu(_) => &[],
        }
    }

    /// What a snapshot stands on is known when it is taken; whatever stood there is not believed.
    pub fn stand_on_nothing(&mut self) {
        if let Self::Snapshot(snapshot) = self {
            snapshot.parent = None;
        }
    }

    /// Gives each nic of a VM that has no mac its own: the one it had before when it is the same nic, else a free one.
    pub fn name_nics(&mut self, id: ResourceId, before: Option<&Self>) {
        let Self::Vm(vm) = self else { return };
        let old = match before {
            Some(Self::Vm(old)) => old.nics.as_slice(),
            _ => &[],
        };
        let mut used: BTreeSet<String> = vm.nics.iter().filter_map(|nic| nic.mac.clone()).collect();
        for (place, nic) in vm.nics.iter_mut().enumerate() {
            if nic.mac.is_some() {
                continue;
            }
            let same = old.get(place).filter(|old| old.segment == nic.segment).and_then(|old| old.mac.clone());
            // A VM has at most ten nics, and there are sixteen macs for each.
            let free = (0..16).map(|number| names::mac(id, (place + number) % 16));
            nic.mac = same.into_iter().chain(free).find(|mac| !used.contains(mac));
            used.extend(nic.mac.clone());
        }
    }
}
