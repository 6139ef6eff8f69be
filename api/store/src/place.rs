//! Where a resource stands: a pure function from servers and a wish to a choice, or to each server's failing check.

use iaas::problem::PlacementCheck;
use model::image::Format;
use model::server::{Capacity, ServerSpec};
use model::{Kind, ResourceType, ServerId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    pub resource: ResourceType,
    pub takes: Capacity,
    pub labels: &'a BTreeMap<String, String>,
    /// Of a VM: its image's.
    pub format: Option<Format>,
}

/// A server that may hold it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub id: ServerId,
    pub spec: &'a ServerSpec,
    pub used: Capacity,
    /// Whether its worker was seen lately.
    pub seen: bool,
}

/// The server with the most free memory of those that fit, servers with a living worker first; else why each does not fit.
pub fn place<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    want: &Want<'_>,
) -> Result<(ServerId, Kind), Vec<PlacementCheck>> {
    let mut best = None;
    let mut checks = Vec::new();
    for candidate in candidates {
        match fit(&candidate, want) {
            Ok(kind) => {
                let free = candidate.spec.ram_mb.saturating_sub(candidate.used.ram_mb);
                let rank = (candidate.seen, free, Reverse(candidate.id));
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, kind));
                }
            }
            Err(check) => checks.push((candidate.id, check)),
        }
    }
    match best {
        Some(((_, _, Reverse(id)), kind)) => Ok((id, kind)),
        None => {
            checks.sort_by_key(|(id, _)| *id);
            Err(checks.into_iter().map(|(_, check)| check).collect())
        }
    }
}

/// The kind that the resource is on this server, or the first check that fails.
pub fn fit(candidate: &Candidate<'_>, want: &Want<'_>) -> Result<Kind, PlacementCheck> {
    let spec = candidate.spec;
    let fails = |check: &str, wanted: String, found: String| PlacementCheck {
        server: spec.name.clone(),
        check: check.to_owned(),
        wanted,
        found,
    };
    let Some(kind) = Kind::of(want.resource, spec.server_type) else {
        return Err(fails("type", format!("one that holds a {}", want.resource), spec.server_type.to_string()));
    };
    if let Some(format) = want.format.filter(|format| !format.fits(spec.server_type)) {
        return Err(fails("image", format!("a server that takes {}", format.word()), spec.server_type.to_string()));
    }
    if !spec.enabled {
        return Err(fails("enabled", "true".into(), "false".into()));
    }
    for (key, value) in want.labels {
        let found = spec.labels.get(key);
        if found != Some(value) {
            let found = found.map_or("none", String::as_str);
            return Err(fails(&format!("label {key}"), value.clone(), found.to_owned()));
        }
    }
    let Capacity { cores, ram_mb, gb } = want.takes;
    let amounts = [
        ("cores", u64::from(cores), u64::from(candidate.used.cores), u64::from(spec.cores)),
        ("ram_mb", ram_mb, candidate.used.ram_mb, spec.ram_mb),
        ("gb", gb, candidate.used.gb, spec.gb),
    ];
    for (check, wanted, used, total) in amounts {
        if wanted > total.saturating_sub(used) {
            let found = format!("{} free of {total}", total.saturating_sub(used));
            return Err(fails(check, wanted.to_string(), found));
        }
    }
    Ok(kind)
}

/// The checks in one line, the first ten of them.
pub(crate) fn line(checks: &[PlacementCheck]) -> String {
    const SHOWN: usize = 10;
    if checks.is_empty() {
        return "there is no server".into();
    }
    let one = |check: &PlacementCheck| {
        let PlacementCheck { server, check, wanted, found } = check;
        format!("{server}: {check} wanted {wanted}, found {found}")
    };
    let mut text = checks.iter().take(SHOWN).map(one).collect::<Vec<_>>().join("; ");
    if checks.len() > SHOWN {
        text.push_str(&format!("; and {} more", checks.len() - SHOWN));
    }
    text
}
