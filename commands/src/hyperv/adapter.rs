//! A VM's network adapters, and the VLAN of each.

use super::row::{number, some, text, texts};
use super::{NO_QUESTION, acts, each, first, looks, of};
use cmdlets::{Request, Row};
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    pub id: String,
    pub name: String,
    /// In drover's way, `00:15:5d:00:70:00`; none while Hyper-V has not chosen one.
    pub mac: Option<String>,
    /// None when it is not plugged in.
    pub switch: Option<String>,
    /// What the guest says that it has.
    pub addresses: Vec<String>,
}

pub(super) const PROPS: [&str; 5] = ["Id", "Name", "MacAddress", "SwitchName", "IPAddresses"];

pub(super) fn read(row: &Row) -> Result<Adapter, String> {
    Ok(Adapter {
        id: text(row, "Id")?,
        name: text(row, "Name")?,
        mac: read_mac(&text(row, "MacAddress")?),
        switch: some(row, "SwitchName")?,
        addresses: texts(row, "IPAddresses")?,
    })
}

/// `00155D007000`, as Hyper-V writes it.
fn plain_mac(mac: &str) -> String {
    mac.replace([':', '-'], "").to_uppercase()
}

fn read_mac(text: &str) -> Option<String> {
    let plain = plain_mac(text).to_lowercase();
    let is_chosen = plain.len() == 12 && plain.is_ascii() && plain.bytes().any(|byte| byte != b'0');
    let pairs = || (0..6).map(|pair| &plain[2 * pair..2 * pair + 2]).collect::<Vec<_>>().join(":");
    is_chosen.then(pairs)
}

pub fn list(vm: &str) -> Command<Vec<Adapter>> {
    looks(&of(vm).then("Get-VMNetworkAdapter", []).props(PROPS), |output| each(output, read))
}

/// One adapter, to hand on.
fn one(vm: &str, id: &str) -> Request {
    of(vm).then("Get-VMNetworkAdapter", []).only("Id", id)
}

/// Not yet plugged in: without its VLAN it would be on another segment for a moment. Gives its identifier.
pub fn add(vm: &str, name: &str, mac: &str) -> Command<Option<String>> {
    let args = [
        ("Name", name.into()),
        ("StaticMacAddress", plain_mac(mac).into()),
        ("DeviceNaming", "On".into()),
        ("Passthru", true.into()),
    ];
    let request = of(vm).then("Add-VMNetworkAdapter", args).props(["Id"]);
    Command { invocation: acts(&request).invocation, read: |output| first(output, |row| text(row, "Id")) }
}

/// The guest may neither take another's MAC nor pose as a DHCP server or a router.
pub fn guard(vm: &str, id: &str) -> Command<()> {
    let args = [("MacAddressSpoofing", "Off".into()), ("DhcpGuard", "On".into()), ("RouterGuard", "On".into())];
    acts(&one(vm, id).then("Set-VMNetworkAdapter", args))
}

pub fn remove(vm: &str, id: &str) -> Command<()> {
    acts(&one(vm, id).then("Remove-VMNetworkAdapter", [NO_QUESTION]))
}

pub fn connect(vm: &str, id: &str, switch: &str) -> Command<()> {
    acts(&one(vm, id).then("Connect-VMNetworkAdapter", [("SwitchName", switch.into())]))
}

pub fn disconnect(vm: &str, id: &str) -> Command<()> {
    acts(&one(vm, id).then("Disconnect-VMNetworkAdapter", []))
}

/// The VLAN of what comes out untagged; none of an adapter in any other mode.
pub fn vlan(vm: &str, id: &str) -> Command<Option<u16>> {
    vlan_of(one(vm, id))
}

pub(super) fn vlan_of(adapter: Request) -> Command<Option<u16>> {
    let request = adapter.then("Get-VMNetworkAdapterVlan", []).props(["OperationMode", "AccessVlanId"]);
    looks(&request, |output| {
        let vlan = first(output, |row| Ok((text(row, "OperationMode")?, number(row, "AccessVlanId")?)))?;
        Ok(vlan.filter(|(mode, _)| mode == "Access").map(|(_, vlan)| vlan))
    })
}

pub fn set_vlan(vm: &str, id: &str, vlan: u16) -> Command<()> {
    acts(&one(vm, id).then("Set-VMNetworkAdapterVlan", [("Access", true.into()), ("VlanId", vlan.into())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_as_drover_writes_it() {
        assert_eq!(read_mac("00155D00A0FF").as_deref(), Some("00:15:5d:00:a0:ff"));
        assert_eq!(plain_mac("52:54:00:00:70:00"), "525400007000");
        // An adapter that has none yet.
        assert_eq!(read_mac("000000000000"), None);
        assert_eq!(read_mac(""), None);
    }
}
