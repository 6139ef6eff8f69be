//! One module an outside program: each function builds a command and says how its answer is read. Nothing is run here.

pub mod curl;
pub mod files;
pub mod ip;
pub mod qemu_img;
pub mod ssh;
pub mod virsh;
