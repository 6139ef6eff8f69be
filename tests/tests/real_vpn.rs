//! Site-to-site VPNs with real packets: two sites, and an internet between them that is listened to. Where the kernel has no
//! ESP or no WireGuard, strongSwan and wireguard-go carry them in user space, and the test says so.

use crate::network::{GATEWAY, Ground, LIMIT, PUBLIC, Place, bridge, ground, internet, tenant, wish};
use crate::real_router::{boot, power_cut};
use model::resource::Resource;
use model::virtual_router::VirtualRouterSpec;
use model::{ResourceId, names};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use testkit::eventually;
use testkit::real::run;

const PEER: &str = "203.0.113.9";
const FAR: &str = "10.9.0.5";
const SITE_LAN: &str = "rt-far-side";

/// The other site: its own gateway on the internet, and a machine behind it.
struct Site {
    gateway: Place,
    far: Place,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        run("ip", &["link", "add", "name", SITE_LAN, "type", "bridge"]);
        run("ip", &["link", "set", "dev", SITE_LAN, "up"]);
        let gateway =
            Place::new("site").plugged(PUBLIC, &[&format!("{PEER}/24")]).between("lan", SITE_LAN, "10.9.0.1/24");
        let far = tenant("far", SITE_LAN, &format!("{FAR}/24"), "10.9.0.1");
        Self { gateway, far, folder: TempDir::new().expect("a folder") }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.path().display())
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    /// A strongSwan that is written by hand, and waits to be called or calls.
    fn ipsec(&self, secret: &str, start: &str) {
        let socket = self.path("vici");
        if !std::fs::exists(&socket).expect("a folder") {
            let kernel = if has_esp() { "kernel-netlink" } else { "kernel-libipsec kernel-netlink" };
            let daemon = format!(
                "charon-systemd {{\nload = random nonce drbg openssl gcm aes sha1 sha2 hmac kdf gmp curve25519 socket-default {kernel} vici\n\
                 plugins {{\nvici {{\nsocket = unix://{socket}\n}}\n}}\n}}\n"
            );
            let setting = format!("STRONGSWAN_CONF={}", self.write("strongswan.conf", &daemon));
            let start =
                ["start-stop-daemon", "--start", "--background", "--notify-await", "--make-pidfile", "--pidfile"];
            let pid_file = self.path("pid");
            let rest = [pid_file.as_str(), "--exec", "/usr/sbin/charon-systemd"];
            self.gateway.run(&[&["env", setting.as_str()], start.as_slice(), &rest].concat());
        }
        let connections = format!(
            "connections {{\nmain {{\nversion = 2\nlocal_addrs = {PEER}\nremote_addrs = 203.0.113.7\n\
             local {{\nauth = psk\nid = {PEER}\n}}\nremote {{\nauth = psk\nid = 203.0.113.7\n}}\n\
             children {{\nmain {{\nlocal_ts = 10.9.0.0/24\nremote_ts = 10.1.0.0/24\nstart_action = {start}\n}}\n}}\n}}\n}}\n\
             secrets {{\nike-main {{\nsecret = \"{secret}\"\n}}\n}}\n"
        );
        let file = self.write("swanctl.conf", &connections);
        let uri = format!("unix://{socket}");
        run("swanctl", &["--load-all", "--clear", "--noprompt", "--file", &file, "--uri", &uri]);
    }

    fn wireguard(&self, keys: &Keys) {
        let kernel = ["ip", "link", "add", "name", "wgsite", "type", "wireguard"];
        if self.gateway.tries(&kernel).is_none() {
            self.gateway.run(&["wireguard-go", "wgsite"]);
        }
        let text = format!(
            "[Interface]\nPrivateKey = {}\nListenPort = 51820\n[Peer]\nPublicKey = {}\nAllowedIPs = 10.1.0.0/24\n",
            keys.site, keys.router_public
        );
        self.gateway.run(&["wg", "setconf", "wgsite", &self.write("wg.conf", &text)]);
        self.gateway.run(&["ip", "link", "set", "dev", "wgsite", "up"]);
        self.gateway.run(&["ip", "route", "add", "10.1.0.0/24", "dev", "wgsite"]);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for pid in run("ip", &["netns", "pids", self.gateway.name()]).lines() {
            // It may have ended by itself.
            let _ = Command::new("kill").args(["-TERM", pid]).output();
        }
        let _ = Command::new("ip").args(["link", "delete", "dev", SITE_LAN]).output();
    }
}

/// What wg makes.
struct Keys {
    router: String,
    router_public: String,
    site: String,
    site_public: String,
}

impl Keys {
    fn new(folder: &TempDir) -> Self {
        let pair = |name: &str| {
            let private = run("wg", &["genkey"]).trim().to_owned();
            let path = folder.path().join(name);
            std::fs::write(&path, &private).expect("a file");
            let file = std::fs::File::open(path).expect("the file");
            let public = Command::new("wg").arg("pubkey").stdin(file).output().expect("wg runs").stdout;
            (private, String::from_utf8(public).expect("text").trim().to_owned())
        };
        let ((router, router_public), (site, site_public)) = (pair("router-key"), pair("site-key"));
        Self { router, router_public, site, site_public }
    }
}

/// Whether this kernel does ESP; said, as the rest of the test then shows another way.
fn has_esp() -> bool {
    let state = ["ip", "xfrm", "state", "add", "src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp", "spi", "0x100"];
    let argv = [&["--net"], state.as_slice(), &["mode", "tunnel", "enc", "ecb(cipher_null)", ""]].concat();
    let output = Command::new("unshare").args(argv).output().expect("unshare runs");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        eprintln!("this kernel has no ESP ({said}): strongSwan's kernel-libipsec is shown instead");
    }
    output.status.success()
}

/// Everything on the internet's bridge.
struct Capture {
    tcpdump: Child,
    file: String,
}

impl Capture {
    fn start(folder: &TempDir) -> Self {
        let file = format!("{}/capture", folder.path().display());
        let mut tcpdump = Command::new("tcpdump")
            .args(["-Z", "root", "-U", "--immediate-mode", "-s", "0", "-i", PUBLIC, "-w", &file])
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcpdump runs");
        let said = BufReader::new(tcpdump.stderr.as_mut().expect("stderr")).lines();
        let mut said = said.map_while(Result::ok);
        assert!(said.any(|line| line.contains("listening on")), "tcpdump does not listen");
        Self { tcpdump, file }
    }

    /// How often a word stands in a packet, whatever the packet.
    fn has(&self, word: &str) -> usize {
        let bytes = std::fs::read(&self.file).expect("the capture");
        bytes.windows(word.len()).filter(|window| *window == word.as_bytes()).count()
    }

    fn packets(&self, filter: &str) -> String {
        run("tcpdump", &["-n", "-r", &self.file, filter])
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

fn ipsec(secret: &str) -> Value {
    json!({
        "name": "rt-office", "peer": PEER, "tunnel": { "ipsec": { "pre_shared_key": secret } },
        "routes": [{ "local": "10.1.0.0/24", "remote": "10.9.0.0/24" }],
    })
}

/// One that offers all that is known, for a peer that never calls.
fn everything() -> Value {
    use model::virtual_router::site::{AUTHENTICATION, ENCRYPTION, GROUPS};
    json!({
        "name": "rt-lab",
        "tunnel": { "ipsec": {
            "pre_shared_key": "another secret", "remote_id": "lab@example.org", "establish": "none",
            "ike_encryption": ENCRYPTION, "ike_authentication": AUTHENTICATION, "ike_dh": GROUPS,
            "esp_encryption": ENCRYPTION, "esp_authentication": AUTHENTICATION, "esp_dh": GROUPS,
        } },
        "routes": [{ "local": "10.2.0.0/24", "remote": "10.8.0.0/24" }],
    })
}

fn wireguard(keys: &Keys, more: &[&str]) -> Value {
    let routes = ["10.9.0.0/24"].iter().chain(more).map(|remote| json!({ "local": "10.1.0.0/24", "remote": remote }));
    json!({
        "name": "rt-home", "peer": PEER, "routes": routes.collect::<Vec<_>>(),
        "tunnel": { "wireguard": { "private_key": keys.router, "peer_public_key": keys.site_public } },
    })
}

fn with(vpns: &[Value]) -> Value {
    let mut wish = wish();
    wish["vpns"] = json!(vpns);
    wish
}

async fn reaches(from: &Place, address: &str) {
    eventually(LIMIT, &format!("{address} is reached"), async || {
        if from.pings(address) { Ok(()) } else { Err("no answer".to_owned()) }
    })
    .await;
}

struct Router<'a> {
    ground: &'a Ground,
    id: ResourceId,
}

impl Router<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", names::router_folder(&self.ground.node.storage(), self.id))
    }

    fn swanctl(&self, what: &str) -> String {
        run("swanctl", &[what, "--raw", "--uri", &format!("unix://{}", self.path("charon.vici"))])
    }

    /// The number of the tunnel's security association: another one after every new handshake.
    fn association(&self) -> Option<String> {
        let said = self.swanctl("--list-sas");
        let (_, rest) = said.split_once("{rt-office {uniqueid=")?;
        rest.split(' ').next().filter(|_| said.contains("state=INSTALLED")).map(str::to_owned)
    }

    fn processes(&self, name: &str) -> usize {
        let pids = run("ip", &["netns", "pids", &names::router_namespace(self.id)]);
        let is =
            |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.starts_with(name));
        pids.lines().filter(|pid| is(pid)).count()
    }
}

fn machines(router: &Resource<VirtualRouterSpec>) -> (Place, Place) {
    let mut near = tenant("near", &bridge(router, 0), "10.1.0.5/24", "10.1.0.1");
    let mut inet = internet();
    near.serve(80);
    inet.serve(80);
    (near, inet)
}

#[tokio::test]
async fn real_vpn_ipsec_joins_two_sites_and_nothing_of_it_is_seen_or_goes_round_it() {
    let ground = ground(|_| ()).await;
    let mut site = Site::new();
    site.ipsec("first secret", "none");
    site.far.serve(80);
    let capture = Capture::start(&site.folder);
    let built = ground.build(ground.fleet.project.id, with(&[ipsec("first secret")])).await;
    let router = Router { ground: &ground, id: built.id };
    let (near, inet) = machines(&built);
    reaches(&near, FAR).await;
    assert_eq!(near.asks(FAR, 80).as_deref(), Some("10.1.0.5"), "nothing is translated on the way");
    assert_eq!(site.far.asks("10.1.0.5", 80).as_deref(), Some(FAR), "the other way, without a rule of the firewall");
    assert_eq!(site.far.asks("10.1.0.1", 53), None, "a tunnel leads through the router, not to it");
    assert_eq!(near.asks(GATEWAY, 80).as_deref(), Some("203.0.113.20"), "the internet as before");
    let mut stream = near.stream(FAR, 80);
    assert!(stream.lives("inner-canary") && near.stream(GATEWAY, 80).lives("outer-canary"));
    assert!(capture.has("outer-canary") > 0, "what is in the clear is seen");
    assert_eq!(capture.has("inner-canary"), 0, "what is in the tunnel is not");
    assert!(capture.packets("udp port 4500 or esp").lines().count() > 4);

    // Another VPN and another rule: the first tunnel knows nothing of it.
    let before = router.association().expect("it is established");
    let deny = json!([{ "order": 1, "allow": false, "source": "10.9.0.0/24", "destination": "10.1.0.6" }]);
    ground.change(built.id, json!({ "vpns": [ipsec("first secret"), everything()], "firewall": deny })).await;
    assert!(router.swanctl("--list-conns").contains("{rt-lab {"), "every algorithm is taken");
    assert_eq!(router.association().as_deref(), Some(before.as_str()));
    assert!(stream.lives("two"));
    // It was made behind the router's back, and is put right by the next update.
    let uri = format!("unix://{}", router.path("charon.vici"));
    let nothing = site.write("nothing.conf", "");
    run("swanctl", &["--load-conns", "--file", &nothing, "--uri", &uri]);
    assert!(!router.swanctl("--list-conns").contains("{rt-office {"));
    ground.change(built.id, json!({ "firewall": [], "vpns": [ipsec("first secret")] })).await;
    reaches(&near, FAR).await;
    assert!(!router.swanctl("--list-conns").contains("{rt-lab {"));

    // A secret that the other site does not know: the tunnel ends, and nothing takes the way round, old stream or new.
    let mut stream = near.stream(FAR, 80);
    assert!(stream.lives("three"));
    ground.change(built.id, json!({ "vpns": [ipsec("second secret")] })).await;
    assert!(!near.pings(FAR) && near.asks(FAR, 80).is_none());
    assert_eq!(inet.asks("10.1.0.5", 80), None);
    inet.run(&["ip", "address", "add", "10.9.0.77/32", "dev", "lo"]);
    inet.run(&["ip", "route", "add", "10.1.0.0/24", "via", "203.0.113.7", "src", "10.9.0.77"]);
    assert_eq!(inet.asks("10.1.0.5", 80), None, "whoever says to be of the other site is not let in");
    assert_eq!(capture.packets("ip and dst net 10.9.0.0/24"), "", "nothing for the other site is in the clear");
    // It calls: whom it has refused does not.
    site.ipsec("second secret", "start");
    reaches(&near, FAR).await;
    assert_eq!(near.asks(FAR, 80).as_deref(), Some("10.1.0.5"));

    ground.change(built.id, json!({ "vpns": [] })).await;
    assert_eq!(router.processes("charon"), 0);
    for name in ["swanctl.conf", "strongswan.conf", "charon.vici", "vpns-loaded"] {
        assert!(!std::fs::exists(router.path(name)).expect("a folder"), "{name} is left");
    }
    drop((near, inet, stream, capture, site));
    ground.end(&[built.id]).await;
}

#[tokio::test]
async fn real_vpn_wireguard_joins_two_sites_and_nothing_of_it_is_seen() {
    let ground = ground(|_| ()).await;
    let mut site = Site::new();
    let keys = Keys::new(&site.folder);
    site.wireguard(&keys);
    site.far.serve(80);
    let capture = Capture::start(&site.folder);
    let built = ground.build(ground.fleet.project.id, with(&[wireguard(&keys, &[])])).await;
    let router = Router { ground: &ground, id: built.id };
    if router.processes("wireguard-go") > 0 {
        eprintln!("this kernel has no WireGuard: wireguard-go is shown instead");
    }
    let (near, inet) = machines(&built);
    reaches(&near, FAR).await;
    assert_eq!(near.asks(FAR, 80).as_deref(), Some("10.1.0.5"), "nothing is translated on the way");
    assert_eq!(site.far.asks("10.1.0.5", 80).as_deref(), Some(FAR), "the other way, without a rule of the firewall");
    let mut stream = near.stream(FAR, 80);
    assert!(stream.lives("inner-canary") && near.stream(GATEWAY, 80).lives("outer-canary"));
    assert!(capture.has("outer-canary") > 0 && capture.packets("udp port 51820").lines().count() > 4);
    assert_eq!(capture.has("inner-canary"), 0, "what is in the tunnel is not seen");

    // Another network through the same tunnel: the session goes on.
    let link = names::vpn_link(built.id, "rt-home");
    let namespace = names::router_namespace(built.id);
    let handshake = || run("ip", &["netns", "exec", &namespace, "wg", "show", &link, "latest-handshakes"]);
    let before = handshake();
    ground.change(built.id, json!({ "vpns": [wireguard(&keys, &["10.7.0.0/24"])] })).await;
    assert!(stream.lives("two"));
    assert_eq!(handshake(), before);
    assert!(run("ip", &["-netns", &namespace, "route"]).contains(&format!("10.7.0.0/24 dev {link}")));

    // A link that was taken away is made again.
    run("ip", &["-netns", &namespace, "link", "delete", "dev", &link]);
    assert!(!near.pings(FAR));
    assert_eq!(capture.packets("ip and dst net 10.9.0.0/24"), "", "nothing for the other site is in the clear");
    ground.change(built.id, json!({ "vpns": [wireguard(&keys, &[])] })).await;
    reaches(&near, FAR).await;
    ground.change(built.id, json!({ "vpns": [] })).await;
    assert_eq!(router.processes("wireguard-go"), 0);
    assert!(!std::fs::exists(router.path(&format!("{link}.conf"))).expect("a folder"));
    assert!(!run("ip", &["-netns", &namespace, "route"]).contains("10.9.0.0/24"));
    drop((near, inet, stream, capture, site));
    ground.end(&[built.id]).await;
}

#[tokio::test]
async fn real_vpn_comes_back_when_its_node_starts() {
    let ground = ground(|_| ()).await;
    let site = Site::new();
    site.ipsec("first secret", "none");
    let keys = Keys::new(&site.folder);
    // Its own far side is of no matter here: it is there again, with its keys.
    let mut home = wireguard(&keys, &[]);
    home["routes"] = json!([{ "local": "10.1.0.0/24", "remote": "10.6.0.0/24" }]);
    let built = ground.build(ground.fleet.project.id, with(&[ipsec("first secret"), home])).await;
    let near = tenant("near", &bridge(&built, 0), "10.1.0.5/24", "10.1.0.1");
    reaches(&near, FAR).await;
    drop(near);
    let namespace = names::router_namespace(built.id);
    let dump =
        || run("ip", &["netns", "exec", &namespace, "wg", "show", &names::vpn_link(built.id, "rt-home"), "dump"]);
    let before = dump();

    power_cut(&built);
    boot(built.id);
    let near = tenant("near", &bridge(&built, 0), "10.1.0.5/24", "10.1.0.1");
    reaches(&near, FAR).await;
    assert_eq!(dump(), before);
    // The next update finds all of it, and disturbs nothing.
    let router = Router { ground: &ground, id: built.id };
    let association = router.association();
    ground.change(built.id, json!({ "dns": ["192.0.2.53"] })).await;
    assert_eq!(router.association(), association);
    drop((near, site));
    ground.end(&[built.id]).await;
}
