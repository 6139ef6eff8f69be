//! What programs that read discs and settings say of drover's, where they are installed.

use model::vm::Vm;
use seeds::{disc, nocloud, unattend};
use std::process::{Command, Output};
use tempfile::NamedTempFile;

fn vm() -> Vm {
    let vm = serde_json::json!({
        "id": 7, "kind": "vm_hyperv", "project_id": 1, "name": "web", "state": "building", "server_id": 1, "host": "hv-1",
        "fence": 3, "task_id": 12, "error": null, "version": 2,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "spec": {
            "cpu": 2, "ram_mb": 1024, "image": 5, "disks": [{ "name": "root", "gb": 10, "primary": true }],
            "userdata": "#cloud-config\npackages: [nginx]\n", "admin_password": "Wolf & <Lamb> 7",
        },
    });
    serde_json::from_value(vm).expect("a VM")
}

/// None where the program is not installed. `FILE` stands for a file with these bytes.
fn said(bytes: &[u8], program: &str, args: &[&str]) -> Option<Output> {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("it is written");
    let path = file.path().to_str().expect("a path");
    Command::new(program).args(args.iter().map(|arg| arg.replace("FILE", path))).output().ok()
}

fn text(bytes: &[u8], program: &str, args: &[&str]) -> Option<String> {
    let output = said(bytes, program, args)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

#[test]
fn isoinfo_reads_both_trees_and_every_file() {
    let files = nocloud::files(&vm());
    let disc = disc::image(nocloud::LABEL, &files);
    let Some(about) = text(&disc, "isoinfo", &["-d", "-i", "FILE"]) else { return };
    assert!(about.contains("Volume id: CIDATA") && about.contains("Joliet with UCS level 3"), "{about}");
    let joliet = text(&disc, "isoinfo", &["-J", "-f", "-i", "FILE"]).unwrap_or_default();
    assert_eq!(joliet.lines().collect::<Vec<_>>(), ["/meta-data", "/network-config", "/user-data"]);
    let primary = text(&disc, "isoinfo", &["-f", "-i", "FILE"]).unwrap_or_default();
    assert_eq!(primary.lines().collect::<Vec<_>>(), ["/META_DAT.;1", "/NETWORK_.;1", "/USER_DAT.;1"]);
    for (name, wanted) in files {
        let read = text(&disc, "isoinfo", &["-J", "-x", &format!("/{name}"), "-i", "FILE"]).unwrap_or_default();
        assert_eq!(read, wanted, "{name}");
    }
}

#[test]
fn xorriso_finds_no_fault_with_it() {
    let disc = disc::image(unattend::LABEL, &[(unattend::FILE, unattend::xml(&vm()))]);
    let args = ["-abort_on", "WARNING", "-read_fs", "norock", "-indev", "FILE", "-find", "/", "-exec", "report_lba"];
    let Some(found) = text(&disc, "xorriso", &args) else { return };
    assert!(found.contains("'/Unattend.xml'"), "{found}");
}

#[test]
fn cloud_init_knows_every_word_of_the_user_data() {
    for (_, data) in nocloud::files(&vm()).into_iter().filter(|(name, _)| *name == "user-data") {
        text(data.as_bytes(), "cloud-init", &["schema", "--config-file", "FILE"]);
    }
}
