//! `drover router`

use super::Session;
use super::resource::{self, Any, New, Switch};
use clap::Subcommand;
use model::ServerId;
use model::virtual_router::pair::Pair;
use model::virtual_router::{Segment, VirtualRouterSpec};

#[derive(Debug, Subcommand)]
pub enum Router {
    /// Build a project's router
    Create {
        #[command(flatten)]
        new: New,
        /// A private segment and the router's address on it: web=10.1.0.1/24; may be given again
        #[arg(long = "segment", value_name = "NAME=CIDR", value_parser = segment)]
        segments: Vec<Segment>,
        /// The server it must stand on
        #[arg(long, value_name = "ID")]
        server: Option<ServerId>,
        /// The public IPv4 address with prefix length: 203.0.113.7/24
        #[arg(long, value_name = "CIDR")]
        address: Option<String>,
        /// Have a second node take over when the first one fails; it needs a public address
        #[arg(long)]
        pair: bool,
    },
    #[command(flatten)]
    Any(Any),
    #[command(flatten)]
    Switch(Switch),
}

fn segment(text: &str) -> Result<Segment, String> {
    let (name, address) = text.split_once('=').ok_or("a segment is NAME=CIDR")?;
    model::names::check_cidr("segment", address)?;
    Ok(Segment { name: name.to_owned(), id: None, address: address.to_owned(), address_v6: None, dhcp: true })
}

pub async fn run(session: &Session, command: Router) -> anyhow::Result<()> {
    match command {
        Router::Create { new, segments, server, address, pair } => {
            let pair = pair.then(Pair::default);
            let spec = VirtualRouterSpec { segments, server, address, pair, ..VirtualRouterSpec::default() };
            new.create(session, || Ok(spec)).await
        }
        Router::Any(command) => resource::any::<VirtualRouterSpec>(session, command).await,
        Router::Switch(command) => resource::switch::<VirtualRouterSpec>(session, command).await,
    }
}
