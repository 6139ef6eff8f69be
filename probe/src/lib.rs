//! What an operator runs once on a real Hyper-V host: whether its cmdlets are as the contract says, and a throw-away VM's
//! whole life by the drivers' own requests, recorded.
//!
//! Flow: versions, the parameters of every cmdlet, then the life; each request with its answer goes into the record.
//!
//! Guarantees: nothing but the VM and the folder of the probe's own name is touched, and both are gone at the end, also of a
//! life that failed. The record holds no secret, and stand-ins for the names of host and switch.
//!
//! Assumptions: no other probe runs on the host.

mod life;
mod metadata;
mod record;
mod replay;
mod site;
mod witness;

pub use record::{Exchange, Head, Record};
pub use replay::Replay;
pub use site::Site;

use cmdlets::Hello;
use hosts::{Host, HostError};
use std::time::Duration;
use witness::Witness;

/// What is asked of a probe.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The folder where the VM's own one is made: `D:\drover`.
    pub storage: String,
    /// A virtual switch that the VM is plugged into; without one it stays unplugged.
    pub switch: Option<String>,
    /// Whether a VM is made at all.
    pub life: bool,
    /// Between two looks at what goes on.
    pub pause: Duration,
}

/// What a probe has found.
#[derive(Debug)]
pub struct Findings {
    pub hello: Hello,
    /// Where the host's cmdlets are not as the contract says.
    pub differences: Vec<String>,
    pub record: Record,
    /// Why the life came to no good end.
    pub failure: Option<HostError>,
}

/// `say` is told what is done next.
pub async fn run(host: &dyn Host, wish: &Wish, say: &(dyn Fn(&str) + Sync)) -> Result<Findings, HostError> {
    let witness = Witness::new(host, say);
    let hello = witness.hello().await?;
    let name = witness.see("the host", commands::hyperv::host::info()).await?.map(|host| host.name).unwrap_or_default();
    let differences = metadata::differences(&witness).await?;
    let failure = match wish.life {
        true => life::lead(&witness, wish).await.err(),
        false => None,
    };
    let site = Site { host: name, switch: wish.switch.clone() };
    let record = Record { head: Head::of(&hello, &wish.storage), exchanges: witness.exchanges() }.without(&site);
    Ok(Findings { hello, differences, record, failure })
}
