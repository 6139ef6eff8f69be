//! The fake router node beside the real one: the same commands, the same answers. Where they disagree the fake is wrong.

use commands::ip::{self, link, netns};
use commands::{dnsmasq, files, kill, nft, sysctl};
use hosts::local::Local;
use hosts::{Command, Host};
use std::fmt::Debug;
use tempfile::TempDir;
use testkit::fakes::router::Router;

const SPACE: &str = "rf-space";
const GROUP: u32 = 1_900_000_007;
const BRIDGE: &str = "rf-bridge";

/// A fake and the real one.
struct Pair {
    fake: Router,
    real: Local,
    folder: TempDir,
}

impl Drop for Pair {
    fn drop(&mut self) {
        tidy();
    }
}

fn tidy() {
    let clean = |program: &str, arguments: &[&str]| {
        // What the test has not made is not there.
        std::process::Command::new(program).args(arguments).output().expect("it runs")
    };
    let pids = clean("ip", &["netns", "pids", SPACE]).stdout;
    String::from_utf8_lossy(&pids).lines().for_each(|pid| {
        clean("kill", &["-KILL", pid]);
    });
    for name in ["rf-out", BRIDGE] {
        clean("ip", &["link", "delete", "dev", name]);
    }
    clean("ip", &["netns", "delete", SPACE]);
}

async fn said<T>(host: &dyn Host, command: Command<T>) -> Result<T, (i32, String)> {
    let output = host.run(&command.invocation).await;
    let output = output.map_err(|error| (error.status().unwrap_or(-1), error.stderr().trim().to_owned()))?;
    (command.read)(&output).map_err(|reason| (-2, reason))
}

impl Pair {
    fn new() -> Self {
        tidy();
        let folder = TempDir::new().expect("a folder");
        testkit::real::run("chmod", &["711", &folder.path().display().to_string()]);
        Self { fake: Router::new("fake"), real: Local::new("real"), folder }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.path().display())
    }

    /// Runs it on both, and gives what they answered alike.
    async fn same<T: Debug + PartialEq>(&self, command: impl Fn() -> Command<T>) -> Result<T, (i32, String)> {
        self.alike(command, |answer| answer).await
    }

    /// The same where only a part of the answer is anybody's business.
    async fn alike<T, P: Debug + PartialEq>(
        &self,
        command: impl Fn() -> Command<T>,
        part: impl Fn(T) -> P,
    ) -> Result<P, (i32, String)> {
        let fake = said(&self.fake, command()).await.map(&part);
        let real = said(&self.real, command()).await.map(&part);
        assert_eq!(fake, real, "the fake on the left, the real one on the right: {:?}", command().invocation);
        real
    }

    async fn put(&self, name: &str, text: &str) {
        self.fake.put(&self.path(name), text.as_bytes(), 0o644).await.expect("it is put");
        self.real.put(&self.path(name), text.as_bytes(), 0o644).await.expect("it is put");
    }

    async fn batch(&self, lines: &[&str]) -> Result<(), (i32, String)> {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        self.same(|| link::batch(&lines)).await
    }

    async fn inside(&self, lines: &[&str]) -> Result<(), (i32, String)> {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        self.same(|| link::batch_inside(SPACE, &lines)).await
    }
}

type Plain = (String, Option<String>, Option<String>, u32, bool);

/// What a veth with one end down says of itself differs from kernel to kernel; whether it is set up does not.
fn plain(links: Vec<link::Link>) -> Vec<Plain> {
    links
        .into_iter()
        .map(|link| (link.name.clone(), link.master.clone(), link.alias.clone(), link.mtu, link.is_up()))
        .collect()
}

type Seen = Vec<(String, u32, bool, Vec<(String, u8)>)>;

/// Addresses that somebody gave; what the kernel gives itself is left out.
fn given(interfaces: Vec<link::Interface>) -> Seen {
    let own = |interface: &link::Interface| {
        let global = interface.addresses.iter().filter(|address| address.scope == "global");
        global.map(|address| (address.local.to_string(), address.prefix)).collect()
    };
    let row = |interface: link::Interface| {
        (interface.link.name.clone(), interface.link.mtu, interface.link.is_up(), own(&interface))
    };
    interfaces.into_iter().map(row).collect()
}

#[tokio::test]
async fn real_router_fake_has_namespaces_links_addresses_and_routes_as_the_real_one() {
    let pair = Pair::new();
    let has = |names: Vec<String>| names.iter().any(|name| name == SPACE);
    assert_eq!(pair.alike(netns::list, has).await, Ok(false));
    pair.same(|| netns::delete(SPACE)).await.unwrap_err();
    pair.same(|| netns::pids(SPACE)).await.unwrap_err();
    pair.same(|| netns::add(SPACE)).await.unwrap();
    pair.same(|| netns::add(SPACE)).await.unwrap_err();
    assert_eq!(pair.alike(netns::list, has).await, Ok(true));
    assert_eq!(pair.same(|| netns::pids(SPACE)).await, Ok(Vec::new()));

    assert_eq!(pair.alike(|| link::of_group(GROUP), plain).await, Ok(Vec::new()));
    assert_eq!(pair.alike(|| link::find(BRIDGE), |link| link.is_some()).await, Ok(false));
    pair.same(|| ip::add_bridge(BRIDGE)).await.unwrap();
    pair.same(|| ip::up(BRIDGE)).await.unwrap();
    assert_eq!(pair.alike(|| link::find(BRIDGE), |link| link.is_some_and(|link| link.is_up())).await, Ok(true));
    let add = format!(
        "link add name rf-out group {GROUP} mtu 1430 type veth peer name seg-1 netns {SPACE} address 02:73:00:00:00:01 mtu 1430"
    );
    pair.batch(&[&add, &format!("link set dev rf-out alias \"drover router 7\" master {BRIDGE} up")]).await.unwrap();
    pair.batch(&[&add]).await.unwrap_err();
    pair.batch(&["link set dev rf-none up"]).await.unwrap_err();
    pair.batch(&["link set dev rf-out down", "link delete dev rf-none"]).await.unwrap_err();
    assert_eq!(pair.alike(|| link::of_group(GROUP), plain).await.unwrap().len(), 1);
    assert_eq!(pair.same(|| ip::ports(BRIDGE)).await, Ok(1));
    pair.batch(&["link set dev rf-out up"]).await.unwrap();

    pair.alike(|| link::interfaces(SPACE), given).await.unwrap();
    pair.inside(&["route replace 10.9.0.0/16 via 10.1.0.9 proto static"]).await.unwrap_err();
    pair.inside(&[
        "link set dev lo up",
        "address replace 10.1.0.1/24 dev seg-1",
        "address replace fd00:1::1/64 dev seg-1 nodad",
        "link set dev seg-1 up",
        "route replace 10.9.0.0/16 via 10.1.0.9 proto static",
        "route replace 192.0.2.9/32 via 10.1.0.9 proto static",
        "route replace 0.0.0.0/0 via 203.0.113.1 dev seg-1 onlink proto static",
        "route replace ::/0 via fd00:1::9 dev seg-1 onlink proto static",
    ])
    .await
    .unwrap();
    pair.alike(|| link::interfaces(SPACE), given).await.unwrap();
    let sorted = |mut routes: Vec<link::Route>| {
        routes.sort_by(|one, other| one.to.cmp(&other.to));
        routes
    };
    assert_eq!(pair.alike(|| link::routes(SPACE), sorted).await.unwrap().len(), 3);
    assert_eq!(pair.alike(|| link::routes_v6(SPACE), sorted).await.unwrap().len(), 1);
    pair.inside(&["address delete 10.7.0.1/24 dev seg-1"]).await.unwrap_err();
    pair.inside(&["route delete 10.7.0.0/16 proto static"]).await.unwrap_err();
    pair.inside(&["route delete 10.9.0.0/16 proto static", "address delete 10.1.0.1/24 dev seg-1"]).await.unwrap();
    assert_eq!(pair.alike(|| link::routes(SPACE), sorted).await, Ok(Vec::new()), "routes go with the last address");
    assert_eq!(pair.alike(|| link::routes_v6(SPACE), sorted).await.unwrap().len(), 1);
    pair.batch(&["link delete dev rf-out"]).await.unwrap();
    pair.alike(|| link::interfaces(SPACE), given).await.unwrap();
    pair.same(|| netns::delete(SPACE)).await.unwrap();
    pair.alike(|| link::interfaces(SPACE), given).await.unwrap_err();
}

#[tokio::test]
async fn real_router_fake_loads_rulesets_and_settings_and_serves_as_the_real_one() {
    let pair = Pair::new();
    pair.same(|| netns::add(SPACE)).await.unwrap();
    let holds = |what: &'static str| move |table: Option<String>| table.map(|table| table.contains(what));
    assert_eq!(pair.same(|| nft::table(SPACE, "drover")).await, Ok(None));
    let ruleset = |chain: &str| {
        format!(
            "table inet drover {{}}\ndelete table inet drover\ntable inet drover {{\n\tchain {chain} {{\n\t}}\n}}\n"
        )
    };
    pair.put("ruleset", &ruleset("one")).await;
    pair.same(|| nft::load(SPACE, &pair.path("ruleset"))).await.unwrap();
    pair.put("ruleset", &ruleset("two")).await;
    pair.same(|| nft::load(SPACE, &pair.path("ruleset"))).await.unwrap();
    assert_eq!(pair.alike(|| nft::table(SPACE, "drover"), holds("chain one")).await, Ok(Some(false)));
    assert_eq!(pair.alike(|| nft::table(SPACE, "drover"), holds("chain two")).await, Ok(Some(true)));

    for change in [
        "add rule inet drover two counter accept",
        "add rule inet drover two counter drop",
        "insert rule inet drover two handle 2 counter accept",
        "delete rule inet drover two handle 3",
    ] {
        pair.same(|| nft::change(SPACE, &format!("{change}\n"))).await.unwrap();
    }
    let rules = |table: Option<String>| -> Vec<String> {
        let table = table.expect("a table");
        table.lines().filter(|line| line.contains("counter")).map(str::to_owned).collect()
    };
    let left = pair.alike(|| nft::table(SPACE, "drover"), rules).await;
    assert_eq!(left.unwrap(), ["\t\tcounter accept # handle 4", "\t\tcounter accept # handle 2"]);
    for change in ["delete rule inet drover two handle 77", "add rule inet drover none accept"] {
        pair.same(|| nft::change(SPACE, &format!("{change}\n"))).await.unwrap_err();
    }

    pair.put("settings", "net.ipv4.ip_forward = 1\n").await;
    assert_eq!(pair.same(|| sysctl::read(SPACE, &["net.ipv4.ip_forward"])).await, Ok(vec!["0".to_owned()]));
    pair.same(|| sysctl::load(SPACE, &pair.path("settings"))).await.unwrap();
    assert_eq!(pair.same(|| sysctl::read(SPACE, &["net.ipv4.ip_forward"])).await, Ok(vec!["1".to_owned()]));

    let at = |name: &str| pair.path(name);
    let config = format!(
        "user=nobody\nno-hosts\nno-resolv\nport=0\nbind-dynamic\naddn-hosts={}\ndhcp-hostsfile={}\ndhcp-leasefile={}\npid-file={}\n",
        at("hosts"),
        at("static"),
        at("leases"),
        at("dnsmasq-1.pid")
    );
    pair.put("dnsmasq.conf", &config).await;
    pair.put("hosts", "").await;
    pair.put("static", "").await;
    pair.same(|| dnsmasq::start(SPACE, &at("dnsmasq.conf"))).await.unwrap();
    let pids = |pids: Vec<u32>| pids.len();
    assert_eq!(pair.alike(|| netns::pids(SPACE), pids).await, Ok(1));
    for host in [&pair.fake as &dyn Host, &pair.real] {
        let written = host.get(&at("dnsmasq-1.pid")).await.expect("it is read").expect("it is there");
        let written: u32 = String::from_utf8_lossy(&written).trim().parse().expect("a pid");
        assert_eq!(said(host, netns::pids(SPACE)).await, Ok(vec![written]));
        said(host, kill::hang_up(&[written])).await.unwrap();
        assert_eq!(said(host, netns::pids(SPACE)).await, Ok(vec![written]), "it reads its files, and goes on");
        said(host, kill::terminate(&[written])).await.unwrap();
        testkit::eventually(testkit::LIMIT, "it ends", async || match said(host, netns::pids(SPACE)).await {
            Ok(pids) if pids.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        said(host, kill::terminate(&[written])).await.expect("one that is gone is no failure");
    }
    let both = [at("hosts"), at("absent"), at("static")];
    let paths: Vec<&str> = both.iter().map(String::as_str).collect();
    assert_eq!(pair.same(|| files::digests(&paths)).await.unwrap().len(), 2);
    pair.same(|| netns::delete(SPACE)).await.unwrap();
}
