//! What the chapters on real routers share: this machine as a router node, and namespaces that play tenants, the internet and
//! other hosts.

use crate::rig::at_rest;
use hosts::Host;
use hosts::phantom::Phantom;
use iaas::tenant::{Accepted, Create};
use model::resource::Resource;
use model::server::{RouterSettings, ServerSpec};
use model::virtual_router::VirtualRouterSpec;
use model::{ProjectId, ResourceId, ServerType, State, TaskId, names};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv6Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use testkit::fleet::server;
use testkit::real::{self, run};
use testkit::{Fleet, eventually};
use tokio::sync::{Mutex, MutexGuard};

/// The way out of every router here, and whom it meets there.
pub const PUBLIC: &str = "rt-public";
pub const GATEWAY: &str = "203.0.113.1";
pub const GATEWAY_V6: &str = "2001:db8::1";

/// Libvirt's own driver for tests: it needs no daemon, and knows no domain of drover's.
const LIBVIRT: &str = "test:///default";

/// This machine as a router node, with its public bridge, as it was before.
pub struct Node {
    storage: TempDir,
    before: Vec<String>,
}

impl Node {
    pub fn new() -> Self {
        // Left by a run that was killed.
        tidy();
        let storage = real::storage();
        let before = seen(&storage.path().display().to_string());
        let node = Self { storage, before };
        run("ip", &["link", "add", "name", PUBLIC, "type", "bridge"]);
        run("ip", &["link", "set", "dev", PUBLIC, "up"]);
        node
    }

    pub fn storage(&self) -> String {
        self.storage.path().display().to_string()
    }

    /// Of the first node, or of the second one on this same machine.
    pub fn storage_of(&self, is_second: bool) -> String {
        if is_second { format!("{}/second", self.storage()) } else { self.storage() }
    }

    pub fn server(&self, change: impl FnOnce(&mut RouterSettings)) -> ServerSpec {
        let mut router = server("router-1", ServerType::Router);
        router.settings.storage = self.storage();
        router.settings.libvirt_uri = LIBVIRT.into();
        let settings = json!({ "public_bridge": PUBLIC, "gateway": GATEWAY, "gateway_v6": GATEWAY_V6 });
        router.settings.router = serde_json::from_value(settings).expect("settings");
        change(&mut router.settings.router);
        router
    }

    /// What has come to the node since the beginning, besides the test's own.
    pub fn news(&self) -> Vec<String> {
        let own = |name: &String| name.ends_with(PUBLIC) || name.contains(Place::MARK);
        seen(&self.storage()).into_iter().filter(|name| !self.before.contains(name) && !own(name)).collect()
    }

    pub fn is_as_before(&self) {
        assert_eq!(self.news(), Vec::<String>::new(), "something was left on the node");
        let fences = [false, true].map(|second| format!("{}/*", names::fence_folder(&self.storage_of(second))));
        let kept = ["-not", "-path", &fences[0], "-not", "-path", &fences[1]];
        let left = run("find", &[&[&self.storage(), "-type", "f"], kept.as_slice()].concat());
        assert_eq!(left, "", "files were left on the node");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        tidy();
    }
}

/// What is on the node that a router could leave there.
fn seen(storage: &str) -> Vec<String> {
    let lines = |text: String, sign: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split_whitespace().next()).map(|name| format!("{sign} {name}")).collect()
    };
    let mut seen = lines(run("ip", &["netns", "list"]), "namespace");
    let links = lines(run("ip", &["-brief", "link", "show"]), "link");
    let ours = |name: &String| {
        ["link dr-", "link dc-", "link rt-"].iter().any(|mark| name.starts_with(mark)) || name.contains("-rt-")
    };
    seen.extend(links.into_iter().map(|name| name.split('@').next().unwrap_or_default().to_owned()).filter(ours));
    let units = run("find", &["/etc/systemd/system", "-name", "drover-r*"]);
    seen.extend(lines(units, "unit"));
    let servers =
        Command::new("pgrep").args(["-a", "dnsmasq|charon|wireguard-go|keepalived"]).output().expect("pgrep runs");
    let servers = String::from_utf8_lossy(&servers.stdout).into_owned();
    // What VPNs run has no path in its arguments; what has ended and was not waited for is no more.
    let is_ours = |line: &&str| {
        let is_vpn = line.contains("charon") || line.contains("wireguard-go");
        line.contains(storage) || is_vpn && !line.contains("<defunct>")
    };
    seen.extend(servers.lines().filter(is_ours).map(|line| format!("process {line}")));
    seen
}

/// Takes away what the test, or one that was killed, has made: by its names.
fn tidy() {
    let quiet = |program: &str, arguments: &[&str]| {
        // What is absent is taken away already.
        let _ = Command::new(program).args(arguments).output();
    };
    for space in run("ip", &["netns", "list"]).lines().filter_map(|line| line.split_whitespace().next()) {
        // A fresh fleet's numbers are small.
        let number: Option<u32> = space.strip_prefix("drover-r").and_then(|number| number.parse().ok());
        if space.starts_with(Place::MARK) || number.is_some_and(|number| number < 100) {
            let pids = run("ip", &["netns", "pids", space]);
            pids.lines().for_each(|pid| quiet("kill", &["-KILL", pid]));
            quiet("ip", &["netns", "delete", space]);
        }
    }
    for unit in run("find", &["/etc/systemd/system", "-maxdepth", "1", "-name", "drover-r*.service"]).lines() {
        let of_a_test = std::fs::read_to_string(unit).is_ok_and(|text| text.contains(" /tmp/"));
        if of_a_test {
            quiet("systemctl", &["-q", "disable", unit.rsplit('/').next().unwrap_or_default()]);
            quiet("rm", &["-f", unit]);
        }
    }
    for row in run("ip", &["-brief", "link", "show"]).lines().filter_map(|line| line.split_whitespace().next()) {
        let link = row.split('@').next().unwrap_or_default();
        let ours =
            ["dr-u", "dr-s", "dr-t", "dc-", "rt-"].iter().any(|mark| link.starts_with(mark)) || link.contains("-rt-");
        if ours {
            quiet("ip", &["link", "delete", "dev", link]);
        }
    }
}

/// A namespace that plays a machine: a tenant's, the internet's, another host.
pub struct Place {
    name: String,
    servers: Vec<Child>,
}

impl Place {
    const MARK: &str = "rt-place-";

    pub fn new(name: &str) -> Self {
        let name = format!("{}{name}", Self::MARK);
        run("ip", &["netns", "add", &name]);
        let place = Self { name, servers: Vec::new() };
        place.run(&["ip", "link", "set", "dev", "lo", "up"]);
        place
    }

    /// Its `eth0`, plugged into a bridge of the node.
    #[must_use]
    pub fn plugged(self, bridge: &str, addresses: &[&str]) -> Self {
        let outside = format!("rt-{}", &self.name[Self::MARK.len()..]);
        let peer = ["peer", "name", "eth0", "netns", &self.name];
        run("ip", &[&["link", "add", "name", outside.as_str(), "type", "veth"], peer.as_slice()].concat());
        run("ip", &["link", "set", "dev", &outside, "master", bridge, "up"]);
        self.run(&["ip", "link", "set", "dev", "eth0", "up"]);
        for address in addresses {
            let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
            self.run(&[&["ip", "address", "add", address, "dev", "eth0"], nodad].concat());
        }
        self
    }

    /// Another link, and as a router between the two.
    #[must_use]
    pub fn between(self, link: &str, bridge: &str, address: &str) -> Self {
        let outside = format!("rt-{}-{link}", &self.name[Self::MARK.len()..]);
        run("ip", &["link", "add", "name", &outside, "type", "veth", "peer", "name", link, "netns", &self.name]);
        run("ip", &["link", "set", "dev", &outside, "master", bridge, "up"]);
        self.run(&["ip", "link", "set", "dev", link, "up"]);
        self.run(&["ip", "address", "add", address, "dev", link]);
        self.run(&["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn routed(self, to: &str, via: &str) -> Self {
        self.run(&["ip", "route", "replace", to, "via", via]);
        self
    }

    fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(argv);
        command
    }

    pub fn run(&self, argv: &[&str]) -> String {
        run("ip", &[&["netns", "exec", self.name.as_str()], argv].concat())
    }

    /// What it said, if it succeeded.
    pub fn tries(&self, argv: &[&str]) -> Option<String> {
        let output = self.command(argv).stdin(Stdio::null()).output().expect("ip runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn pings(&self, address: &str) -> bool {
        self.tries(&["ping", "-c", "1", "-W", "1", address]).is_some()
    }

    /// Serves TCP on a port: says the address that it sees, and then everything that it is told.
    pub fn serve(&mut self, port: u16) {
        let listen = format!("TCP6-LISTEN:{port},fork,reuseaddr,ipv6only=0");
        let mut serve = self.command(&["socat", &listen, "SYSTEM:echo $SOCAT_PEERADDR; exec cat"]);
        self.servers.push(serve.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("socat runs"));
        let own = format!("TCP:127.0.0.1:{port},retry=50,interval=0.1");
        self.run(&["socat", "-t", "5", "-", &own]);
    }

    /// What the server at an address sees; none when it is not reached.
    pub fn asks(&self, address: &str, port: u16) -> Option<String> {
        let text = self.tries(&["socat", "-t", "2", "-", &connect(address, port)])?;
        let seen: Ipv6Addr = text.trim().trim_matches(['[', ']']).parse().expect("an address");
        Some(seen.to_canonical().to_string())
    }

    /// A connection that stays.
    pub fn stream(&self, address: &str, port: u16) -> Stream {
        let mut socat = self.command(&["socat", "-", &connect(address, port)]);
        let mut child = socat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("socat runs");
        let (input, output) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
        let mut stream = Stream { child, input, output: BufReader::new(output) };
        stream.line();
        stream
    }
}

fn connect(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("TCP6:[{address}]:{port},connect-timeout=1"),
        false => format!("TCP4:{address}:{port},connect-timeout=1"),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // It may have ended.
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
        let outside = format!("rt-{}", &self.name[Self::MARK.len()..]);
        let _ = Command::new("ip").args(["link", "delete", "dev", &outside]).output();
    }
}

pub struct Stream {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Stream {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the stream is read");
        line.trim().to_owned()
    }

    /// Whether what goes in comes back.
    pub fn lives(&mut self, word: &str) -> bool {
        writeln!(self.input, "{word}").and_then(|()| self.input.flush()).is_ok() && self.line() == word
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A busy machine; a limit, not a measure.
pub const LIMIT: Duration = Duration::from_secs(60);

/// One at a time: they count what is on this machine, and two fresh fleets would name their routers alike.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A fleet with this machine as a router node and a server for VMs, and the node as it was before.
pub struct Ground {
    pub fleet: Fleet,
    pub node: Node,
    _alone: MutexGuard<'static, ()>,
}

/// With a phantom server for VMs.
pub async fn ground(change: impl FnOnce(&mut RouterSettings)) -> Ground {
    let vms = Phantom::new("phantom-1");
    beside(server("phantom-1", ServerType::Phantom), Some(Arc::new(vms)), change).await
}

pub async fn beside(
    vms: ServerSpec,
    stand_in: Option<Arc<dyn Host>>,
    change: impl FnOnce(&mut RouterSettings),
) -> Ground {
    let alone = ALONE.lock().await;
    let node = Node::new();
    let mut fleet = Fleet::setup().host(node.server(change), None).host(vms, stand_in).lease_secs(15).start().await;
    fleet.work();
    Ground { fleet, node, _alone: alone }
}

/// The same with a second router node, which is this machine too.
pub async fn pair_ground() -> Ground {
    let alone = ALONE.lock().await;
    let node = Node::new();
    let mut second = node.server(|_| ());
    second.name = "router-2".into();
    second.settings.storage = node.storage_of(true);
    let mut fleet = Fleet::setup()
        .host(node.server(|_| ()), None)
        .host(server("phantom-1", ServerType::Phantom), Some(Arc::new(Phantom::new("phantom-1"))))
        .host(second, None)
        .lease_secs(15)
        .start()
        .await;
    fleet.work();
    Ground { fleet, node, _alone: alone }
}

impl Ground {
    pub async fn build(&self, project: ProjectId, mut wish: Value) -> Resource<VirtualRouterSpec> {
        wish["server"] = json!(self.fleet.servers[0].id);
        let spec: VirtualRouterSpec = serde_json::from_value(wish).expect("a wish");
        let wish = Create { project_id: project, name: "router".into(), spec };
        let built: Accepted<VirtualRouterSpec> =
            self.fleet.client.create(&wish, &uuid::Uuid::new_v4().to_string()).await.expect("it is accepted");
        self.succeeds(built.task_id).await;
        self.fleet.client.read(built.resource.id).await.expect("the router")
    }

    pub async fn succeeds(&self, task: TaskId) {
        let task =
            eventually(LIMIT, "the task ends", async || match self.fleet.client.task(task, Duration::ZERO).await {
                Ok(task) if task.status.has_ended() => Ok(task),
                other => Err(format!("{other:?}")),
            })
            .await;
        assert_eq!(task.error, None, "{task:#?}");
    }

    pub async fn change(&self, router: ResourceId, patch: Value) {
        let changed: Accepted<VirtualRouterSpec> = self.fleet.change(router, patch).await;
        self.succeeds(changed.task_id).await;
    }

    pub async fn ask(&self, router: ResourceId, state: State) {
        let asked: Accepted<VirtualRouterSpec> = self.fleet.ask(router, state).await;
        self.succeeds(asked.task_id).await;
    }

    pub async fn scrub<S: model::resource::Spec>(&self, id: ResourceId) {
        // A router may be hearing of a VM that has just gone.
        eventually(LIMIT, "the scrub is accepted", async || {
            self.fleet.client.ask::<S>(id, State::Scrub, false).await.map_err(|failure| failure.to_string())
        })
        .await;
        self.fleet.reaches::<S>(id, State::Closed).await;
    }

    pub async fn end(self, routers: &[ResourceId]) {
        for router in routers {
            self.scrub::<VirtualRouterSpec>(*router).await;
        }
        // What follows a router goes after it.
        at_rest(&self.fleet).await;
        self.fleet.stop().await;
        self.node.is_as_before();
    }
}

/// The bridge of a router's segment.
pub fn bridge(router: &Resource<VirtualRouterSpec>, segment: usize) -> String {
    let segment = &router.spec.segments[segment];
    names::bridge(segment.id.expect("its number"), &segment.name)
}

pub fn internet() -> Place {
    Place::new("inet").plugged(PUBLIC, &[&format!("{GATEWAY}/24"), "2001:db8::1/64"])
}

pub fn tenant(name: &str, bridge: &str, address: &str, gateway: &str) -> Place {
    Place::new(name).plugged(bridge, &[address]).routed("default", gateway)
}

pub fn wish() -> Value {
    json!({
        "segments": [
            { "name": "rt-web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" },
            { "name": "rt-store", "address": "10.2.0.1/24" },
        ],
        "address": "203.0.113.7/24",
        "address_v6": "2001:db8::7/64",
        "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }],
    })
}
