//! etcd: the lock API of its version 3 over gRPC, one lease a client.

use super::Peer;
use anyhow::Result;
use futures::stream;
use http::uri::PathAndQuery;
use model::lock::LockName;
use prost::Message;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

const LEASE_SECS: i64 = 15;

/// A third into the lease, as drover's client does it.
const RENEWAL: Duration = Duration::from_secs(5);

pub struct Etcd {
    grpc: Grpc<Channel>,
    lease: i64,
    /// Of the lock that is held.
    key: Vec<u8>,
    _renewal: JoinSet<()>,
}

impl Peer for Etcd {
    async fn connect(url: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())?.tcp_nodelay(true).connect().await?;
        let mut grpc = Grpc::new(channel);
        let wish = LeaseGrant { ttl: LEASE_SECS };
        let Lease { id: lease } = call(&mut grpc, "/etcdserverpb.Lease/LeaseGrant", wish).await?;
        let renewal = renewed(grpc.clone(), lease).await?;
        Ok(Self { grpc, lease, key: Vec::new(), _renewal: renewal })
    }

    async fn acquire(&mut self, name: &LockName) -> Result<()> {
        let wish = Lock { name: name.to_string().into_bytes(), lease: self.lease };
        let Key { key } = call(&mut self.grpc, "/v3lockpb.Lock/Lock", wish).await?;
        self.key = key;
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let key = std::mem::take(&mut self.key);
        let Done {} = call(&mut self.grpc, "/v3lockpb.Lock/Unlock", Unlock { key }).await?;
        Ok(())
    }
}

async fn call<Q, A>(grpc: &mut Grpc<Channel>, path: &'static str, wish: Q) -> Result<A>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    grpc.ready().await?;
    let codec = ProstCodec::<Q, A>::default();
    Ok(grpc.unary(Request::new(wish), PathAndQuery::from_static(path), codec).await?.into_inner())
}

/// Until what it gives is dropped.
async fn renewed(mut grpc: Grpc<Channel>, id: i64) -> Result<JoinSet<()>> {
    let wishes = stream::unfold(Duration::ZERO, move |pause| async move {
        tokio::time::sleep(pause).await;
        Some((KeepAlive { id }, RENEWAL))
    });
    grpc.ready().await?;
    let path = PathAndQuery::from_static("/etcdserverpb.Lease/LeaseKeepAlive");
    let codec = ProstCodec::<KeepAlive, Lease>::default();
    let mut answers = grpc.streaming(Request::new(wishes), path, codec).await?.into_inner();
    let mut renewal = JoinSet::new();
    renewal.spawn(async move { while let Ok(Some(_)) = answers.message().await {} });
    Ok(renewal)
}

// The messages, with the fields that are used: a client generated from etcd's own files wants protoc to build, and with
// it the whole workspace would.

#[derive(Clone, PartialEq, Message)]
struct LeaseGrant {
    #[prost(int64, tag = "1")]
    ttl: i64,
}

#[derive(Clone, PartialEq, Message)]
struct KeepAlive {
    #[prost(int64, tag = "1")]
    id: i64,
}

/// The answer to both.
#[derive(Clone, PartialEq, Message)]
struct Lease {
    #[prost(int64, tag = "2")]
    id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Lock {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(int64, tag = "2")]
    lease: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Key {
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Unlock {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Done {}
