//! A VM from its image to running, on a file and on an image of a Ceph pool.

use super::{Ground, Pair, build, scrub};
use anyhow::{Context, Result, bail};
use model::image::Image;
use model::vm::VmSpec;
use model::{ResourceId, SegmentId, names};
use std::path::{Path, PathBuf};
use std::time::Instant;
use testkit::real::{self, run, small, tiny};

const SEGMENT: &str = "bench";

/// The cluster's pool; its user.
const POOL: &str = "disks";
const USER: &str = "drover";

pub fn virsh(arguments: &[&str]) -> String {
    run("virsh", &[&["-q", "-c", &real::libvirt_uri()], arguments].concat())
}

/// Where the root disk stands.
enum Stands {
    /// On a file of the image cache.
    File(String),
    /// On the snapshot of an image in the pool.
    Pool(String),
}

/// What drover has made, to be made the same by hand.
struct Made {
    vm: ResourceId,
    stands: Stands,
    xml: PathBuf,
    seed: Vec<u8>,
    /// The secret's definition, its number and its value, where there is one.
    secret: Option<(PathBuf, String, PathBuf)>,
}

impl Made {
    fn of(ground: &Ground, vm: ResourceId, image: &Image, pool: Option<&str>) -> Result<Self> {
        let folder = ground.folder.path();
        let keep = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let xml = keep("domain.xml", virsh(&["dumpxml", "--inactive", &names::domain(vm)]))?;
        let seed = std::fs::read(names::seed(ground.storage(), vm)).context("the seed")?;
        let (id, sha256) = (image.id, &image.spec.sha256);
        let Some(pool) = pool else {
            let stands = Stands::File(names::cached_image(ground.storage(), id, sha256));
            return Ok(Self { vm, stands, xml, seed, secret: None });
        };
        let stands = Stands::Pool(names::clonable(&names::in_pool(pool, &names::pool_image(id, sha256))));
        let uuid = names::ceph_secret(USER);
        let definition = keep("secret.xml", virsh(&["secret-dumpxml", &uuid]))?;
        let value = keep("secret", virsh(&["secret-get-value", &uuid]).trim().to_owned())?;
        Ok(Self { vm, stands, xml, seed, secret: Some((definition, uuid, value)) })
    }

    fn disk(&self, storage: &str) {
        match &self.stands {
            Stands::File(base) => {
                let disk = names::disk(storage, self.vm, "root");
                run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, &disk, "1G"]);
            }
            Stands::Pool(parent) => {
                let image = names::in_pool(POOL, &names::disk_image(self.vm, "root"));
                rbd(&["clone", parent, &image]);
                rbd(&["resize", "--no-progress", "--size", "1G", &image]);
            }
        }
    }

    fn by_hand(&self, storage: &str) -> Result<std::time::Duration> {
        let domain = names::domain(self.vm);
        let bridge = names::bridge(SegmentId(1), SEGMENT);
        let began = Instant::now();
        run("mkdir", &["-p", &names::vm_folder(storage, self.vm)]);
        self.disk(storage);
        std::fs::write(names::seed(storage, self.vm), &self.seed)?;
        virsh(&["define", &text(&self.xml)]);
        if let Some((definition, uuid, value)) = &self.secret {
            virsh(&["secret-define", &text(definition)]);
            virsh(&["secret-set-value", uuid, "--file", &text(value)]);
        }
        run("ip", &["link", "add", &bridge, "type", "bridge"]);
        run("ip", &["link", "set", &bridge, "up"]);
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
        if let Some((_, uuid, _)) = &self.secret {
            virsh(&["secret-undefine", uuid]);
            rbd(&["rm", "--no-progress", &names::in_pool(POOL, &names::disk_image(self.vm, "root"))]);
        }
        std::fs::remove_dir_all(names::vm_folder(storage, self.vm))?;
        Ok(took)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// As drover's user.
fn rbd(arguments: &[&str]) {
    real::rbd(&[&["--id", USER], arguments].concat());
}

pub async fn on_overlay(ground: &Ground, runs: usize) -> Result<Vec<Pair>> {
    pairs(ground, runs, None).await
}

pub async fn on_clone(ground: &Ground, runs: usize) -> Result<Vec<Pair>> {
    pairs(ground, runs, Some(POOL)).await
}

async fn pairs(ground: &Ground, runs: usize, pool: Option<&str>) -> Result<Vec<Pair>> {
    let fleet = &ground.fleet;
    let what = pool.map_or("overlay", |_| "clone");
    let image: Image =
        fleet.client.record_create("images", &model::image::ImageSpec { name: what.into(), ..tiny() }).await?;
    let mut pairs = Vec::new();
    // The first fetches the image, which is not what is measured.
    for number in 0..=runs {
        let mut spec = small(&image, SEGMENT, "10.78.0.5/24");
        spec.disks.iter_mut().for_each(|disk| disk.pool = pool.map(str::to_owned));
        let (vm, own) = build(fleet, &format!("{what}-{number}"), spec).await?;
        let made = Made::of(ground, vm, &image, pool)?;
        scrub::<VmSpec>(fleet, vm).await?;
        let pair = Pair { own, hand: made.by_hand(ground.storage())? }.say(&format!("{what}, run {number}"));
        pairs.extend((number > 0).then_some(pair));
    }
    Ok(pairs)
}
