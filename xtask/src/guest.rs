//! The tiny guest: Debian's cloud kernel, a busybox of a few megabytes, and a disk image to be a VM's image.

use crate::run::{command, quietly, root, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// In the order in which they are loaded.
const MODULES: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
    "virtio_blk",
    "virtio_console",
    "button",
    "evdev",
    "nls_cp437",
    "nls_ascii",
    "nls_iso8859-1",
    "nls_utf8",
    "fat",
    "vfat",
];

/// The folder with `kernel`, `initrd` and `disk.qcow2`, made when it is missing.
pub fn build() -> Result<PathBuf> {
    let folder = root().join("target/guest");
    let version = kernel()?;
    let init = fs::read_to_string(root().join("xtask/guest/init")).context("the guest's init")?;
    let stamp = format!("{version}\n{}\n{init}", MODULES.join(" "));
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|made| made == stamp) {
        return Ok(folder);
    }
    say("building the tiny guest");
    let tree = folder.join("tree");
    // Left by a build that was interrupted.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(tree.join("bin"))?;
    fs::create_dir_all(tree.join("modules"))?;
    fs::create_dir_all(tree.join("dev"))?;
    fs::copy("/bin/busybox", tree.join("bin/busybox")).context("busybox")?;
    std::os::unix::fs::symlink("busybox", tree.join("bin/sh"))?;
    fs::copy(root().join("xtask/guest/init"), tree.join("init"))?;
    quietly(command("chmod").arg("755").arg(tree.join("init")))?;
    let mut order = String::new();
    for module in MODULES {
        let found =
            quietly(command("find").args([&format!("/lib/modules/{version}"), "-name", &format!("{module}.ko")]))?;
        let path = String::from_utf8_lossy(&found.stdout).lines().next().map(str::to_owned);
        let path = path.with_context(|| format!("the kernel has no module {module}"))?;
        fs::copy(path, tree.join(format!("modules/{module}.ko")))?;
        order.push_str(&format!("{module}\n"));
    }
    fs::write(tree.join("modules/order"), order)?;
    let pack = format!("cd '{}' && find . | cpio --quiet -o -H newc | gzip -1 > ../initrd", tree.display());
    quietly(command("sh").args(["-c", &pack]))?;
    fs::copy(format!("/boot/vmlinuz-{version}"), folder.join("kernel"))?;
    quietly(command("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(folder.join("disk.qcow2")).arg("64M"))?;
    fs::remove_dir_all(&tree)?;
    fs::write(folder.join("stamp"), stamp)?;
    Ok(folder)
}

fn kernel() -> Result<String> {
    let mut versions: Vec<String> = fs::read_dir("/lib/modules")
        .context("/lib/modules")?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|version| version.contains("cloud") && Path::new(&format!("/boot/vmlinuz-{version}")).exists())
        .collect();
    versions.sort();
    match versions.pop() {
        Some(version) => Ok(version),
        None => bail!("no cloud kernel is installed"),
    }
}
