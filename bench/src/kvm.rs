//! A real build, beside the bare commands that it comes down to.

use crate::row::{Goal, Row};
use anyhow::{Context, Result, bail};
use iaas::tenant::Accepted;
use model::image::Image;
use model::vm::VmSpec;
use model::{ResourceId, SegmentId, State, names};
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::real::{self, run, small, tiny};
use testkit::{LIMIT, Roles};

const SEGMENT: &str = "bench";

/// From the POST until it runs.
async fn drover(fleet: &Roles, name: &str, spec: VmSpec) -> Result<(ResourceId, Duration)> {
    let began = Instant::now();
    let (vm, task) = fleet.create(name, spec).await;
    let task = fleet.client.task(task, LIMIT).await?;
    let took = began.elapsed();
    if let Some(error) = task.error {
        bail!("the build failed: {}", error.text);
    }
    Ok((vm, took))
}

/// The same by hand: what is made, with which programs; nothing looked at but the end.
fn by_hand(uri: &str, storage: &str, vm: ResourceId, base: &str, xml: &Path, seed: &[u8]) -> Result<Duration> {
    let domain = names::domain(vm);
    let disk = names::disk(storage, vm, "root");
    let bridge = names::bridge(SegmentId(1), SEGMENT);
    let virsh = |arguments: &[&str]| run("virsh", &[&["-q", "-c", uri], arguments].concat());
    let began = Instant::now();
    run("mkdir", &["-p", &names::vm_folder(storage, vm)]);
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, &disk, "1G"]);
    std::fs::write(names::seed(storage, vm), seed)?;
    run("ip", &["link", "add", &bridge, "type", "bridge"]);
    run("ip", &["link", "set", &bridge, "up"]);
    virsh(&["define", &xml.display().to_string()]);
    virsh(&["autostart", &domain]);
    virsh(&["start", &domain]);
    let state = virsh(&["domstate", &domain]);
    let took = began.elapsed();
    if state.trim() != "running" {
        bail!("by hand it is {state}");
    }
    virsh(&["destroy", &domain]);
    virsh(&["undefine", &domain]);
    run("ip", &["link", "delete", &bridge]);
    std::fs::remove_dir_all(names::vm_folder(storage, vm))?;
    Ok(took)
}

async fn scrub(fleet: &Roles, vm: ResourceId) -> Result<()> {
    let _: Accepted<VmSpec> = fleet.client.ask(vm, State::Scrub, false).await?;
    fleet.is_in(vm, &[State::Closed], LIMIT).await;
    Ok(())
}

pub async fn rows(runs: usize) -> Result<Vec<Row>> {
    let folder = real::storage();
    let storage = folder.path().display().to_string();
    let uri = real::libvirt_uri();
    let mut kvm = real::kvm(&folder);
    kvm.settings.shutdown_secs = 0;
    let fleet = Roles::start(kvm).await;
    let image: Image = fleet.client.record_create("images", &tiny()).await?;
    let base = names::cached_image(&storage, image.id, &image.spec.sha256);
    let mut more = Vec::new();
    // The first fetches the image, which is not what is measured.
    for run_number in 0..=runs {
        let spec = small(&image, SEGMENT, "10.78.0.5/24");
        let (vm, own) = drover(&fleet, &format!("bench-{run_number}"), spec).await?;
        let xml = folder.path().join("domain.xml");
        std::fs::write(&xml, run("virsh", &["-q", "-c", &uri, "dumpxml", "--inactive", &names::domain(vm)]))?;
        let seed = std::fs::read(names::seed(&storage, vm)).context("the seed")?;
        scrub(&fleet, vm).await?;
        let hand = by_hand(&uri, &storage, vm, &base, &xml, &seed)?;
        eprintln!(
            "run {run_number}: drover {:.0} ms, by hand {:.0} ms",
            own.as_secs_f64() * 1e3,
            hand.as_secs_f64() * 1e3
        );
        if run_number > 0 {
            more.push((own.as_secs_f64() - hand.as_secs_f64()) * 1e3);
        }
    }
    Ok(vec![Row::of("kvm_build_overhead_ms", "ms", Goal::Under(100.0), more)])
}
