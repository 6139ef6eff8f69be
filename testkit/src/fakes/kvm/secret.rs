//! `virsh secret-...`: values by number, in base 64.

use super::state::{Answer, State, refused};
use super::xml::Node;

#[derive(Clone, Debug, Default)]
pub(super) struct Secret {
    usage: String,
    pub value: Option<String>,
}

fn absent(uuid: &str) -> Answer {
    refused(
        1,
        format!(
            "error: failed to get secret '{uuid}'\nerror: Secret not found: no secret with matching uuid '{uuid}'\n"
        ),
    )
}

pub(super) fn dumpxml(state: &State, uuid: &str) -> Answer {
    let Some(secret) = state.secrets.get(uuid) else { return absent(uuid) };
    let mut xml = Node::new("secret").with("ephemeral", "no").with("private", "no");
    xml.children.push(Node::new("uuid").saying(uuid));
    let mut usage = Node::new("usage").with("type", "ceph");
    usage.children.push(Node::new("name").saying(&secret.usage));
    xml.children.push(usage);
    Ok(xml.write())
}

pub(super) fn value(state: &State, uuid: &str) -> Answer {
    let Some(secret) = state.secrets.get(uuid) else { return absent(uuid) };
    match &secret.value {
        Some(value) => Ok(value.clone()),
        None => refused(1, format!("error: Secret not found: secret '{uuid}' does not have a value\n")),
    }
}

pub(super) fn define(state: &mut State, text: &str) -> Answer {
    let xml = Node::read(text).unwrap_or_else(|reason| panic!("the secret is no XML: {reason}"));
    let of = |node: &Node, name: &str| node.child(name).map(|child| child.text.clone()).unwrap_or_default();
    let uuid = of(&xml, "uuid");
    let usage = xml.child("usage").map(|usage| of(usage, "name")).unwrap_or_default();
    if let Some((other, _)) = state.secrets.iter().find(|(other, secret)| **other != uuid && secret.usage == usage) {
        let why = format!("a secret with UUID {other} already defined for use with {usage}");
        return refused(1, format!("error: Failed to set attributes from /dev/stdin\nerror: internal error: {why}\n"));
    }
    state.secrets.entry(uuid).or_default().usage = usage;
    Ok(String::new())
}

pub(super) fn set_value(state: &mut State, uuid: &str, value: &str) -> Answer {
    match state.secrets.get_mut(uuid) {
        None => absent(uuid),
        Some(secret) => {
            secret.value = Some(value.trim().to_owned());
            Ok(String::new())
        }
    }
}

pub(super) fn undefine(state: &mut State, uuid: &str) -> Answer {
    state.secrets.remove(uuid).map_or_else(|| absent(uuid), |_| Ok(String::new()))
}
