//! A lock service of a fleet's own.

use secrecy::SecretString;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) async fn start(stop: &CancellationToken, lease_secs: u32) -> (locks::Locks, locks::Client) {
    let (worker, operator) = ("worker-of-the-test", "operator-of-the-test");
    let listener = service::http::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let access = locks::Access { worker: SecretString::from(worker), operator: SecretString::from(operator) };
    let service = locks::service(&access, "memory:").await.expect("a lock service");
    tokio::spawn(service::http::serve(listener, locks::router(service.clone()), stop.clone()));
    let client = locks::Client::new(&url, SecretString::from(worker)).lease(Duration::from_secs(lease_secs.into()));
    (service, client)
}
