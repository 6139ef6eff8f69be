//! What a kernel can: tried in a network namespace that ends with the try, so that nothing is changed.

use hosts::{Command, Invocation};

/// Whether it has IPsec's ESP.
pub fn has_esp() -> Command<bool> {
    // No key: the cipher is none.
    let state = ["ip", "xfrm", "state", "add", "src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp", "spi", "0x100"];
    answered([state.as_slice(), &["mode", "tunnel", "enc", "ecb(cipher_null)", ""]].concat())
}

pub fn has_wireguard() -> Command<bool> {
    answered(vec!["ip", "link", "add", "name", "try", "type", "wireguard"])
}

/// Status 2 is the kernel's refusal.
fn answered(argv: Vec<&str>) -> Command<bool> {
    let argv = ["unshare", "--net"].into_iter().chain(argv);
    Command { invocation: Invocation::looks(argv).answers(&[0, 2]), read: |output| Ok(output.status == 0) }
}
