//! One module an outside program: each function builds a command and says how its answer is read. Nothing is run here.

pub mod ceph;
pub mod curl;
pub mod dnsmasq;
pub mod files;
pub mod hyperv;
pub mod ip;
pub mod kill;
pub mod nft;
pub mod qemu_img;
pub mod rbd;
pub mod secret;
pub mod ssh;
pub mod strongswan;
pub mod sysctl;
pub mod systemctl;
pub mod unshare;
pub mod virsh;
pub mod wireguard;
