//! The fake KVM host beside the real one: the same commands, the same answers. Where they disagree the fake is wrong.

use commands::{files, ip, qemu_img, virsh};
use hosts::local::Local;
use hosts::{Command, Host};
use std::fmt::Debug;
use tempfile::TempDir;
use testkit::fakes::kvm::Kvm;
use testkit::real;

const FAKE_URI: &str = "qemu:///system";

/// A fake and the real one, and names that no other test has.
struct Pair {
    domain: &'static str,
    bridge: String,
    uuid: String,
    fake: Kvm,
    real: Local,
    uri: String,
    folder: TempDir,
}

impl Drop for Pair {
    fn drop(&mut self) {
        let clean = |program: &str, arguments: &[&str]| {
            // What the test has not made is not there.
            let _ = std::process::Command::new(program).args(arguments).output();
        };
        clean("virsh", &["-q", "-c", &self.uri, "destroy", self.domain]);
        clean("virsh", &["-q", "-c", &self.uri, "undefine", self.domain]);
        clean("ip", &["link", "delete", "dev", &self.bridge]);
    }
}

impl Pair {
    async fn new(domain: &'static str) -> Self {
        let number: u32 = domain.bytes().map(u32::from).sum();
        let pair = Self {
            domain,
            bridge: format!("br-{domain}"),
            uuid: format!("64726f76-6572-4000-8000-fa8e{number:08x}"),
            fake: Kvm::new("fake"),
            real: Local::new("real"),
            uri: real::libvirt_uri(),
            folder: TempDir::new().expect("a folder"),
        };
        pair.fake.put(&pair.path("made"), b"", 0o600).await.expect("the folder is made");
        pair.real.put(&pair.path("made"), b"", 0o600).await.expect("the folder is made");
        pair
    }

    /// The same on both.
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.path().display()).trim_end_matches('/').to_owned()
    }

    async fn autostarts(&self) -> Option<bool> {
        self.same(|uri| virsh::info(uri, self.domain)).await.expect("it answers").map(|info| info.autostart)
    }

    /// Runs it on both, and gives what they answered alike.
    async fn same<T: Debug + PartialEq>(&self, command: impl Fn(&str) -> Command<T>) -> Result<T, (i32, String)> {
        let fake = said(&self.fake, command(FAKE_URI)).await;
        let real = said(&self.real, command(&self.uri)).await;
        assert_eq!(fake, real, "the fake on the left, the real one on the right: {:?}", command(FAKE_URI).invocation);
        real
    }

    async fn put(&self, name: &str, bytes: &[u8]) {
        self.fake.put(&self.path(name), bytes, 0o644).await.expect("it is put");
        self.real.put(&self.path(name), bytes, 0o644).await.expect("it is put");
    }

    fn xml(&self) -> String {
        let ports = "<controller type='pci' model='pcie-root-port'/>".repeat(10);
        let (root, seed, log) = (self.path("root.qcow2"), self.path("seed.img"), self.path("serial.log"));
        format!(
            "<domain type='qemu'><name>{}</name><uuid>{}</uuid><metadata><drover:vm xmlns:drover='urn:drover:vm' \
             resource='7' fence='3'/></metadata><memory unit='MiB'>64</memory><vcpu current='2'>4</vcpu><os><type \
             arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>\
             <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{root}'/><target dev='vda' \
             bus='virtio'/><serial>root</serial></disk><disk type='file' device='disk'><driver name='qemu' type='raw'/>\
             <source file='{seed}'/><target dev='vdz' bus='virtio'/><readonly/><serial>cidata</serial></disk>\
             <controller type='pci' model='pcie-root'/>{ports}{}<serial type='pty'><log file='{log}'/><target \
             type='isa-serial' port='0'/></serial><channel type='unix'><target type='virtio' \
             name='org.qemu.guest_agent.0'/></channel><rng model='virtio'><backend \
             model='random'>/dev/urandom</backend></rng></devices></domain>",
            self.domain,
            self.uuid,
            nic("70:00", &self.bridge)
        )
    }

    fn disk(&self, target: &str, file: &str) -> String {
        format!(
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{}'/><target dev='{target}' \
             bus='virtio'/><serial>data</serial></disk>",
            self.path(file)
        )
    }

    /// Whether each of these is in the definition, and in what runs.
    async fn holds(&self, marks: &[&str]) -> Vec<(bool, bool)> {
        let mut found = Vec::new();
        for (host, uri) in [(&self.fake as &dyn Host, FAKE_URI), (&self.real, self.uri.as_str())] {
            let kept = said(host, virsh::definition(uri, self.domain)).await.expect("it answers").unwrap_or_default();
            let live = said(host, virsh::live(uri, self.domain)).await.expect("it answers").unwrap_or_default();
            found.push(marks.iter().map(|mark| (kept.contains(mark), live.contains(mark))).collect::<Vec<_>>());
        }
        assert_eq!(found[0], found[1], "the fake on the left, the real one on the right: {marks:?}");
        found.remove(0)
    }
}

fn nic(mac: &str, bridge: &str) -> String {
    format!(
        "<interface type='bridge'><mac address='52:54:00:00:{mac}'/><source bridge='{bridge}'/><model type='virtio'/></interface>"
    )
}

/// What the command's reader makes of the answer, or the status and stderr of a refusal.
async fn said<T>(host: &dyn Host, command: Command<T>) -> Result<T, (i32, String)> {
    let Command { invocation, read } = command;
    let line = invocation.line();
    match host.run(&invocation).await {
        Ok(output) => read(&output).map_err(|reason| (output.status, reason)),
        Err(error) => Err((error.status().unwrap_or_else(|| panic!("{line}: {error}")), error.stderr().to_owned())),
    }
}

#[tokio::test]
async fn real_kvm_files_are_as_the_fake_has_them() {
    let pair = Pair::new("f-files").await;
    let (file, none, below) = (pair.path("file"), pair.path("none"), pair.path("none/file"));
    pair.put("file", b"content").await;
    for path in [&file, &none, &below, &pair.path("")] {
        let _ = pair.same(|_| files::exists(path)).await;
        let _ = pair.same(|_| files::sha256(path)).await;
    }
    for folder in [&none, &file, &pair.path("made/below")] {
        let _ = pair.same(|_| files::list(folder)).await;
    }
    for folder in
        [pair.path("a/b"), pair.path("a/b"), file.clone(), format!("{file}/below"), format!("{file}/far/below")]
    {
        let _ = pair.same(|_| files::make_folder(&folder)).await;
    }
    let moves =
        [(&none, &file), (&file, &below), (&file, &pair.path("moved")), (&pair.path("moved"), &pair.path("a/over"))];
    for (from, to) in moves {
        let _ = pair.same(|_| files::rename(from, to)).await;
    }
    for (from, to) in
        [(&none, &file), (&pair.path("a/over"), &below), (&pair.path("a/over"), &file), (&pair.path("a"), &none)]
    {
        let _ = pair.same(|_| files::copy(from, to)).await;
    }
    let left = pair.same(|_| files::list(&pair.path(""))).await.expect("it is listed");
    assert_eq!(left, ["a", "file", "made"]);
}

#[tokio::test]
async fn real_kvm_disks_are_as_the_fake_has_them() {
    let pair = Pair::new("f-disks").await;
    let (base, overlay, none) = (pair.path("base.qcow2"), pair.path("over.qcow2"), pair.path("none"));
    let below = pair.path("none/disk");
    pair.put("raw", &[7; 1000]).await;
    pair.put("empty", b"").await;
    for path in [&base, &below, &base] {
        let _ = pair.same(|_| qemu_img::create(path, 1)).await;
    }
    for (path, base, format) in [
        (&overlay, &base, "qcow2"),
        (&overlay, &none, "qcow2"),
        (&below, &base, "qcow2"),
        (&none, &pair.path("raw"), "qcow2"),
        (&pair.path("over-raw"), &pair.path("raw"), "raw"),
    ] {
        let _ = pair.same(|_| qemu_img::create_overlay(path, base, format, 2)).await;
    }
    for (path, gb) in [(&base, 3), (&base, 1), (&none, 1), (&pair.path("raw"), 1), (&overlay, 4)] {
        let _ = pair.same(|_| qemu_img::grow(path, gb)).await;
    }
    for name in ["base.qcow2", "over.qcow2", "over-raw", "raw", "empty", "none", "none/disk", ""] {
        let _ = pair.same(|_| qemu_img::info(&pair.path(name))).await;
    }
    let grown = pair.same(|_| qemu_img::info(&overlay)).await.expect("it answers").expect("it is there");
    assert_eq!((grown.bytes, grown.backing), (4 * qemu_img::GB, Some(base)));
}

#[tokio::test]
async fn real_kvm_bridges_are_as_the_fake_has_them() {
    let pair = Pair::new("f-bridges").await;
    // The real machine may have others.
    let own = || {
        let Command { invocation, .. } = ip::bridges();
        Command {
            invocation,
            read: |output| {
                let rows = (ip::bridges().read)(output)?.into_iter().filter(|bridge| bridge.name == "br-f-bridges");
                Ok(rows.map(|bridge| (bridge.is_up(), bridge.is_ours())).collect::<Vec<_>>())
            },
        }
    };
    for round in 0..2 {
        let _ = pair.same(|_| ip::ports(&pair.bridge)).await;
        for change in [ip::claim, ip::up, ip::delete_bridge, ip::add_bridge, ip::add_bridge, ip::claim, ip::up] {
            let _ = pair.same(|_| change(&pair.bridge)).await;
            let _ = pair.same(|_| own()).await;
        }
        assert_eq!(pair.same(|_| own()).await, Ok(vec![(true, true)]), "round {round}");
        assert_eq!(pair.same(|_| ip::ports(&pair.bridge)).await, Ok(0));
    }
    let _ = pair.same(|_| ip::add_bridge("br-sixteen-bytes")).await;
}

#[tokio::test]
async fn real_kvm_definitions_are_as_the_fake_has_them() {
    let pair = Pair::new("f-define").await;
    let domain = pair.xml();
    every_change_is_refused(&pair).await;
    let wrong = [
        domain.replace("<memory unit='MiB'>64</memory>", ""),
        domain.replace("vdz", "vda"),
        domain.replace("current='2'", "current='5'"),
    ];
    for wrong in &wrong {
        pair.same(|uri| virsh::define(uri, wrong)).await.expect_err("it is refused");
    }
    pair.same(|uri| virsh::define(uri, &domain)).await.expect("it is defined");
    let other = domain.replace(&pair.uuid, "64726f76-6572-4000-8000-fa8effffffff");
    pair.same(|uri| virsh::define(uri, &other)).await.expect_err("the name is another's");
    let other = domain.replace(pair.domain, "other");
    pair.same(|uri| virsh::define(uri, &other)).await.expect_err("the number is another's");
    every_change_is_refused(&pair).await;
    for on in [true, true, false, false, true] {
        pair.same(|uri| virsh::set_autostart(uri, pair.domain, on)).await.expect("it is set");
        assert_eq!(pair.autostarts().await, Some(on));
    }
    pair.same(|uri| virsh::define(uri, &domain.replace("current='2'", "current='4'"))).await.expect("it is redefined");
    pair.holds(&[
        "<memory unit='KiB'>65536</memory>",
        "current=",
        "resource=",
        &pair.bridge,
        "root.qcow2",
        "<serial>cidata</serial>",
    ])
    .await;
    assert_eq!(pair.autostarts().await, Some(true));
    pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect("it is undefined");
    every_change_is_refused(&pair).await;
}

/// Of a domain that is absent, or off, but for what may be done then.
async fn every_change_is_refused(pair: &Pair) {
    let is_there = pair.same(|uri| virsh::state(uri, pair.domain)).await.expect("it answers").is_some();
    let _ = pair.same(|uri| virsh::info(uri, pair.domain)).await;
    let disk = pair.disk("vdb", "data.qcow2");
    pair.same(|uri| virsh::shutdown(uri, pair.domain)).await.expect_err("it is off");
    pair.same(|uri| virsh::destroy(uri, pair.domain)).await.expect_err("it is off");
    pair.same(|uri| virsh::grow(uri, pair.domain, &pair.path("root.qcow2"), 2)).await.expect_err("it is off");
    pair.same(|uri| virsh::set_cpus(uri, pair.domain, 3)).await.expect_err("it is off");
    pair.same(|uri| virsh::attach(uri, pair.domain, &disk)).await.expect_err("it is off");
    pair.same(|uri| virsh::detach(uri, pair.domain, &disk)).await.expect_err("it is off");
    if !is_there {
        pair.same(|uri| virsh::start(uri, pair.domain)).await.expect_err("it is absent");
        pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect_err("it is absent");
        pair.same(|uri| virsh::set_autostart(uri, pair.domain, true)).await.expect_err("it is absent");
        pair.same(|uri| virsh::set_autostart(uri, pair.domain, false)).await.expect_err("it is absent");
    }
}

#[tokio::test]
async fn real_kvm_guests_are_as_the_fake_has_them() {
    let pair = Pair::new("f-guests").await;
    let (root, data) = (pair.path("root.qcow2"), pair.path("data.qcow2"));
    pair.same(|uri| virsh::define(uri, &pair.xml())).await.expect("it is defined");
    pair.put("seed.img", &[0; 1 << 20]).await;
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect_err("there is no disk");
    pair.same(|_| qemu_img::create(&pair.path("base.qcow2"), 1)).await.expect("it is made");
    pair.same(|_| qemu_img::create_overlay(&root, &pair.path("base.qcow2"), "qcow2", 1)).await.expect("it is made");
    pair.same(|_| qemu_img::create(&data, 1)).await.expect("it is made");
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect_err("there is no bridge");
    pair.same(|_| ip::add_bridge(&pair.bridge)).await.expect("it is made");
    pair.same(|_| ip::up(&pair.bridge)).await.expect("it is up");
    pair.same(|_| files::rename(&pair.path("base.qcow2"), &pair.path("moved"))).await.expect("it is moved");
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect_err("there is nothing beneath the disk");
    pair.same(|_| files::rename(&pair.path("moved"), &pair.path("base.qcow2"))).await.expect("it is back");
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect("it starts");
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect_err("it runs");
    assert_eq!(pair.same(|uri| virsh::state(uri, pair.domain)).await, Ok(Some(virsh::State::Running)));
    assert_eq!(pair.same(|_| ip::ports(&pair.bridge)).await, Ok(1));
    assert_eq!(pair.same(|_| files::exists(&pair.path("serial.log"))).await, Ok(true));

    // Its disk is its own, and grows only with it.
    pair.same(|_| qemu_img::grow(&root, 3)).await.expect_err("it is open");
    pair.same(|uri| virsh::grow(uri, pair.domain, &root, 2)).await.expect("it grows");
    pair.same(|uri| virsh::grow(uri, pair.domain, &data, 2)).await.expect_err("it has no such disk");
    assert_eq!(
        pair.same(|_| qemu_img::info(&root)).await.expect("it answers").map(|disk| disk.bytes),
        Some(2 * qemu_img::GB)
    );

    for count in [3, 5, 1, 3, 4] {
        let _ = pair.same(|uri| virsh::set_cpus(uri, pair.domain, count)).await;
        pair.holds(&["current='2'", "current='3'", "current='4'"]).await;
    }

    devices_come_and_stay(&pair).await;

    // What is kept changes, what runs does not.
    pair.same(|uri| virsh::define(uri, &pair.xml())).await.expect("it is redefined");
    pair.holds(&["current='2'", "vdb"]).await;

    // A guest without an operating system heeds no button.
    pair.fake.ignore_acpi(true);
    pair.same(|uri| virsh::shutdown(uri, pair.domain)).await.expect("the button is pressed");
    assert_eq!(pair.same(|uri| virsh::state(uri, pair.domain)).await, Ok(Some(virsh::State::Running)));

    // Undefined while it runs: it is there until it is off.
    pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect("it is undefined");
    pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect_err("it is transient");
    pair.same(|uri| virsh::set_autostart(uri, pair.domain, true)).await.expect_err("it is transient");
    assert_eq!(pair.autostarts().await, Some(false));
    assert_eq!(pair.same(|uri| virsh::state(uri, pair.domain)).await, Ok(Some(virsh::State::Running)));
    pair.same(|uri| virsh::define(uri, &pair.xml())).await.expect("it is kept again");
    pair.same(|uri| virsh::destroy(uri, pair.domain)).await.expect("the plug is pulled");
    pair.same(|uri| virsh::destroy(uri, pair.domain)).await.expect_err("it is off");
    assert_eq!(pair.same(|_| ip::ports(&pair.bridge)).await, Ok(0));
    pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect("it is undefined");
    assert_eq!(pair.same(|uri| virsh::state(uri, pair.domain)).await, Ok(None));
}

async fn devices_come_and_stay(pair: &Pair) {
    let (disk, one) = (pair.disk("vdb", "data.qcow2"), nic("70:01", &pair.bridge));
    pair.same(|uri| virsh::attach(uri, pair.domain, &pair.disk("vdb", "none.qcow2")))
        .await
        .expect_err("there is no file");
    pair.same(|uri| virsh::attach(uri, pair.domain, &nic("70:01", "br-none"))).await.expect_err("there is no bridge");
    pair.same(|uri| virsh::attach(uri, pair.domain, &disk)).await.expect("it comes");
    pair.same(|uri| virsh::attach(uri, pair.domain, &disk)).await.expect_err("it is there");
    pair.same(|uri| virsh::attach(uri, pair.domain, &pair.disk("vdc", "data.qcow2"))).await.expect_err("it is open");
    pair.same(|uri| virsh::attach(uri, pair.domain, &one)).await.expect("it comes");
    pair.holds(&["vdb", "70:01"]).await;
    assert_eq!(pair.same(|_| ip::ports(&pair.bridge)).await, Ok(2));
    // Ten ports: four of libvirt's own, three for what it was defined with, two for what came.
    pair.same(|uri| virsh::attach(uri, pair.domain, &nic("70:02", &pair.bridge))).await.expect("it comes");
    pair.same(|uri| virsh::attach(uri, pair.domain, &nic("70:03", &pair.bridge)))
        .await
        .expect_err("there is no port left");
    // A guest without an operating system lets go of nothing.
    pair.fake.hold_devices(true);
    pair.same(|uri| virsh::detach(uri, pair.domain, &disk)).await.expect("it is asked for");
    assert_eq!(pair.holds(&["vdb"]).await, [(false, true)]);
    pair.same(|uri| virsh::detach(uri, pair.domain, &disk)).await.expect_err("it is kept no more");
    pair.same(|uri| virsh::detach(uri, pair.domain, &nic("70:09", &pair.bridge))).await.expect_err("it never came");
}

#[tokio::test]
async fn real_kvm_without_libvirt_is_as_the_fake_has_it() {
    let version = |_: &str| virsh::version("qemu+unix:///system?socket=/no/such/socket");
    Pair::new("f-nobody").await.same(version).await.expect_err("nobody answers");
}

#[tokio::test]
async fn real_kvm_snapshots_are_as_the_fake_has_them() {
    let pair = Pair::new("f-snaps").await;
    let snapshot = |name: &str| {
        format!("<domainsnapshot><name>{name}</name><description>of {name}</description></domainsnapshot>")
    };
    let list = async || pair.same(|uri| virsh::snapshot::names(uri, pair.domain)).await;
    let state = async || pair.same(|uri| virsh::state(uri, pair.domain)).await;
    let holds = async |name: &str| {
        let disk = pair.same(|_| qemu_img::info(&pair.path("root.qcow2"))).await.expect("it answers");
        disk.expect("it is there").snapshots.iter().any(|snapshot| snapshot.name == name)
    };
    list().await.expect_err("there is no domain");
    pair.same(|uri| virsh::define(uri, &pair.xml())).await.expect("it is defined");
    pair.put("seed.img", &[0; 1 << 20]).await;
    pair.same(|_| qemu_img::create(&pair.path("root.qcow2"), 1)).await.expect("it is made");
    pair.same(|_| ip::add_bridge(&pair.bridge)).await.expect("it is made");
    pair.same(|_| ip::up(&pair.bridge)).await.expect("it is up");

    // While it is off.
    let take = async |name: &str| pair.same(|uri| virsh::snapshot::create(uri, pair.domain, &snapshot(name))).await;
    let revert =
        async |name: &str, after| pair.same(|uri| virsh::snapshot::revert(uri, pair.domain, name, after)).await;
    let delete = async |name: &str| pair.same(|uri| virsh::snapshot::delete(uri, pair.domain, name)).await;
    take("s1").await.expect("it is taken");
    take("s1").await.expect_err("it is there");
    assert!(holds("s1").await);
    pair.same(|_| qemu_img::grow(&pair.path("root.qcow2"), 2)).await.expect("it grows");
    revert("s1", virsh::snapshot::After::Off).await.expect("it is reverted");
    let disk = pair.same(|_| qemu_img::info(&pair.path("root.qcow2"))).await.expect("it answers");
    assert_eq!(disk.map(|disk| disk.bytes), Some(qemu_img::GB));
    assert_eq!(state().await, Ok(Some(virsh::State::ShutOff)));
    revert("none", virsh::snapshot::After::Off).await.expect_err("there is none");
    delete("none").await.expect_err("there is none");
    assert_eq!(pair.same(|uri| virsh::snapshot::read(uri, pair.domain, "none")).await, Ok(None));

    // While it runs.
    pair.same(|uri| virsh::start(uri, pair.domain)).await.expect("it starts");
    pair.same(|uri| virsh::resume(uri, pair.domain)).await.expect_err("it is not paused");
    assert_eq!(pair.same(|uri| virsh::agent::is_frozen(uri, pair.domain)).await, Ok(None));
    pair.same(|uri| virsh::agent::freeze(uri, pair.domain)).await.expect_err("there is no agent");
    pair.same(|uri| virsh::agent::thaw(uri, pair.domain)).await.expect_err("there is no agent");
    for name in ["s2", "s3"] {
        take(name).await.expect("it is taken");
    }
    revert("s2", virsh::snapshot::After::Paused).await.expect("it is reverted");
    assert_eq!(state().await, Ok(Some(virsh::State::Other("paused".into()))));
    pair.same(|uri| virsh::resume(uri, pair.domain)).await.expect("it goes on");
    assert_eq!(state().await, Ok(Some(virsh::State::Running)));
    take("s4").await.expect("it is taken");
    assert_eq!(list().await.expect("a list"), ["s1", "s2", "s4", "s3"]);
    let on_top = |name: &'static str| pair.same(move |uri| virsh::snapshot::descendants(uri, pair.domain, name));
    assert_eq!(on_top("s2").await.expect("a list"), ["s4", "s3"]);
    on_top("none").await.expect_err("there is none");

    // Without the one in the middle; and what was off comes up.
    delete("s2").await.expect("it is deleted");
    assert!(!holds("s2").await);
    assert_eq!(on_top("s1").await.expect("a list"), ["s4", "s3"]);
    revert("s1", virsh::snapshot::After::Paused).await.expect("it is reverted");
    assert_eq!(state().await, Ok(Some(virsh::State::Other("paused".into()))));
    pair.same(|uri| virsh::destroy(uri, pair.domain)).await.expect("the plug is pulled");
    pair.same(|uri| virsh::resume(uri, pair.domain)).await.expect_err("it is off");
    for name in ["s3", "s4"] {
        delete(name).await.expect("it is deleted");
    }
    for (host, uri) in [(&pair.fake as &dyn Host, FAKE_URI), (&pair.real, pair.uri.as_str())] {
        let kept =
            said(host, virsh::snapshot::read(uri, pair.domain, "s1")).await.expect("it answers").expect("it is there");
        assert_eq!((kept.with_memory, kept.description.as_str()), (false, "of s1"));
        assert!(kept.domain.contains("root.qcow2"));
    }

    // A disk is gone.
    pair.same(|_| files::rename(&pair.path("root.qcow2"), &pair.path("moved"))).await.expect("it is moved");
    revert("s1", virsh::snapshot::After::Off).await.expect_err("there is no disk");
    pair.same(|_| files::rename(&pair.path("moved"), &pair.path("root.qcow2"))).await.expect("it is back");
    pair.same(|uri| virsh::undefine(uri, pair.domain)).await.expect("it is undefined with its snapshots");
    list().await.expect_err("there is no domain");
}
