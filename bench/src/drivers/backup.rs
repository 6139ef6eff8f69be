//! A full backup of a guest that runs, beside `qemu-img convert` of the same disk into the same compressed file. The backup is
//! of one moment, has a checkpoint for the next one, checksums and a manifest, and is on the disk when it is done.

use super::{Claim, Ground, Pair, build, scrub};
use crate::row::Row;
use anyhow::{Context, Result};
use model::backup::{BackupSpec, Repository};
use model::image::{Image, ImageSpec};
use model::names;
use model::vm::{Disk, VmSpec};
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use testkit::fleet::vm;
use testkit::real::{run, tiny};

/// What the disk holds: so much that cannot be made smaller, and as much that can.
const HALF_MB: usize = 256;

/// An image that is full of something.
fn full(folder: &Path) -> Result<ImageSpec> {
    let at = |name: &str| folder.join(name).display().to_string();
    let (raw, disk) = (at("full.raw"), at("full.qcow2"));
    let mut file = std::fs::File::create(&raw).context("the image")?;
    let mut block = vec![0; 1 << 20];
    for megabyte in 0..HALF_MB {
        rand::fill(&mut block[..]);
        file.write_all(&block)?;
        let words = format!("{megabyte} what is written again and again\n").repeat(block.len());
        file.write_all(&words.as_bytes()[..block.len()])?;
    }
    drop(file);
    run("qemu-img", &["convert", "-O", "qcow2", &raw, &disk]);
    std::fs::remove_file(&raw)?;
    run("chmod", &["644", &disk]);
    let sha256 = run("sha256sum", &[&disk])[..64].to_owned();
    Ok(ImageSpec { name: "full".into(), source: disk, sha256, ..tiny() })
}

/// Throughput: the data's size by the time, in that of the other.
pub async fn row((row, unit, goal): Claim, ground: &Ground, runs: usize) -> Result<Row> {
    let fleet = &ground.fleet;
    let image: Image = fleet.client.record_create("images", &full(ground.folder.path())?).await?;
    let disks = vec![Disk { name: "root".into(), gb: 1, primary: true, pool: None }];
    let (vm, _) = build(fleet, "origin", VmSpec { ram_mb: 192, disks, ..vm(&image) }).await?;
    let disk = names::disk(ground.storage(), vm, "root");
    let copy = ground.folder.path().join("by-hand.qcow2").display().to_string();
    let mut pairs = Vec::new();
    for number in 1..=runs {
        let spec = BackupSpec { vm, repository: Repository::Primary, valid_hours: 24 };
        let (backup, own) = build(fleet, &format!("backup-{number}"), spec).await?;
        let began = Instant::now();
        let options = ["-c", "-o", "compression_type=zstd"];
        run("qemu-img", &[&["convert", "-q", "-U", "-O", "qcow2"], &options[..], &[&disk, &copy]].concat());
        pairs.push(Pair { own, hand: began.elapsed() }.say(&format!("backup, run {number}")));
        std::fs::remove_file(&copy)?;
        scrub::<BackupSpec>(fleet, backup).await?;
    }
    scrub::<VmSpec>(fleet, vm).await?;
    let rate = |of: fn(&Pair) -> std::time::Duration| 2.0 * HALF_MB as f64 * 1e3 / super::middle(&pairs, of);
    let note = format!("drover {:.0} MB/s, qemu-img convert {:.0} MB/s", rate(|pair| pair.own), rate(|pair| pair.hand));
    Ok(Row::of(row, unit, goal, pairs.iter().map(|pair| 1.0 / pair.ratio()).collect()).note(note))
}
