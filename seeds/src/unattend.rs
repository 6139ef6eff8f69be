//! What a Windows reads when it starts for the first time. The order of elements is the one that Microsoft's pages ask for.

use base64::{Engine, prelude::BASE64_STANDARD};
use model::vm::{Nic, Vm};
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// The label of what it is read from.
pub const LABEL: &str = "DROVER";

/// The name that Windows looks for at the root of a disc.
pub const FILE: &str = "Unattend.xml";

const COMPUTER_NAME_MOST: usize = 15;

/// Of the firewall's rules for remote desktop, in every language.
const REMOTE_DESKTOP: &str = "@FirewallAPI.dll,-28752";

pub fn xml(vm: &Vm) -> String {
    let specialize = [
        component("Microsoft-Windows-Shell-Setup", &shell(vm)),
        // The primary disk may be larger than the image.
        component(
            "Microsoft-Windows-Deployment",
            "      <ExtendOSPartition>\n        <Extend>true</Extend>\n      </ExtendOSPartition>\n",
        ),
        component("Microsoft-Windows-TCPIP", &interfaces(vm, addresses)),
        component("Microsoft-Windows-DNS-Client", &interfaces(vm, |nic| servers(vm, nic))),
        component(
            "Microsoft-Windows-TerminalServices-LocalSessionManager",
            "      <fDenyTSConnections>false</fDenyTSConnections>\n",
        ),
        component(
            "Networking-MPSSVC-Svc",
            &format!(
                "      <FirewallGroups>\n        <FirewallGroup wcm:action=\"add\" wcm:keyValue=\"remote-desktop\">\n          <Active>true</Active>\n          \
             <Group>{REMOTE_DESKTOP}</Group>\n          <Profile>all</Profile>\n        </FirewallGroup>\n      </FirewallGroups>\n"
            ),
        ),
    ];
    let oobe = [
        component("Microsoft-Windows-International-Core", LANGUAGE),
        component("Microsoft-Windows-Shell-Setup", &account(vm)),
    ];
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<unattend xmlns=\"urn:schemas-microsoft-com:unattend\" \
         xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\">\n  <settings pass=\"specialize\">\n{}  </settings>\n  \
         <settings pass=\"oobeSystem\">\n{}  </settings>\n</unattend>\n",
        specialize.concat(),
        oobe.concat()
    )
}

const LANGUAGE: &str = "      <InputLocale>en-US</InputLocale>\n      <SystemLocale>en-US</SystemLocale>\n      \
                        <UILanguage>en-US</UILanguage>\n      <UserLocale>en-US</UserLocale>\n";

/// Nothing when there is nothing in it.
fn component(name: &str, settings: &str) -> String {
    if settings.is_empty() {
        return String::new();
    }
    format!(
        "    <component name=\"{name}\" processorArchitecture=\"amd64\" publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" \
         versionScope=\"nonSxS\">\n{settings}    </component>\n"
    )
}

fn shell(vm: &Vm) -> String {
    format!("      <ComputerName>{}</ComputerName>\n      <TimeZone>UTC</TimeZone>\n", computer_name(vm))
}

/// What NetBIOS allows of the VM's name.
fn computer_name(vm: &Vm) -> String {
    let words: Vec<_> =
        vm.name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(COMPUTER_NAME_MOST).collect();
    let name = name.trim_end_matches('-');
    if name.bytes().any(|byte| byte.is_ascii_alphabetic()) { name.to_owned() } else { format!("vm-{}", vm.id) }
}

fn interfaces(vm: &Vm, settings: impl Fn(&Nic) -> String) -> String {
    let all: String = vm.spec.nics.iter().map(settings).collect();
    if all.is_empty() { all } else { format!("      <Interfaces>\n{all}      </Interfaces>\n") }
}

/// As Windows writes it; an interface is found by it.
fn mac(nic: &Nic) -> String {
    nic.mac.as_deref().unwrap_or_default().replace(':', "-").to_uppercase()
}

/// One of a list, told from the others by its number.
fn keyed(tag: &str, indent: &str, values: impl Iterator<Item = String>) -> String {
    let line =
        |(index, value)| format!("{indent}<{tag} wcm:action=\"add\" wcm:keyValue=\"{}\">{value}</{tag}>\n", index + 1);
    values.enumerate().map(line).collect()
}

fn addresses(nic: &Nic) -> String {
    if nic.addresses.is_empty() {
        return String::new();
    }
    let mut text = String::from("        <Interface wcm:action=\"add\">\n");
    for family in ["Ipv4Settings", "Ipv6Settings"] {
        let _ = write!(
            text,
            "          <{family}>\n            <DhcpEnabled>false</DhcpEnabled>\n            \
             <RouterDiscoveryEnabled>false</RouterDiscoveryEnabled>\n          </{family}>\n"
        );
    }
    let list = keyed("IpAddress", "            ", nic.addresses.iter().cloned());
    let _ = write!(
        text,
        "          <Identifier>{}</Identifier>\n          <UnicastIpAddresses>\n{list}          </UnicastIpAddresses>\n",
        mac(nic)
    );
    if let Some(gateway) = nic.gateway {
        let everywhere = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let _ = write!(
            text,
            "          <Routes>\n            <Route wcm:action=\"add\">\n              <Identifier>1</Identifier>\n              \
             <Metric>10</Metric>\n              <NextHopAddress>{gateway}</NextHopAddress>\n              \
             <Prefix>{everywhere}</Prefix>\n            </Route>\n          </Routes>\n"
        );
    }
    text.push_str("        </Interface>\n");
    text
}

fn servers(vm: &Vm, nic: &Nic) -> String {
    if vm.spec.dns.is_empty() {
        return String::new();
    }
    let list = keyed("IpAddress", "            ", vm.spec.dns.iter().map(ToString::to_string));
    format!(
        "        <Interface wcm:action=\"add\">\n          <Identifier>{}</Identifier>\n          \
         <DNSServerSearchOrder>\n{list}          </DNSServerSearchOrder>\n        </Interface>\n",
        mac(nic)
    )
}

fn account(vm: &Vm) -> String {
    let oobe = "      <OOBE>\n        <HideEULAPage>true</HideEULAPage>\n        <HideOnlineAccountScreens>true</HideOnlineAccountScreens>\n        \
                <ProtectYourPC>3</ProtectYourPC>\n      </OOBE>\n";
    let Some(password) = &vm.spec.admin_password else { return oobe.to_owned() };
    format!(
        "{oobe}      <UserAccounts>\n        <AdministratorPassword>\n          <Value>{}</Value>\n          \
         <PlainText>false</PlainText>\n        </AdministratorPassword>\n      </UserAccounts>\n",
        escape(veiled(password.reveal()))
    )
}

/// Not in clear is all that the format allows.
fn veiled(password: &str) -> String {
    let bytes: Vec<u8> = format!("{password}AdministratorPassword").encode_utf16().flat_map(u16::to_le_bytes).collect();
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;
    use quick_xml::events::Event;

    #[test]
    fn the_answers_are_as_the_golden_file_says_and_hold_no_password_in_clear() {
        let xml = xml(&sample::vm());
        expect_file!["../golden/Unattend.xml"].assert_eq(&xml);
        assert!(!xml.contains("Lamb"), "{xml}");
    }

    /// The names of an element's children, in order.
    fn children(xml: &str, parent: &str) -> Vec<String> {
        let mut reader = quick_xml::Reader::from_str(xml);
        let (mut path, mut found) = (Vec::new(), Vec::new());
        loop {
            match reader.read_event().expect("it is well-formed") {
                Event::Start(tag) => {
                    let name = tag.name().as_ref().to_owned();
                    if path.last().is_some_and(|last| last == parent) && !found.contains(&name) {
                        found.push(name.clone());
                    }
                    path.push(name);
                }
                Event::End(_) => drop(path.pop()),
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn elements_stand_in_the_order_that_windows_asks_for() {
        let xml = xml(&sample::vm());
        let tcpip = &xml[xml.find("Microsoft-Windows-TCPIP").unwrap()..];
        let tcpip =
            format!("<component name=\"{}", &tcpip[..tcpip.find("</component>").unwrap() + "</component>".len()]);
        let order = ["Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes"];
        assert_eq!(children(&tcpip, "Interface"), order);
        assert_eq!(children(&tcpip, "Route"), ["Identifier", "Metric", "NextHopAddress", "Prefix"]);
        assert_eq!(children(&xml, "AdministratorPassword"), ["Value", "PlainText"]);
    }

    #[test]
    fn a_computer_has_a_name_that_netbios_allows() {
        let named = |name: &str| {
            let mut vm = sample::vm();
            vm.name = name.into();
            computer_name(&vm)
        };
        assert_eq!(named("web & more"), "web-more");
        assert_eq!(named("a-very-long-name-indeed"), "a-very-long-nam");
        assert_eq!(named("  12 34 "), "vm-7");
        assert_eq!(named("ж"), "vm-7");
    }
}
