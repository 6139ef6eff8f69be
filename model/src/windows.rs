//! Names of what drover makes on a Windows host, each from one function. `storage` is the server's, `D:\drover` say; all that
//! belongs to one VM is below one folder.

use crate::lock::LockName;
use crate::{ImageId, ResourceId, names};

/// The VM's name in Hyper-V.
pub fn vm(vm: ResourceId) -> String {
    format!("drover-{vm}")
}

/// What the VM's notes say: whose it is.
pub fn mark(region: &str, vm: ResourceId) -> String {
    format!("drover/{region}/{vm}")
}

/// The folder of all that is the VM's, its configuration and checkpoints included.
pub fn vm_folder(storage: &str, vm: ResourceId) -> String {
    format!(r"{storage}\vms\{vm}")
}

pub fn disk(storage: &str, vm: ResourceId, disk: &str) -> String {
    format!(r"{}\{disk}.vhdx", vm_folder(storage, vm))
}

/// The disc of the guest's first settings.
pub fn settings_disc(storage: &str, vm: ResourceId) -> String {
    format!(r"{}\settings.iso", vm_folder(storage, vm))
}

/// An image as it was fetched, named by its content: never changed, since disks may stand on it.
pub fn base(storage: &str, image: ImageId, sha256: &str) -> String {
    format!(r"{storage}\images\{image}-{}.vhdx", &sha256[..sha256.len().min(16)])
}

/// The file in a folder of fences that keeps those of one lock; a name on Windows holds no colon.
pub fn fence(folder: &str, lock: &LockName) -> String {
    format!(r"{}\{}", folder.replace('/', r"\"), names::fence_file(lock).replace(':', "%3A"))
}

/// What is not whole yet; it appears by a rename.
pub fn part(path: &str) -> String {
    format!("{path}.part")
}

/// A checkpoint's name.
pub fn checkpoint(snapshot: ResourceId) -> String {
    format!("drover-{snapshot}")
}

/// The folder of all backups, unless the server's settings name another.
pub fn backups(storage: &str) -> String {
    format!(r"{storage}\backups")
}

pub fn backup(repository: &str, vm: ResourceId, backup: ResourceId) -> String {
    format!(r"{repository}\{vm}\{backup}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_a_vms_is_below_its_folder() {
        let (storage, id) = (r"D:\drover", ResourceId(7));
        assert_eq!(vm_folder(storage, id), r"D:\drover\vms\7");
        for path in [disk(storage, id, "root"), settings_disc(storage, id)] {
            assert!(path.starts_with(r"D:\drover\vms\7\"), "{path}");
        }
    }

    #[test]
    fn a_fences_file_has_a_name_that_windows_takes() {
        let lock = LockName::Device { host: "hv-1".into(), device: "0000:65:00.0".into() };
        let folder = names::fence_folder(r"D:\drover");
        assert_eq!(fence(&folder, &lock), r"D:\drover\fences\device+hv-1+0000%3A65%3A00.0");
    }
}
