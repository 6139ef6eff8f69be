//! Where a machine is: `user@host`, `user@host:port`, `user@[address]:port`.

use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    pub user: String,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl SshAddress {
    /// As ssh takes them, its options behind it.
    pub(crate) fn arguments(&self) -> [String; 6] {
        ["-p".into(), self.port.to_string(), "-l".into(), self.user.clone(), "--".into(), self.host.clone()]
    }
}

impl FromStr for SshAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not user@host[:port]");
        let (user, rest) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port: u16 = port.map_or(Ok(22), str::parse).map_err(|_| wrong())?;
        // ssh would take a leading dash for an option.
        let odd = |part: &str| {
            part.is_empty() || part.starts_with('-') || part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if odd(user) || odd(host) || port == 0 {
            return Err(wrong());
        }
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_and_without_a_port() {
        let of = |text: &str| text.parse::<SshAddress>().map(|address| (address.user, address.host, address.port));
        assert_eq!(of("root@kvm-1"), Ok(("root".into(), "kvm-1".into(), 22)));
        assert_eq!(of("root@10.0.0.1:2222"), Ok(("root".into(), "10.0.0.1".into(), 2222)));
        assert_eq!(of("root@[fd00::1]:2222"), Ok(("root".into(), "fd00::1".into(), 2222)));
        assert_eq!(of("root@[fd00::1]"), Ok(("root".into(), "fd00::1".into(), 22)));
        let wrong = ["kvm-1", "root@", "@kvm-1", "root@-oProxyCommand=x", "root@kvm-1:ssh", "root@a b", "root@fd00::1"];
        for wrong in
            wrong.into_iter().chain(["root@[fd00::1]2222", "root@[]:22", "root@kvm-1:0", "root@kvm-1:70000", ""])
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
