//! Checks of names and addresses that come from outside.

use std::net::IpAddr;

/// Lower-case letters, digits and dashes, not at the edges.
pub fn check_name(field: &str, name: &str, longest: usize) -> Result<(), String> {
    let inner = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if name.is_empty() || name.len() > longest || !inner || name.starts_with('-') || name.ends_with('-') {
        return Err(format!("{field} is 1 to {longest} lower-case letters, digits and dashes, not {name:?}"));
    }
    Ok(())
}

/// A link's name as the kernel takes it.
pub fn check_link(field: &str, name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if name.is_empty() || name.len() > 15 || !plain || name.starts_with(['-', '.']) {
        return Err(format!("{field} is a link's name of at most 15 letters, digits, dashes and dots, not {name:?}"));
    }
    Ok(())
}

/// What names a pool, an image, a snapshot or a user of Ceph, and means nothing else to its programs.
pub fn check_rbd(field: &str, name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) || name.starts_with(['-', '.']) {
        return Err(format!("{field} is 1 to 64 letters, digits, dashes, dots and underscores, not {name:?}"));
    }
    Ok(())
}

/// Six lower-case octets, unicast.
pub fn check_mac(mac: &str) -> Result<(), String> {
    let octets: Vec<_> = mac.split(':').collect();
    let hex =
        |octet: &&str| octet.len() == 2 && octet.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let unicast =
        octets.first().and_then(|first| u8::from_str_radix(first, 16).ok()).is_some_and(|first| first & 1 == 0);
    if octets.len() != 6 || !octets.iter().all(hex) || !unicast {
        return Err(format!("nics.mac is six lower-case octets of a unicast address, not {mac:?}"));
    }
    Ok(())
}

/// An address with its prefix length.
pub fn check_cidr(field: &str, text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("{field} is an address with a prefix length such as 10.1.0.5/24, not {text:?}");
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if prefix > longest {
        return Err(wrong());
    }
    Ok((address, prefix))
}
