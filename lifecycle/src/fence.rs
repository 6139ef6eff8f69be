//! The check at the host: the highest fence that has touched a resource is kept beside the hardware, and a smaller one
//! is refused before its command runs. So a worker that was paused past its lease cannot act on what is now another's.

use errors::Fault;
use hosts::{Host, HostError};
use model::{Fence, ResourceId, names};

/// Refuses when the host has seen a higher fence; else leaves this one there.
pub(crate) async fn check(host: &dyn Host, storage: &str, resource: ResourceId, fence: Fence) -> Result<(), Fault> {
    let path = names::fence_file(storage, resource);
    let wrong = |error: HostError| crate::failure::of_host(error);
    let seen = host.get(&path).await.map_err(wrong)?;
    let seen = seen.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse::<i64>().ok()).unwrap_or(0);
    if seen > fence.0 {
        return Err(Fault::new(&errors::driver::HOST_FENCED)
            .hole("host", host.name())
            .hole("seen", seen)
            .hole("resource", resource)
            .hole("fence", fence));
    }
    if seen < fence.0 {
        host.put(&path, fence.to_string().as_bytes(), 0o600).await.map_err(wrong)?;
    }
    Ok(())
}
