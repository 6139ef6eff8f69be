//! What is secret stays so on its way to a host: userdata, the password in an image's URL, the keys of VPNs.

use model::virtual_router::VirtualRouterSpec;
use model::vm::VmSpec;
use model::{ServerType, State};
use serde_json::json;
use std::sync::Arc;
use testkit::Fleet;
use testkit::collector::Collector;
use testkit::fakes::kvm::{self, Kvm};
use testkit::fakes::router::Router;
use testkit::fleet::{image, server, vm};

/// On the fake KVM host, whose transcript has every command line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_line_span_or_error_holds_userdata_or_a_urls_password() {
    let collector = Collector::start().await;
    let guard = service::start("test", &collector.telemetry()).expect("the telemetry starts");
    let host = Arc::new(Kvm::new("host-1"));
    let bytes = kvm::qcow2(1);
    let mut tiny = image();
    tiny.source = "https://user:url-canary@images/tiny.qcow2".into();
    tiny.sha256 = kvm::sha256(&bytes);
    host.serve(&tiny.source, &bytes);
    let mut fleet =
        Fleet::setup().host(server("host-1", ServerType::Kvm), Some(host.clone())).image(tiny.clone()).start().await;
    fleet.work();
    let mut wish = vm(&fleet.image);
    wish.userdata = Some("#cloud-config\npassword: userdata-canary\n".into());
    let built = fleet.create("web", wish.clone()).await;
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;

    // A fetch that fails says so without the password.
    tiny.name = "absent".into();
    tiny.source = "https://user:url-canary@images/absent.qcow2".into();
    tiny.sha256 = "1".repeat(64);
    let absent: model::image::Image = fleet.client.record_create("images", &tiny).await.expect("an image");
    wish.image = absent.id;
    let failed = fleet.create("failed", wish).await;
    let failed = fleet.reaches::<VmSpec>(failed.resource.id, State::Unresourced).await;
    let told = serde_json::to_string(&failed.error).expect("JSON");
    assert!(told.contains("curl") && !told.contains("canary"), "{told}");
    let tasks = fleet.client.tasks(&Default::default()).await.expect("the tasks");
    let told = serde_json::to_string(&tasks.items).expect("JSON");
    assert!(!told.contains("canary"), "{told}");
    fleet.stop().await;
    tokio::task::spawn_blocking(move || drop(guard)).await.expect("the exporter ends");

    let transcript = host.transcript();
    assert!(transcript.iter().any(|line| line.contains("curl")), "{transcript:#?}");
    let shown: Vec<_> = transcript.iter().filter(|line| line.contains("canary")).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.name == "command curl"), "no span of curl");
    let shown: Vec<_> = spans.iter().filter(|span| format!("{span:?}").contains("canary")).collect();
    assert!(shown.is_empty(), "{shown:#?}");
}

/// On the fake router node: built, updated, with and without a kernel that does WireGuard, and refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_line_task_or_error_holds_a_vpns_secret() {
    let host = Arc::new(Router::new("host-1"));
    let mut fleet = Fleet::setup().host(server("host-1", ServerType::Router), Some(host.clone())).start().await;
    fleet.work();
    let key = |digits: &str| format!("{digits}{}A=", "a".repeat(42 - digits.len()));
    let vpns = |secret: &str| {
        json!([
            {
                "name": "office", "peer": "198.51.100.9", "routes": [{ "local": "10.1.0.0/24", "remote": "10.8.0.0/24" }],
                "tunnel": { "ipsec": { "pre_shared_key": format!("ipsec-canary-{secret}") } },
            },
            {
                "name": "home", "peer": "198.51.100.8", "routes": [{ "local": "10.1.0.0/24", "remote": "10.7.0.0/24" }],
                "tunnel": { "wireguard": {
                    "private_key": key("canaryPrivate"), "peer_public_key": key("peer"), "pre_shared_key": key("canaryShared"),
                } },
            },
        ])
    };
    let segments = json!([{ "name": "web", "address": "10.1.0.1/24" }]);
    let wish = json!({ "segments": segments, "address": "203.0.113.7/24", "vpns": vpns("one") });
    let wish: VirtualRouterSpec = serde_json::from_value(wish).expect("a wish");
    let built = fleet.create("router", wish).await;
    fleet.reaches::<VirtualRouterSpec>(built.resource.id, State::Running).await;
    host.has_wireguard();
    fleet.change::<VirtualRouterSpec>(built.resource.id, json!({ "vpns": vpns("two") })).await;
    fleet.reaches::<VirtualRouterSpec>(built.resource.id, State::Running).await;
    let folder = model::names::router_folder(
        &fleet
            .client
            .read::<VirtualRouterSpec>(built.resource.id)
            .await
            .map(|_| server("host-1", ServerType::Router).settings.storage)
            .expect("the router"),
        built.resource.id,
    );
    let hex: String = "canary-two".bytes().map(|byte| format!("{byte:02x}")).collect();
    let written = host.file(&format!("{folder}/swanctl.conf")).expect("the file");
    assert!(String::from_utf8_lossy(&written).contains(&hex), "the update has come");

    let tasks = fleet.client.tasks(&Default::default()).await.expect("the tasks");
    let told = serde_json::to_string(&tasks.items).expect("JSON") + &host.transcript().join("\n");
    assert!(told.contains("swanctl") && told.contains("wg syncconf"), "{told}");
    for secret in ["canary", &hex[..12]] {
        assert!(!told.contains(secret), "{told}");
    }
    fleet.stop().await;
}
