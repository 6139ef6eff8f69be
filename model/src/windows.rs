//! Names of what drover makes on a Windows host, each from one function. `storage` is the server's, `D:\drover` say; all that
//! belongs to one VM is below one folder.

use crate::errand::Sort;
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

/// What its notes say while it is in quarantine: the same, and what it did before when its host started.
pub fn aside_mark(region: &str, vm: ResourceId, start_action: &str) -> String {
    format!("{}/aside/{start_action}", mark(region, vm))
}

/// Whose a VM is by its notes, and of one in quarantine what it did before when its host started.
pub fn read_mark(region: &str, notes: &str) -> Option<(ResourceId, Option<String>)> {
    let (number, aside) = match notes.strip_prefix(&format!("drover/{region}/"))?.split_once("/aside/") {
        Some((number, start_action)) => (number, Some(start_action.to_owned())),
        None => (notes.rsplit('/').next()?, None),
    };
    let vm = ResourceId(number.parse().ok()?);
    let again = aside.as_ref().map_or_else(|| mark(region, vm), |start_action| aside_mark(region, vm, start_action));
    (again == notes).then_some((vm, aside))
}

/// The folder of all VMs.
pub fn vms(storage: &str) -> String {
    format!(r"{storage}\vms")
}

/// The folder of all that is the VM's, its configuration and checkpoints included.
pub fn vm_folder(storage: &str, vm: ResourceId) -> String {
    format!(r"{}\{vm}", vms(storage))
}

/// Whose folder a path is, or is below.
pub fn vm_of(storage: &str, path: &str) -> Option<ResourceId> {
    let all = vms(storage);
    let name = path.get(all.len() + 1..).filter(|_| is_below(path, &all))?.split('\\').next()?;
    name.parse().ok().map(ResourceId).filter(|vm| vm.to_string() == name)
}

pub fn disk(storage: &str, vm: ResourceId, disk: &str) -> String {
    format!(r"{}\{disk}.vhdx", vm_folder(storage, vm))
}

/// The disc of the guest's first settings.
pub fn settings_disc(storage: &str, vm: ResourceId) -> String {
    format!(r"{}\settings.iso", vm_folder(storage, vm))
}

/// A VM's network adapter, by what tells it apart.
pub fn adapter(mac: &str) -> String {
    format!("nic-{}", mac.replace(':', ""))
}

/// The folder of all images.
pub fn images(storage: &str) -> String {
    format!(r"{storage}\images")
}

/// An image as it was fetched, named by its content: never changed, since disks may stand on it.
pub fn base(storage: &str, image: ImageId, sha256: &str) -> String {
    format!(r"{}\{image}-{}.vhdx", images(storage), &sha256[..sha256.len().min(16)])
}

/// The file in a folder of fences that keeps those of one lock; a name on Windows holds no colon.
pub fn fence(folder: &str, lock: &LockName) -> String {
    format!(r"{}\{}", folder.replace('/', r"\"), names::fence_file(lock).replace(':', "%3A"))
}

/// Whether a path is below a folder; Windows minds no case. A path that climbs is below nothing.
pub fn is_below(path: &str, folder: &str) -> bool {
    let (path, folder) = (path.to_lowercase(), folder.to_lowercase());
    let rest = path.strip_prefix(folder.trim_end_matches('\\')).and_then(|rest| rest.strip_prefix('\\'));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.split('\\').all(|name| !name.is_empty() && name != ".." && name != ".")
    })
}

/// Whether two paths are one.
pub fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A disk that is not whole yet: Hyper-V goes by the end of a name, which must stay.
pub fn part_of_disk(path: &str) -> String {
    format!("{}.part.vhdx", path.strip_suffix(".vhdx").unwrap_or(path))
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

/// The folder of one VM's backups.
pub fn backups_of(repository: &str, vm: ResourceId) -> String {
    format!(r"{repository}\{vm}")
}

/// What is being removed: it has no plain name any more.
pub fn gone(path: &str) -> String {
    format!("{path}.gone")
}

/// The snapshot that a checkpoint is, by its name.
pub fn snapshot_of(checkpoint: &str) -> Option<ResourceId> {
    checkpoint.strip_prefix("drover-")?.parse().ok().map(ResourceId)
}

/// Where a host keeps what was set aside, and notes of it.
pub fn quarantine(storage: &str, sort: Sort) -> String {
    format!(r"{storage}\quarantine\{sort}")
}

/// The file or folder there of one thing.
pub fn aside(storage: &str, sort: Sort, name: &str) -> String {
    format!(r"{}\{}", quarantine(storage, sort), names::flat(name))
}

/// Which snapshot the VM was last reverted to, and by which task.
pub fn reverted(storage: &str, vm: ResourceId) -> String {
    format!(r"{}\reverted", vm_folder(storage, vm))
}

/// Which kind of checkpoints the VM makes when no snapshot of drover's is being taken.
pub fn checkpoint_type(storage: &str, vm: ResourceId) -> String {
    format!(r"{}\checkpoint-type", vm_folder(storage, vm))
}

/// Whether this names a folder of a drive, `D:\drover`, by plain names.
pub fn is_folder(path: &str) -> bool {
    let plain = |name: &str| {
        let is_odd = |byte: u8| byte < 0x20 || b"<>:\"/|?*[]".contains(&byte);
        !name.is_empty() && !name.ends_with(['.', ' ']) && !name.bytes().any(is_odd)
    };
    match path.split_once(r":\") {
        Some((drive, names)) => {
            drive.len() == 1 && drive.bytes().all(|byte| byte.is_ascii_alphabetic()) && names.split('\\').all(plain)
        }
        None => false,
    }
}

/// Whether this names a file of a drive, or of another machine's share, `\\files\images\win.vhdx`, by plain names.
pub fn is_file(path: &str) -> bool {
    match path.strip_prefix(r"\\") {
        Some(rest) => rest.split('\\').count() > 2 && is_folder(&format!(r"X:\{rest}")),
        None => is_folder(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_plain_path_on_a_drive() {
        for path in [r"D:\drover", r"E:\Hyper V\store"] {
            assert!(is_folder(path), "{path}");
        }
        for path in
            [r"D:\", r"D:drover", r"\\server\share", "/var", r"D:\a\..\b", r"D:\a\", r"D:\a*", r"DD:\a", r"D:\a:b"]
        {
            assert!(!is_folder(path), "{path}");
        }
    }

    #[test]
    fn a_file_is_on_a_drive_or_a_share() {
        for path in [r"D:\images\win2k22.vhdx", r"\\files\images\win2k22.vhdx"] {
            assert!(is_file(path), "{path}");
        }
        for path in [r"\\files\win2k22.vhdx", "/images/win2k22.vhdx", "https://files/win2k22.vhdx", r"\\files\a\..\b"] {
            assert!(!is_file(path), "{path}");
        }
    }

    #[test]
    fn a_checkpoint_tells_whose_it_is() {
        assert_eq!(snapshot_of(&checkpoint(ResourceId(9))), Some(ResourceId(9)));
        assert_eq!(snapshot_of("before the upgrade"), None);
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_no_other_is() {
        let id = ResourceId(7);
        assert_eq!(read_mark("default", &mark("default", id)), Some((id, None)));
        let aside = aside_mark("default", id, "StartIfRunning");
        assert_eq!(aside, "drover/default/7/aside/StartIfRunning");
        assert_eq!(read_mark("default", &aside), Some((id, Some("StartIfRunning".into()))));
        for other in
            ["", "drover/default/", "drover/north/7", "drover/default/07", "drover/default/7 ", "drover/default/x/7"]
        {
            assert_eq!(read_mark("default", other), None, "{other}");
        }
    }

    #[test]
    fn a_path_tells_whose_folder_it_is_in() {
        let of = |path| vm_of(r"D:\drover", path);
        for path in [r"D:\drover\vms\7", r"d:\Drover\vms\7\root.vhdx"] {
            assert_eq!(of(path), Some(ResourceId(7)), "{path}");
        }
        for path in
            [r"D:\drover\vms", r"D:\drover\vms\notes.txt", r"D:\drover\vms\07", r"D:\drover\vms2\7", r"E:\7", ""]
        {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn all_that_is_a_vms_is_below_its_folder() {
        let (storage, id) = (r"D:\drover", ResourceId(7));
        assert_eq!(vm_folder(storage, id), r"D:\drover\vms\7");
        for path in [disk(storage, id, "root"), settings_disc(storage, id)] {
            assert!(is_below(&path, &vm_folder(storage, id)), "{path}");
        }
        for path in
            [r"D:\drover\vms\77\root.vhdx", r"D:\drover\vms\7", r"D:\drover\vms\7\..\8", r"D:\drover\images\5.vhdx"]
        {
            assert!(!is_below(path, &vm_folder(storage, id)), "{path}");
        }
        assert!(is_below(r"d:\DROVER\vms\7\drover-7", &vm_folder(storage, id)));
        assert_eq!(part_of_disk(r"D:\drover\vms\7\root.vhdx"), r"D:\drover\vms\7\root.part.vhdx");
    }

    #[test]
    fn a_fences_file_has_a_name_that_windows_takes() {
        let lock = LockName::Device { host: "hv-1".into(), device: "0000:65:00.0".into() };
        let folder = names::fence_folder(r"D:\drover");
        assert_eq!(fence(&folder, &lock), r"D:\drover\fences\device+hv-1+0000%3A65%3A00.0");
    }
}
