//! A backup job and its checkpoint as libvirt's XML: pure functions with golden files.

use crate::plan::Source;
use model::ResourceId;
use quick_xml::escape::escape;
use std::fmt::Write;

/// A job that writes each disk into a file of its own; disks that are not named are left out.
pub fn backup(disks: &[Source], folder: &str, since: Option<&str>) -> String {
    let mut xml = String::from("<domainbackup mode='push'>\n");
    if let Some(checkpoint) = since {
        let _ = writeln!(xml, "  <incremental>{}</incremental>", escape(checkpoint));
    }
    xml.push_str("  <disks>\n");
    for disk in disks {
        let _ = write!(
            xml,
            "    <disk name='{}' backup='yes' type='file'>\n      <driver type='qcow2'/>\n      <target file='{}'/>\n    </disk>\n",
            escape(disk.target.as_str()),
            escape(target(folder, &disk.name))
        );
    }
    xml.push_str("  </disks>\n</domainbackup>\n");
    xml
}

/// Where the job writes a disk.
pub fn target(folder: &str, disk: &str) -> String {
    format!("{folder}/{disk}.job")
}

/// A checkpoint in every disk of the backup.
pub fn checkpoint(name: &str, disks: &[Source]) -> String {
    let mut xml = format!("<domaincheckpoint>\n  <name>{}</name>\n  <disks>\n", escape(name));
    for disk in disks {
        let _ = writeln!(xml, "    <disk name='{}' checkpoint='bitmap'/>", escape(disk.target.as_str()));
    }
    xml.push_str("  </disks>\n</domaincheckpoint>\n");
    xml
}

/// Whether a job that runs is the one that writes into this folder, since this checkpoint.
pub fn is_same(xml: &str, folder: &str, since: Option<&str>) -> bool {
    let tag = since.map(|checkpoint| format!("<incremental>{}</incremental>", escape(checkpoint)));
    is_ours(xml, folder)
        && match tag {
            Some(tag) => xml.contains(&tag),
            None => !xml.contains("<incremental>"),
        }
}

/// Whether it writes into this folder.
pub fn is_ours(xml: &str, folder: &str) -> bool {
    xml.contains(&format!("<target file='{}/", escape(folder)))
}

/// Whether it writes into the folder of any unfinished backup of the VM, in whichever repository.
pub fn is_drovers(xml: &str, vm: ResourceId) -> bool {
    let folder = format!("/{vm}/");
    let inside = xml.split(folder.as_str()).skip(1);
    inside.filter_map(|rest| rest.split_once(".part/")).any(|(id, _)| id.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    fn disks() -> Vec<Source> {
        let disk = |name: &str, target: &str| Source {
            name: name.into(),
            path: format!("/s/vms/7/{name}.qcow2"),
            target: target.into(),
            size: 1 << 30,
        };
        vec![disk("root", "vda"), disk("data", "vdb")]
    }

    #[test]
    fn the_job_and_its_checkpoint_are_as_the_golden_files_say() {
        expect_file!["../golden/full.xml"].assert_eq(&backup(&disks(), "/b/7/31.part", None));
        expect_file!["../golden/incremental.xml"].assert_eq(&backup(&disks(), "/b/7/32.part", Some("drover-31")));
        expect_file!["../golden/checkpoint.xml"].assert_eq(&checkpoint("drover-32", &disks()));
    }

    #[test]
    fn a_job_is_told_by_where_it_writes_and_since_when() {
        let full = backup(&disks(), "/b/7/31.part", None);
        let next = backup(&disks(), "/b/7/32.part", Some("drover-31"));
        assert!(is_same(&full, "/b/7/31.part", None) && is_same(&next, "/b/7/32.part", Some("drover-31")));
        assert!(!is_same(&full, "/b/7/31.part", Some("drover-30")) && !is_same(&next, "/b/7/32.part", None));
        assert!(is_drovers(&full, ResourceId(7)) && !is_drovers(&full, ResourceId(8)));
        assert!(!is_drovers(&backup(&disks(), "/mnt/7/mine", None), ResourceId(7)));
        assert!(!is_ours(&full, "/b/7/3") && !is_ours(&full, "/b/7/32.part"));
    }
}
