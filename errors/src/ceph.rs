//! What drivers that keep something in a Ceph pool can meet.

use crate::{Category, Entry};

pub static POOL_ABSENT: Entry = Entry {
    code: "2200",
    text: "The Ceph cluster of {host} has no pool {pool}.",
    cause: "The pool was never made, or the host's settings name another cluster.",
    remedy: "Make the pool and initialise it (rbd pool init {pool}), or name one that is there.",
    category: Category::NotFound,
};

pub static POOL_FULL: Entry = Entry {
    code: "2201",
    text: "Pool {pool} has room for {room_mb} MB, {what} wants {wanted_mb} MB; nothing was made.",
    cause: "What is stored has come near the size of the cluster's devices, or of the pool's quota.",
    remedy: "Remove images, purge the trash, raise the quota or add devices (see ceph df), then retry.",
    category: Category::NoCapacity,
};

pub static IMAGE_FOREIGN: Entry = Entry {
    code: "2202",
    text: "Image {image} exists and does not carry the mark of {resource}.",
    cause: "Someone made an image of that name outside drover, or two fleets share the pool.",
    remedy: "Rename that image, then retry.",
    category: Category::Conflict,
};

pub static IMAGE_ABSENT: Entry = Entry {
    code: "2203",
    text: "Image {image} is not in the cluster of {host}.",
    cause: "It was removed outside drover, or the hosts' settings name different clusters.",
    remedy: "Restore it from the trash if it is there (rbd trash ls), or scrub the resource; then retry.",
    category: Category::Conflict,
};

pub static IMAGE_IN_USE: Entry = Entry {
    code: "2204",
    text: "Image {image} is in use by {watchers}.",
    cause: "A client that is alive has it open: its watch outlasts that of a client that crashed.",
    remedy: "Stop that client. The task goes on by itself when nobody has the image open.",
    category: Category::Locked,
};

pub static PARENT_UNFIT: Entry = Entry {
    code: "2205",
    text: "{parent} cannot be cloned: {reason}.",
    cause: "The clone of the wish names another snapshot than one that is there and protected, or a larger one.",
    remedy: "Protect the snapshot (rbd snap protect {parent}) or name another; then make the volume anew.",
    category: Category::InvalidInput,
};

pub static HAS_SNAPSHOTS: Entry = Entry {
    code: "2206",
    text: "Image {image} has {count} snapshots.",
    cause: "Someone took them outside drover; clones may stand on them.",
    remedy: "Remove them (rbd snap purge {image}), then retry the scrub.",
    category: Category::Conflict,
};

pub static STILL_ATTACHED: Entry = Entry {
    code: "2207",
    text: "Volume {volume} is attached to vm {vm}.",
    cause: "A volume is scrubbed only when it is on no VM.",
    remedy: "Detach it, then scrub it.",
    category: Category::Conflict,
};

pub static VM_UNFIT: Entry = Entry {
    code: "2208",
    text: "A volume cannot be attached to vm {vm}, which is a {kind}.",
    cause: "Volumes are attached by QEMU.",
    remedy: "Detach it, and attach it to a VM on a KVM server.",
    category: Category::InvalidInput,
};

pub static NO_KEY: Entry = Entry {
    code: "2209",
    text: "{host} has no key of client.{user} in {keyrings}.",
    cause: "The user's keyring was not copied to the host, or the settings name another user.",
    remedy: "Write it there (ceph auth get client.{user} -o FILE), readable by root alone; then retry.",
    category: Category::HostRefused,
};

pub(crate) const ENTRIES: &[&Entry] = &[
    &POOL_ABSENT,
    &POOL_FULL,
    &IMAGE_FOREIGN,
    &IMAGE_ABSENT,
    &IMAGE_IN_USE,
    &PARENT_UNFIT,
    &HAS_SNAPSHOTS,
    &STILL_ATTACHED,
    &VM_UNFIT,
    &NO_KEY,
];

/// Every `<driver>_<verb>` under which these numbers stand: a VM's disks may be in a pool, too.
pub(crate) const SCOPES: &[&str] = &[
    "ceph_build",
    "ceph_scrub",
    "ceph_updatequiesced",
    "ceph_updaterunning",
    "snapshot_kvm_build",
    "snapshot_kvm_scrub",
    "snapshot_kvm_updaterunning",
    "vm_kvm_build",
    "vm_kvm_quiesce",
    "vm_kvm_restart",
    "vm_kvm_scrub",
    "vm_kvm_scrubprep",
    "vm_kvm_updatequiesced",
    "vm_kvm_updaterunning",
];
