//! The book of tests, in reading order. Chapters named `real_` start and stop real programs; the others need none.

/// Three functions are all that a verb brings; four tests it gets free, by being in the table.
mod free;
/// What the free tests know of each driver.
mod rig;

/// Two workers, one task; a worker that was paused; cancel, dry run, waiting, poison.
mod attempts;
/// Chains of backups on a fake host: what is kept, what goes, and what a backup refuses.
mod backups;
/// Changed behind drover's back: found, repaired, adopted.
mod drift;
/// Errands whose worker is killed in the middle.
mod errands;
/// What a paused worker does late is refused at the host.
mod fences;
/// Mediated devices, on a host that is not there.
mod gpus;
/// A Hyper-V host beside a KVM host, what is secret there, and what goes wrong with it.
mod hyperv;
/// Backups on a Hyper-V host that is not there: what counts as one, and what comes out of it again.
mod hyperv_backups;
/// On a Hyper-V host that is not there, without a record: planted, found, set aside, put back, removed.
mod hyperv_orphans;
/// Snapshots on a Hyper-V host that is not there: taken once, put back, merged.
mod hyperv_snapshots;
/// VMs on a simulated Hyper-V host: known mistakes, not made again.
mod hyperv_vms;
/// What the chapters on real libvirt and QEMU share.
mod machine;
/// What the chapters on real routers share.
mod network;
/// On hosts without a record: planted, found, set aside, put back, removed.
mod orphans;
/// Orphans planted by hand.
mod planted;
/// Backups of a guest that goes on meanwhile: a chain, and what is left of one that did not end.
mod real_backup;
/// A worker killed in the middle of a real backup.
mod real_backup_crash;
/// Volumes on a Ceph cluster: data that goes from VM to VM, growth, crashes, a full pool.
mod real_ceph;
/// The compose file.
mod real_compose;
/// The roles apart over RabbitMQ and PostgreSQL, each killed in turn.
mod real_fleet;
/// A PCI and a mediated device in the definitions of real domains.
mod real_gpu;
/// A simulated Hyper-V host behind a real sshd.
mod real_hyperv;
/// A guest on libvirt and QEMU, from the POST to nothing left; on this machine and over SSH.
mod real_kvm;
/// A worker killed in the middle of real builds.
mod real_kvm_crash;
/// Orphans on real libvirt, bridges and namespaces.
mod real_orphans;
/// Two nodes that hold one router: stopped in turn, changed, parted and joined.
mod real_pair;
/// A broker killed twenty times under load.
mod real_rabbitmq;
/// Routers with real packets: rules, translation, leases, names, carriers, a reboot.
mod real_router;
/// What routers are made from, before the programs that read it.
mod real_ruleset;
/// Segments that reach another host.
mod real_segments;
/// Disks of a real guest that go back to what they were, in a tree of snapshots.
mod real_snapshot;
/// A real guest behind a real router.
mod real_tenant;
/// Site-to-site VPNs with real packets: what the internet sees of them, updates, a reboot.
mod real_vpn;
/// No secret in a command line, a span or an error.
mod secrets;
/// What the chapters on a simulated Hyper-V host share.
mod simulated;
/// Snapshots disk by disk beside what goes wrong in the middle, on a host that is not there.
mod snapshots;
/// The session with a Hyper-V host cut at every request of every verb.
mod sweep;
/// One trace from the POST to the last command.
mod traces;
/// Backups that are looked at: what is damaged, and what can still be restored.
mod verify;
/// Volumes beside what goes wrong, on a cluster that is not there.
mod volumes;
