//! What only devices that are given to VMs can meet.

use crate::{Category, Entry};

pub static ABSENT: Entry = Entry {
    code: "2130",
    text: "{host} has no device {device}.",
    cause: "The address or UUID is wrong; or the device was taken out or has moved to another slot; or a mediated device was not made again after the host's restart.",
    remedy: "See the server's devices with drover gpu devices. Make the mediated device again (mdevctl start), then retry; or delete this record and make one with the right device.",
    category: Category::NotFound,
};

pub static BUSY: Entry = Entry {
    code: "2131",
    text: "Device {device} of {host} is given to domain {domain} already.",
    cause: "Another VM, or a domain that drover did not make, has it in its definition.",
    remedy: "Detach it there first, then retry.",
    category: Category::Conflict,
};

pub static SHARED: Entry = Entry {
    code: "2132",
    text: "Device {device} of {host} cannot be given alone: its IOMMU group {group} also holds {others}.",
    cause: "The hardware cannot keep the devices of one group apart, and the others are used by the host.",
    remedy: "Put the device into another slot, or unbind the others from their drivers if nothing on the host needs them; then retry.",
    category: Category::Conflict,
};

pub static NO_IOMMU: Entry = Entry {
    code: "2133",
    text: "{host} cannot give device {device} to a guest: it has no IOMMU group.",
    cause: "The IOMMU (VT-d, AMD-Vi) is absent, or switched off in the firmware or on the kernel's command line.",
    remedy: "Switch it on and restart the host; then retry.",
    category: Category::HostRefused,
};

pub static HELD: Entry = Entry {
    code: "2134",
    text: "The guest of {domain} has not let go of device {device} within {limit_secs} s.",
    cause: "Its driver uses the device, or the guest does not heed hot-unplug.",
    remedy: "Stop what uses it in the guest, or quiesce the VM, then retry.",
    category: Category::Deadline,
};

pub static NOT_ALLOWED: Entry = Entry {
    code: "2135",
    text: "Device {device} of {host} may not be given to VMs.",
    cause: "The server's settings.gpu.devices name it no more, neither by itself nor as {id}.",
    remedy: "Have an operator name it there, then retry; or take another device.",
    category: Category::Conflict,
};

pub static SPLIT: Entry = Entry {
    code: "2136",
    text: "Device {device} of {host} cannot be given whole: mediated devices are shares of it ({others}).",
    cause: "Its driver on the host serves these, and has to keep it.",
    remedy: "Give the mediated devices instead, or remove them (mdevctl stop) once no VM has them; then retry.",
    category: Category::Conflict,
};

pub(crate) const ENTRIES: &[&Entry] = &[&ABSENT, &BUSY, &SHARED, &NO_IOMMU, &HELD, &NOT_ALLOWED, &SPLIT];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &["gpu_updatequiesced", "gpu_updaterunning"];
