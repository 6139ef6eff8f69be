//! A worker that is paused between its look and its act: what it does when it comes back is refused at the host.

use crate::rig::Ground;
use futures::future::BoxFuture;
use hosts::{Effect, Fences, Host, HostError, Invocation, Output};
use model::vm::VmSpec;
use model::{Kind, ResourceId, State};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testkit::LIMIT;
use testkit::fleet::vm;
use tokio::sync::mpsc::UnboundedSender;

/// A host. The first worker that acts is stopped just before, with all of its threads, as by SIGSTOP.
struct Pausing {
    host: Arc<dyn Host>,
    met: AtomicBool,
    paused: UnboundedSender<()>,
    resume: Mutex<Receiver<()>>,
    /// What came of the command that was late.
    late: UnboundedSender<Result<(), String>>,
}

impl Host for Pausing {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move {
            if command.effect == Effect::Looks || self.met.swap(true, Ordering::SeqCst) {
                return self.host.run_under(fences, command).await;
            }
            self.paused.send(()).expect("the test waits for it");
            // A worker of a test has one thread: while this one stands still nothing is renewed.
            let _ = self.resume.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LIMIT);
            let result = self.host.run_under(fences, command).await;
            let told = result.as_ref().map(drop).map_err(ToString::to_string);
            self.late.send(told).expect("the test waits for it");
            result
        })
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        self.host.put_under(fences, path, bytes, mode)
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        self.host.get(path)
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        self.host.remove_under(fences, path)
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        self.host.prune(folder, untouched)
    }
}

#[tokio::test]
async fn a_worker_that_was_paused_before_it_acts_is_refused_by_a_phantom() {
    refused(Kind::VmPhantom, |id| format!("resource/{id}")).await;
}

#[tokio::test]
async fn a_worker_that_was_paused_before_it_acts_is_refused_by_a_kvm_host() {
    refused(Kind::VmKvm, |_| "pool/host-1/images".into()).await;
}

#[tokio::test]
async fn a_worker_that_was_paused_before_it_acts_is_refused_by_a_hyperv_host() {
    refused(Kind::VmHyperv, |_| "pool/host-1/images".into()).await;
}

/// `lock` is the first of those that the late command was to be done under.
async fn refused(kind: Kind, lock: fn(ResourceId) -> String) {
    let (paused, mut is_paused) = tokio::sync::mpsc::unbounded_channel();
    let (late, mut was_late) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, resume) = std::sync::mpsc::channel();
    let ground = Ground::of(kind);
    let (host, met, resume) = (ground.host.clone(), AtomicBool::new(false), Mutex::new(resume));
    let ground = Ground { host: Arc::new(Pausing { host, met, paused, resume, late }), ..ground };
    let fleet = ground.fleet().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    let first = fleet.worker("worker-1", None);
    tokio::time::timeout(LIMIT, is_paused.recv()).await.expect("the first worker comes to its act");

    // Another is granted the lock, builds the VM, and turns it off again.
    let second = fleet.worker("worker-2", None);
    let id = fleet.reaches::<VmSpec>(built.resource.id, State::Running).await.id;
    fleet.ask::<VmSpec>(id, State::Quiesce).await;
    let settled = fleet.reaches::<VmSpec>(id, State::Quiesced).await;
    let words = (ground.words)();

    go_on.send(()).expect("the first worker waits");
    let late =
        tokio::time::timeout(LIMIT, was_late.recv()).await.expect("it goes on").expect("it says what came of it");
    let refused = late.expect_err("the late command was carried out");
    assert!(refused.contains(&format!("of the lock {} and refused", lock(id))), "{refused}");
    assert_eq!((ground.words)(), words, "the late command did something");
    // It goes on as a worker, and writes nothing of its lost attempt.
    second.terminate().await;
    fleet.ask::<VmSpec>(id, State::Restart).await;
    let restarted = fleet.reaches::<VmSpec>(id, State::Running).await;
    assert_eq!((settled.error, restarted.error), (None, None));
    first.terminate().await;
    fleet.stop().await;
}
