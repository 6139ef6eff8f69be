//! A VM for the golden files. `UPDATE_EXPECT=1 cargo test -p vm_kvm` writes them anew.

use model::image::Image;
use model::vm::Vm;
use serde_json::json;

pub fn vm() -> (Vm, Image) {
    let vm = json!({
        "id": 7, "kind": "vm_kvm", "project_id": 1, "name": "web & more", "state": "building", "server_id": 1, "host": "kvm-1",
        "fence": 3, "task_id": 12, "error": null, "version": 2,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "spec": {
            "cpu": 2, "ram_mb": 1024, "image": 5, "dns": ["10.1.0.1"], "ssh_keys": ["ssh-ed25519 AAAA a@b"],
            "disks": [{ "name": "data", "gb": 20 }, { "name": "root", "gb": 10, "primary": true }],
            "nics": [{ "segment": "web", "segment_id": 4, "mac": "52:54:00:00:70:00", "addresses": ["10.1.0.5/24"], "gateway": "10.1.0.1" }],
            "userdata": "#cloud-config\npackages: [nginx]\n",
        },
    });
    let image = json!({
        "id": 5, "name": "debian", "source": "https://images/debian.qcow2", "sha256": "ab".repeat(32), "os": "debian12", "min_gb": 2,
        "version": 1, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    (serde_json::from_value(vm).expect("a VM"), serde_json::from_value(image).expect("an image"))
}
