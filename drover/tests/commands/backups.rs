//! Backups on a host that is not there, verified with the commands.

use crate::rig::{Said, drover};
use iaas::tenant::{CreateToken, Role};
use model::backup::{BackupSpec, Repository};
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, names};
use std::sync::Arc;
use tempfile::TempDir;
use testkit::Fleet;
use testkit::fakes::kvm::{self, Kvm};
use testkit::fleet::{image, server, vm};

/// A VM with two backups, and the operator's token in a file.
struct Ground {
    fleet: Fleet,
    host: Arc<Kvm>,
    folder: TempDir,
    vm: ResourceId,
    backups: [ResourceId; 2],
}

impl Ground {
    async fn new() -> Self {
        let host = Arc::new(Kvm::new("host-1"));
        let bytes = kvm::qcow2(1);
        let image = model::image::ImageSpec { sha256: kvm::sha256(&bytes), ..image() };
        host.add_file(&image.source, &bytes);
        let server = server("host-1", ServerType::Kvm);
        let mut fleet = Fleet::setup().host(server, Some(host.clone())).image(image).start().await;
        fleet.work();
        let vm = fleet.create("origin", vm(&fleet.image)).await.resource.id;
        fleet.reaches::<VmSpec>(vm, State::Running).await;
        let mut backups = [ResourceId(0); 2];
        for backup in &mut backups {
            let spec = BackupSpec { vm, repository: Repository::Primary, valid_hours: 24 };
            *backup = fleet.create("backup", spec).await.resource.id;
            fleet.reaches::<BackupSpec>(*backup, State::Running).await;
        }
        let wish = CreateToken { name: "cli".into(), role: Role::Operator, project_id: None, hosts: Vec::new() };
        let secret = fleet.client.token_create(&wish).await.expect("a token").secret;
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("token"), secret).expect("the token's file");
        Self { fleet, host, folder, vm, backups }
    }

    async fn run(&self, arguments: &[&str]) -> Said {
        let mut command = drover();
        let token = self.folder.path().join("token");
        command.args(["backup", "verify", "--url", &self.fleet.url, "--token-file"]).arg(token).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
        output.await.expect("it ends").into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_shown_file_by_file_and_ends_the_command_with_an_error() {
    let ground = Ground::new().await;
    let [a, b] = ground.backups.map(|id| id.to_string());
    let all = ground.run(&["--server", "host-1", "--json"]).await.ends(0).json();
    // The newest alone: the other is looked at with it.
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all:#}");
    assert_eq!(all[0]["verified"]["restorable"], serde_json::json!(ground.backups), "{all:#}");

    let storage = model::server::HostSettings::default().storage;
    let path = format!("{}/root.qcow2", names::backup(&names::backups(&storage), ground.vm, ground.backups[1]));
    let mut bytes = ground.host.file(&path).expect("the file");
    *bytes.last_mut().expect("a byte") ^= 1;
    ground.host.add_file(&path, &bytes);
    let said = ground.run(&[&b]).await.ends(1);
    assert!(said.out.contains("errand_verify_2305") && said.out.contains("root.qcow2"), "{said:#?}");
    assert!(said.out.contains(&format!("backup {b} cannot be restored: {b} is damaged; {a} still can")), "{said:#?}");
    assert!(said.err.contains("drover_client_008"), "{said:#?}");
    ground.run(&[&a, "--repository", "primary"]).await.ends(0);
    ground.run(&[&b, "--server", "host-1"]).await.ends(2);
    ground.run(&["9999"]).await.ends(3);
    ground.fleet.stop().await;
}
