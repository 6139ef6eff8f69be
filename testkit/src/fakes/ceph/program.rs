//! `rbd -c CONF --id drover ...`, `ceph ... df`, `ceph-conf`

use super::cluster::{Image, Snapshot, State, Trashed};
use super::{Cluster, KEYRING};
use crate::fakes::kvm::state::{Answer, Refused, refused};
use hosts::Effect::{self, Acts, Looks};
use serde_json::{Value, json};

const CONF: &str = "/etc/ceph/ceph.conf";

pub(crate) fn answer(cluster: &Cluster, argv: &[&str]) -> Option<(Effect, Answer)> {
    let state = &mut *cluster.state();
    match argv {
        ["rbd", "-c", conf, "--id", "drover", rest @ ..] if *conf == CONF => rbd(state, rest),
        ["ceph", "-c", conf, "--id", "drover", "df", "detail", "--format", "json"] if *conf == CONF => {
            Some((Looks, Ok(df(state))))
        }
        ["ceph-conf", "-c", conf, "--name", "client.drover", "--show-config-value", "keyring"] if *conf == CONF => {
            Some((Looks, Ok(format!("{KEYRING}\n"))))
        }
        _ => None,
    }
}

fn df(state: &State) -> String {
    let pool = |(name, pool): (&String, &super::cluster::Pool)| json!({ "name": name, "id": 1, "stats": { "stored": 19, "objects": 1, "max_avail": pool.room, "quota_bytes": 0 } });
    json!({ "stats": {}, "pools": state.pools.iter().map(pool).collect::<Vec<_>>() }).to_string()
}

fn rbd(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["ls", "--format", "json", pool] => (Looks, list(state, pool)),
        ["info", "--format", "json", spec] => (Looks, opened(state, spec).map(|image| info(spec, image))),
        ["info", "--format", "json", "--pool", pool, "--image-id", id] => (Looks, trashed_info(state, pool, id)),
        ["image-meta", "list", "--format", "json", spec] => (Looks, opened(state, spec).map(metadata)),
        ["image-meta", "set", spec, key, value] => (
            Acts,
            change(state, spec, |image| {
                image.metadata.insert((*key).to_owned(), (*value).to_owned());
            }),
        ),
        ["status", "--format", "json", spec] => (Looks, status(state, spec)),
        ["lock", "ls", "--format", "json", spec] => (Looks, opened(state, spec).map(locks)),
        ["lock", "rm", spec, id, locker] => (Acts, break_lock(state, spec, id, locker)),
        ["snap", "ls", "--format", "json", spec] => (Looks, opened(state, spec).map(snapshots)),
        ["snap", "create", "--no-progress", spec] => (Acts, snap_create(state, spec)),
        ["snap", "rollback", "--no-progress", spec] => (Acts, snap_rollback(state, spec)),
        ["snap", "rm", "--no-progress", spec] => (Acts, snap_remove(state, spec)),
        ["snap", "unprotect", spec] => (Acts, snap_unprotect(state, spec)),
        ["snap", "protect", spec] => (Acts, snap_protect(state, spec)),
        ["create", "--size", size, "--image-feature", features, spec] => {
            (Acts, create(state, spec, gb(size), features))
        }
        ["clone", "--image-feature", features, parent, spec] => (Acts, clone(state, parent, spec, features)),
        ["rename", from, to] => (Acts, rename(state, from, to)),
        ["resize", "--size", size, "--no-progress", spec] => (Acts, resize(state, spec, gb(size))),
        ["rm", "--no-progress", spec] => (Acts, remove(state, spec)),
        ["trash", "mv", spec, "--expires-at", until] => (Acts, move_to_trash(state, spec, until)),
        ["trash", "ls", pool, "--all", "--long", "--format", "json"] => (Looks, trash(state, pool)),
        ["trash", "rm", "--no-progress", spec] => (Acts, purge(state, spec)),
        _ => return None,
    })
}

fn gb(size: &str) -> u64 {
    let gb = size.strip_suffix('G').and_then(|gb| gb.parse::<u64>().ok());
    gb.unwrap_or_else(|| panic!("a size such as {size} is not simulated")) << 30
}

fn split(spec: &str) -> (&str, &str) {
    spec.split_once('/').unwrap_or_else(|| panic!("an image such as {spec} is not simulated"))
}

const ABSENT: &str = "(2) No such file or directory\n";

fn no_pool<T>(pool: &str) -> Result<T, Refused> {
    refused(2, format!("rbd: error opening pool '{pool}': {ABSENT}"))
}

fn no_image<T>(image: &str) -> Result<T, Refused> {
    refused(2, format!("rbd: error opening image {image}: {ABSENT}"))
}

fn opened<'a>(state: &'a State, spec: &str) -> Result<&'a Image, Refused> {
    let (pool, image) = split(spec);
    match state.pools.get(pool) {
        None => no_pool(pool),
        Some(found) => found.images.get(image).map_or_else(|| no_image(image), Ok),
    }
}

/// Whatever is written to a pool without room waits for room, for ever.
fn written<'a>(state: &'a mut State, spec: &str) -> Result<&'a mut super::cluster::Pool, Refused> {
    let (pool, _) = split(spec);
    match state.pools.get_mut(pool) {
        None => no_pool(pool),
        Some(found) => {
            assert!(found.room > 0, "pool {pool} is full and does not answer");
            Ok(found)
        }
    }
}

fn change(state: &mut State, spec: &str, change: impl FnOnce(&mut Image)) -> Answer {
    let (_, image) = split(spec);
    match written(state, spec)?.images.get_mut(image) {
        None => no_image(image),
        Some(found) => {
            change(found);
            Ok(String::new())
        }
    }
}

fn list(state: &State, pool: &str) -> Answer {
    let Some(found) = state.pools.get(pool) else { return no_pool(pool) };
    Ok(json!(found.images.keys().collect::<Vec<_>>()).to_string())
}

fn info(spec: &str, image: &Image) -> String {
    let mut answer = json!({
        "name": split(spec).1, "id": image.id, "size": image.bytes, "objects": image.bytes >> 22, "order": 22,
        "object_size": 1 << 22, "snapshot_count": image.snapshots.len(), "format": 2, "features": image.features,
    });
    if let Some((pool, parent, snapshot)) = &image.parent {
        answer["parent"] = json!({ "pool": pool, "pool_namespace": "", "image": parent, "snapshot": snapshot });
    }
    answer.to_string()
}

fn trashed_info(state: &State, pool: &str, id: &str) -> Answer {
    let Some(found) = state.pools.get(pool) else { return no_pool(pool) };
    match found.trash.iter().find(|trashed| trashed.image.id == id) {
        Some(trashed) => Ok(info(&format!("{pool}/{}", trashed.name), &trashed.image)),
        None => no_image(""),
    }
}

fn metadata(image: &Image) -> String {
    if image.metadata.is_empty() { String::new() } else { json!(image.metadata).to_string() }
}

fn status(state: &mut State, spec: &str) -> Answer {
    opened(state, spec)?;
    let watchers = state.image_mut(spec).map(Image::seen).unwrap_or_default();
    let row = |watcher: &super::Watcher| json!({ "address": watcher.address(), "client": watcher.client, "cookie": watcher.cookie() });
    Ok(json!({ "watchers": watchers.iter().map(row).collect::<Vec<_>>() }).to_string())
}

fn locks(image: &Image) -> String {
    let row = |lock: &super::Watcher| {
        let id = format!("auto {}", lock.cookie());
        json!({ "id": id, "locker": format!("client.{}", lock.client), "address": lock.address() })
    };
    Value::Array(image.lock.iter().map(row).collect()).to_string()
}

fn break_lock(state: &mut State, spec: &str, id: &str, locker: &str) -> Answer {
    opened(state, spec)?;
    let is = |lock: &mut super::Watcher| {
        format!("auto {}", lock.cookie()) == id && format!("client.{}", lock.client) == locker
    };
    let Some(lock) = state.image_mut(spec).and_then(|image| image.lock.take_if(is)) else {
        return refused(2, format!("rbd: releasing lock failed: {ABSENT}"));
    };
    state.blocklist.push(lock.address());
    Ok(String::new())
}

fn snapshots(image: &Image) -> String {
    let row = |(index, (name, found)): (usize, (&String, &Snapshot))| json!({ "id": index, "name": name, "size": found.bytes, "protected": found.is_protected.to_string() });
    Value::Array(image.snapshots.iter().enumerate().map(row).collect()).to_string()
}

fn at(spec: &str) -> (&str, &str) {
    spec.split_once('@').unwrap_or_else(|| panic!("a snapshot such as {spec} is not simulated"))
}

fn snap_create(state: &mut State, spec: &str) -> Answer {
    let (image, snapshot) = at(spec);
    if opened(state, image)?.snapshots.contains_key(snapshot) {
        return refused(17, "rbd: failed to create snapshot: (17) File exists\n");
    }
    change(state, image, |image| {
        image.snapshots.insert(snapshot.to_owned(), Snapshot { is_protected: false, bytes: image.bytes });
    })
}

/// Also from under a client that has it open, whom that surprises: who does so ends the test.
fn snap_rollback(state: &mut State, spec: &str) -> Answer {
    let (image, snapshot) = at(spec);
    let found = opened(state, image)?;
    assert!(found.watchers.is_empty(), "{image} is brought back while somebody has it open");
    match found.snapshots.get(snapshot).copied() {
        None => refused(2, format!("rbd: rollback failed: {ABSENT}")),
        Some(then) => change(state, image, |image| image.bytes = then.bytes),
    }
}

fn snap_remove(state: &mut State, spec: &str) -> Answer {
    let (image, snapshot) = at(spec);
    match opened(state, image)?.snapshots.get(snapshot) {
        None => refused(2, format!("rbd: failed to remove snapshot: {ABSENT}")),
        Some(found) if found.is_protected => {
            refused(16, format!("rbd: snapshot '{snapshot}' is protected from removal.\n"))
        }
        Some(_) => change(state, image, |image| {
            image.snapshots.remove(snapshot);
        }),
    }
}

fn snap_protect(state: &mut State, spec: &str) -> Answer {
    let (image, snapshot) = at(spec);
    match opened(state, image)?.snapshots.get(snapshot) {
        None => refused(2, format!("rbd: protecting snap failed: {ABSENT}")),
        Some(found) if found.is_protected => refused(16, "rbd: snap is already protected\n"),
        Some(_) => change(state, image, |image| {
            if let Some(found) = image.snapshots.get_mut(snapshot) {
                found.is_protected = true;
            }
        }),
    }
}

fn snap_unprotect(state: &mut State, spec: &str) -> Answer {
    let (image, snapshot) = at(spec);
    let (pool, name) = split(image);
    if !opened(state, image)?.snapshots.get(snapshot).is_some_and(|found| found.is_protected) {
        return refused(22, "rbd: snap is already unprotected\n");
    }
    let own = (pool.to_owned(), name.to_owned(), snapshot.to_owned());
    if state.all().any(|image| image.parent.as_ref() == Some(&own)) {
        return refused(16, "rbd: unprotecting snap failed: (16) Device or resource busy\n");
    }
    change(state, image, |image| {
        if let Some(found) = image.snapshots.get_mut(snapshot) {
            found.is_protected = false;
        }
    })
}

fn create(state: &mut State, spec: &str, bytes: u64, features: &str) -> Answer {
    let (_, image) = split(spec);
    if written(state, spec)?.images.contains_key(image) {
        return refused(17, format!("rbd: create error: (17) File exists\n{image}"));
    }
    let made = state.new_image(bytes, &features.split(',').collect::<Vec<_>>());
    written(state, spec)?.images.insert(image.to_owned(), made);
    Ok(String::new())
}

fn clone(state: &mut State, parent: &str, spec: &str, features: &str) -> Answer {
    let (of, snapshot) = at(parent);
    let (pool, parent) = split(of);
    let Some(found) = state.image(of).filter(|image| image.snapshots.contains_key(snapshot)) else {
        return refused(2, format!("rbd: clone error: {ABSENT}"));
    };
    if !found.snapshots[snapshot].is_protected {
        return refused(22, "rbd: clone error: (22) Invalid argument\n");
    }
    let bytes = found.snapshots[snapshot].bytes;
    create(state, spec, bytes, features)?;
    let parent = Some((pool.to_owned(), parent.to_owned(), snapshot.to_owned()));
    change(state, spec, |image| image.parent = parent)
}

fn rename(state: &mut State, from: &str, to: &str) -> Answer {
    let ((pool, from), (other, to)) = (split(from), split(to));
    assert_eq!(pool, other, "renaming from pool to pool is not simulated");
    let images = &mut written(state, &format!("{pool}/{from}"))?.images;
    if images.contains_key(to) {
        return refused(17, "rbd: rename error: (17) File exists\n");
    }
    match images.remove(from) {
        None => refused(2, format!("rbd: rename error: {ABSENT}")),
        Some(image) => {
            images.insert(to.to_owned(), image);
            state.rename_parents(pool, from, to);
            Ok(String::new())
        }
    }
}

fn resize(state: &mut State, spec: &str, bytes: u64) -> Answer {
    match opened(state, spec)?.bytes {
        now if now == bytes => refused(22, "rbd: new size is equal to original size \n"),
        now if now > bytes => refused(22, "rbd: shrinking an image is only allowed with the --allow-shrink flag\n"),
        _ => change(state, spec, |image| image.bytes = bytes),
    }
}

fn remove(state: &mut State, spec: &str) -> Answer {
    let (_, image) = split(spec);
    let images = &mut written(state, spec)?.images;
    match images.get(image) {
        None => refused(2, format!("rbd: delete error: {ABSENT}")),
        Some(found) if !found.snapshots.is_empty() => refused(
            39,
            "rbd: image has snapshots - these must be deleted with 'rbd snap purge' before the image can be removed.\n",
        ),
        Some(found) if !found.watchers.is_empty() => refused(16, "rbd: error: image still has watchers\n"),
        Some(_) => {
            images.remove(image);
            Ok(String::new())
        }
    }
}

/// From under a client that has it open, too.
fn move_to_trash(state: &mut State, spec: &str, until: &str) -> Answer {
    let (_, image) = split(spec);
    let hours = until.strip_prefix('+').and_then(|until| until.strip_suffix(" hours")?.parse::<u64>().ok());
    let hours = hours.unwrap_or_else(|| panic!("a time such as {until} is not simulated"));
    let until_hour = state.hour + hours;
    let pool = written(state, spec)?;
    let Some(found) = pool.images.remove(image) else {
        return refused(2, format!("rbd: deferred delete error: {ABSENT}"));
    };
    pool.trash.push(Trashed { name: image.to_owned(), image: found, until_hour });
    Ok(String::new())
}

fn trash(state: &State, pool: &str) -> Answer {
    let Some(found) = state.pools.get(pool) else { return no_pool(pool) };
    let row = |trashed: &Trashed| {
        let what = if trashed.until_hour <= state.hour { "expired at" } else { "protected until" };
        let status = format!("{what} hour {}", trashed.until_hour);
        json!({ "id": trashed.image.id, "name": trashed.name, "source": "USER", "status": status })
    };
    Ok(Value::Array(found.trash.iter().map(row).collect()).to_string())
}

fn purge(state: &mut State, spec: &str) -> Answer {
    let (_, id) = split(spec);
    let hour = state.hour;
    let trash = &mut written(state, spec)?.trash;
    match trash.iter().position(|trashed| trashed.image.id == id) {
        None => refused(2, format!("rbd: remove error: {ABSENT}")),
        Some(at) if trash[at].until_hour > hour => refused(1, "Deferment time has not expired\n"),
        Some(at) => {
            trash.remove(at);
            Ok(String::new())
        }
    }
}
