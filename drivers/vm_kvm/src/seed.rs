//! The cloud-init seed (NoCloud): a small FAT image labelled `cidata`, the same bytes for the same VM.

use errors::Fault;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use model::vm::Vm;
use seeds::nocloud;
use std::io::{Cursor, Write};

const BYTES: usize = 1 << 20;

/// The image's bytes.
pub fn image(vm: &Vm) -> Result<Vec<u8>, Fault> {
    write(&nocloud::files(vm)).map_err(|error| Fault::new(&errors::vm_kvm::SEED_TOO_LARGE).hole("reason", error))
}

fn write(files: &[(&str, String)]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Cursor::new(vec![0_u8; BYTES]);
    format_volume(&mut bytes, FormatVolumeOptions::new().volume_label(*b"cidata     "))?;
    {
        // Without a clock, so that the bytes depend on the VM alone.
        let volume = FileSystem::new(&mut bytes, FsOptions::new().update_accessed_date(false))?;
        for (name, text) in files {
            let mut file = volume.root_dir().create_file(name)?;
            file.truncate()?;
            file.write_all(text.as_bytes())?;
            file.flush()?;
        }
        volume.unmount()?;
    }
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use std::io::Read;

    #[test]
    fn the_image_holds_the_files_and_is_the_same_each_time() {
        let (vm, _) = sample::vm();
        let bytes = image(&vm).unwrap();
        assert_eq!(bytes, image(&vm).unwrap());
        let volume = FileSystem::new(Cursor::new(bytes), FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label().to_lowercase(), "cidata");
        let mut text = String::new();
        volume.root_dir().open_file("user-data").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(Some(text), vm.spec.userdata);
    }
}
