//! A lock service on a loopback port, on a clock that the test moves, and clients of it.

use axum::Router;
use locks::clock::{Clock, Hand};
use locks::wire::Lock;
use locks::{Access, Client, Locks, Owner, Place};
use model::TaskId;
use model::lock::LockName;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub const WORKER: &str = "worker-token";
pub const OPERATOR: &str = "operator-token";

/// No test waits longer for anything.
const LIMIT: Duration = Duration::from_secs(20);

pub const WAIT: Duration = Duration::from_secs(60);

pub struct Fleet {
    pub locks: Locks,
    pub address: SocketAddr,
    pub clock: Clock,
    pub hand: Hand,
    /// Of its own, so that the service can be killed with its connections.
    runtime: Option<Runtime>,
}

pub fn access() -> Access {
    Access { worker: WORKER.into(), operator: OPERATOR.into() }
}

impl Fleet {
    pub async fn start() -> Self {
        let (clock, hand) = Clock::manual();
        Self::start_at(Place::Memory, "127.0.0.1:0", clock, hand).await
    }

    /// At an address, so that clients find it again.
    pub async fn start_at(place: Place, address: &str, clock: Clock, hand: Hand) -> Self {
        let locks = Locks::new(&access(), clock.clone(), place).await.expect("it opens");
        let runtime = Runtime::new().expect("a runtime");
        let router: Router = locks::router(locks.clone());
        let address = address.to_owned();
        let serving = runtime.spawn(async move {
            let listener = TcpListener::bind(address).await.expect("a free port");
            let address = listener.local_addr().expect("its address");
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        let address = serving.await.expect("it serves");
        Self { locks, address, clock, hand, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A worker's client on the service's clock.
    pub fn worker(&self) -> Client {
        Client::new(&self.url(), SecretString::from(WORKER)).clock(self.clock.clone())
    }

    pub fn operator(&self) -> Client {
        Client::new(&self.url(), SecretString::from(OPERATOR))
    }

    /// Looks at a lock until it is as wished.
    pub async fn until(&self, name: &LockName, wished: impl Fn(Option<&Lock>) -> bool) {
        let operator = self.operator();
        let looking = async {
            loop {
                let lock = operator.show(name).await.ok();
                if wished(lock.as_ref()) {
                    return;
                }
            }
        };
        if tokio::time::timeout(LIMIT, looking).await.is_err() {
            panic!("{name} did not become what was wished: {:?}", operator.show(name).await);
        }
    }

    pub async fn until_waiters(&self, name: &LockName, count: usize) {
        self.until(name, |lock| lock.is_some_and(|lock| lock.waiters.len() == count)).await;
    }

    /// Ends the service as a crash does: listener and connections are gone.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.kill();
    }
}

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("it happens soon")
}

pub fn owner(task: i64) -> Owner {
    Owner { task: TaskId(task), attempt: 1, worker: format!("w-{task}"), host: "kvm-1".into(), step: String::new() }
}

pub fn name(text: &str) -> LockName {
    text.parse().expect("a lock name")
}
