//! A block volume in a Ceph pool.

use crate::kinds::{UnknownWord, words};
use crate::resource::Spec;
use crate::server::Capacity;
use crate::{ResourceId, ResourceType, names};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

pub type Ceph = crate::resource::Resource<CephSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CephSpec {
    pub gb: u64,
    pub pool: String,
    /// Of the image, as `rbd` names them.
    #[serde(default = "usual_features")]
    pub features: Vec<Feature>,
    /// The protected snapshot that it starts as; empty without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<Parent>,
    /// The VM it is attached to.
    #[serde(default)]
    pub vm: Option<ResourceId>,
}

/// A protected snapshot of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    pub pool: String,
    pub image: String,
    pub snapshot: String,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.pool, self.image, self.snapshot)
    }
}

/// Reads `pool/image@snapshot`.
impl FromStr for Parent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(image, snapshot)| Some((image.split_once('/')?, snapshot)));
        let ((pool, image), snapshot) = parts.ok_or("a snapshot is named pool/image@snapshot")?;
        Ok(Self { pool: pool.into(), image: image.into(), snapshot: snapshot.into() })
    }
}

words! {
    /// What an RBD image can do.
    Feature {
        Layering = "layering",
        /// One client writes at a time: what makes it safe to take a volume from a client that crashed.
        ExclusiveLock = "exclusive-lock",
        ObjectMap = "object-map",
        FastDiff = "fast-diff",
        DeepFlatten = "deep-flatten",
    }
}

impl Feature {
    /// The feature that this one stands on.
    const fn needs(self) -> Option<Self> {
        match self {
            Self::ObjectMap => Some(Self::ExclusiveLock),
            Self::FastDiff => Some(Self::ObjectMap),
            Self::Layering | Self::ExclusiveLock | Self::DeepFlatten => None,
        }
    }
}

/// Those that `rbd create` gives an image by itself.
pub fn usual_features() -> Vec<Feature> {
    Feature::ALL.to_vec()
}

impl Spec for CephSpec {
    const TYPE: ResourceType = ResourceType::Ceph;

    fn check(&self) -> Result<(), String> {
        if self.gb == 0 {
            return Err("gb is at least 1".into());
        }
        names::check_rbd("pool", &self.pool)?;
        if !self.features.contains(&Feature::ExclusiveLock) {
            return Err("features: exclusive-lock is always one of them".into());
        }
        for feature in &self.features {
            if let Some(needed) = feature.needs().filter(|needed| !self.features.contains(needed)) {
                return Err(format!("features: {feature} needs {needed}"));
            }
        }
        let Some(parent) = &self.clone else { return Ok(()) };
        if !self.features.contains(&Feature::Layering) {
            return Err("features: a clone needs layering".into());
        }
        names::check_rbd("clone.pool", &parent.pool)?;
        names::check_rbd("clone.image", &parent.image)?;
        names::check_rbd("clone.snapshot", &parent.snapshot)
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if next.gb < self.gb {
            return Err(format!("gb cannot shrink from {} to {}", self.gb, next.gb));
        }
        if (&self.pool, &self.features, &self.clone) != (&next.pool, &next.features, &next.clone) {
            return Err("pool, features and clone cannot be changed: build another volume".into());
        }
        match (self.vm, next.vm) {
            (Some(from), Some(to)) if from != to => {
                Err(format!("vm cannot go from {from} to {to} at once: detach it first"))
            }
            _ => Ok(()),
        }
    }

    fn takes(&self) -> Capacity {
        Capacity { gb: self.gb, ..Capacity::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(change: Value) -> CephSpec {
        let mut spec = json!({ "gb": 1, "pool": "volumes" });
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_volume_can_be_taken_from_a_client_that_crashed() {
        assert_eq!(spec(json!({})).check(), Ok(()));
        assert_eq!(spec(json!({ "features": ["exclusive-lock"] })).check(), Ok(()));
        for features in [json!([]), json!(["layering"]), json!(["exclusive-lock", "fast-diff"])] {
            assert!(spec(json!({ "features": features })).check().is_err(), "{features}");
        }
    }

    #[test]
    fn a_clone_needs_layering_and_plain_names() {
        let parent = json!({ "pool": "volumes", "image": "debian", "snapshot": "base" });
        assert_eq!(spec(json!({ "clone": parent })).check(), Ok(()));
        let text = "volumes/debian@base";
        assert_eq!(text.parse::<Parent>().map(|parent| parent.to_string()), Ok(text.to_owned()));
        assert!("debian@base".parse::<Parent>().is_err());
        assert!(spec(json!({ "clone": parent, "features": ["exclusive-lock"] })).check().is_err());
        let odd = json!({ "pool": "volumes", "image": "debian@base", "snapshot": "base" });
        assert!(spec(json!({ "clone": odd })).check().is_err());
        for pool in ["", "a/b", "-a", "a b"] {
            assert!(spec(json!({ "pool": pool })).check().is_err(), "{pool}");
        }
    }

    #[test]
    fn it_grows_and_it_goes_from_vm_to_vm_by_way_of_none() {
        let at = |gb: u64, vm: Option<i64>| spec(json!({ "gb": gb, "vm": vm }));
        assert_eq!(at(1, None).check_change(&at(2, Some(7))), Ok(()));
        assert_eq!(at(1, Some(7)).check_change(&at(1, None)), Ok(()));
        assert!(at(2, None).check_change(&at(1, None)).is_err());
        assert!(at(1, Some(7)).check_change(&at(1, Some(8))).is_err());
        assert!(at(1, None).check_change(&spec(json!({ "pool": "other" }))).is_err());
    }
}
