//! Hosts that are not there, and the suite that fakes and real hosts pass alike: where they disagree the fake is wrong.

pub mod ceph;
pub mod hyperv;
pub mod kvm;
pub mod router;
pub mod suite;
