//! iproute2: bridges, and beside them links, namespaces and routes. Bridges that drover made carry its name as their alias.

pub mod link;
pub mod netns;

use hosts::{Command, Invocation, Output};
use model::names;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Who made a bridge.
pub const ALIAS: &str = "drover";

/// Who made it, and that it is set aside.
pub const ALIAS_ASIDE: &str = "drover aside";

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bridge {
    #[serde(rename = "ifname")]
    pub name: String,
    #[serde(rename = "ifalias", default)]
    pub alias: Option<String>,
    flags: Vec<String>,
}

impl Bridge {
    pub fn is_up(&self) -> bool {
        self.flags.iter().any(|flag| flag == "UP")
    }

    pub fn is_ours(&self) -> bool {
        self.alias.as_deref() == Some(ALIAS)
    }

    /// Ours as well, and nobody's: in quarantine.
    pub fn is_aside(&self) -> bool {
        self.alias.as_deref() == Some(ALIAS_ASIDE)
    }
}

/// Every bridge of the host.
pub fn bridges() -> Command<Vec<Bridge>> {
    Command { invocation: Invocation::looks(["ip", "-json", "link", "show", "type", "bridge"]), read: rows }
}

/// What it lists. With nothing to list it says nothing, and for what a filter leaves out it writes empty objects.
fn rows<T: DeserializeOwned>(output: &Output) -> Result<Vec<T>, String> {
    let text = output.text();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    rows.into_iter()
        .filter(|row| row.as_object().is_none_or(|row| !row.is_empty()))
        .map(|row| serde_json::from_value(row).map_err(|error| error.to_string()))
        .collect()
}

/// How many links are plugged into a bridge, besides what carries its segment from host to host.
pub fn ports(bridge: &str) -> Command<usize> {
    let read = |output: &Output| {
        let links: Vec<link::Link> = rows(output)?;
        Ok(links.iter().filter(|link| !names::is_carrier(&link.name)).count())
    };
    Command { invocation: Invocation::looks(["ip", "-json", "link", "show", "master", bridge]), read }
}

/// A link that is plugged into a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Port {
    #[serde(rename = "ifname")]
    pub name: String,
    #[serde(rename = "ifalias", default)]
    pub alias: Option<String>,
}

/// The links that are plugged into a bridge.
pub fn plugged(bridge: &str) -> Command<Vec<Port>> {
    let read = |output: &Output| match output.text().trim() {
        "" => Ok(Vec::new()),
        text => {
            let rows: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let rows = rows.into_iter().filter(|row| row.get("ifname").is_some());
            rows.map(|row| serde_json::from_value(row).map_err(|error| error.to_string())).collect()
        }
    };
    Command { invocation: Invocation::looks(["ip", "-json", "link", "show", "master", bridge]), read }
}

pub fn add_bridge(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "add", "name", name, "type", "bridge"]))
}

/// Marks it as drover's.
pub fn claim(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "set", "dev", name, "alias", ALIAS]))
}

/// Marks it as drover's, and as set aside.
pub fn disclaim(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "set", "dev", name, "alias", ALIAS_ASIDE]))
}

pub fn down(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "set", "dev", name, "down"]))
}

pub fn up(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "set", "dev", name, "up"]))
}

pub fn delete_bridge(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "link", "delete", "dev", name, "type", "bridge"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../golden/ip-bridges.json").to_vec(), ..Output::default() };
        let bridges = rows::<Bridge>(&output).unwrap();
        assert_eq!(bridges.len(), 1);
        assert!(bridges[0].is_ours() && bridges[0].is_up() && bridges[0].name == "br-web", "{bridges:?}");
        assert_eq!(rows::<Bridge>(&Output { stdout: b"[{},{}]".to_vec(), ..Output::default() }).unwrap(), []);
        assert!(rows::<Bridge>(&Output { stdout: b"Object".to_vec(), ..Output::default() }).is_err());
    }
}
