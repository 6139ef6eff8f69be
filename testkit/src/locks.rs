//! A lock service of a fleet's own.

use secrecy::SecretString;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const WORKER: &str = "worker-of-the-test";

/// The service, and the URL that it answers at.
pub(crate) async fn start(stop: &CancellationToken) -> (locks::Locks, String) {
    let operator = "operator-of-the-test";
    let listener = service::http::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let access = locks::Access { worker: SecretString::from(WORKER), operator: SecretString::from(operator) };
    let service = locks::service(&access, "memory:").await.expect("a lock service");
    tokio::spawn(service::http::serve(listener, locks::router(service.clone()), stop.clone()));
    (service, url)
}

/// With connections of its own: those of a worker that stands still serve nobody.
pub(crate) fn client(url: &str, lease_secs: u32) -> locks::Client {
    locks::Client::new(url, SecretString::from(WORKER)).lease(Duration::from_secs(lease_secs.into()))
}
