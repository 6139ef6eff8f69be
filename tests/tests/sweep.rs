//! A Hyper-V host's session is cut at every request of every verb, before and after it is carried out, and the worker with it:
//! whoever carries the verb on comes to the same end. Between two requests that act the host stays as it is, so a cut at one
//! that looks is the cut after the last that acted; `DROVER_SWEEP=all` makes those cuts too.

use crate::free::settled;
use crate::rig::{Rig, hyperv_ground, vm_hyperv_rig, vm_hyperv_stopped_rig};
use futures::stream::{self, StreamExt};
use model::Verb;
use model::resource::Spec;
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::fakes::hyperv::{ACTS, ANY, Fault, Side, What};
use testkit::{LIMIT, eventually};

/// Which requests are counted.
fn counted() -> &'static str {
    if std::env::var_os("DROVER_SWEEP").is_some() { ANY } else { ACTS }
}

/// Brings a resource to where the verb is asked for, cuts the session there when it is to be cut, and gives how many requests
/// the verb made with what it left.
async fn run<S: Spec>(rig: &Rig<S>, verb: Verb, cut: Option<(u64, Side)>) -> (u64, BTreeMap<String, String>) {
    let (host, ground) = hyperv_ground();
    let fleet = ground.fleet().await;
    let (id, _) = rig.bring(&fleet, verb).await;
    let count = || if counted() == ANY { host.asked() } else { host.transcript().len() as u64 };
    let before = count();
    if let Some((nth, side)) = cut {
        host.order(Fault::new(counted(), nth, What::Silence(side)));
        let worker = fleet.worker("worker-1", None);
        eventually(LIMIT, &format!("{verb} comes to request {nth}"), async || {
            if host.all_happened() { Ok(()) } else { Err(count() - before) }
        })
        .await;
        worker.kill();
    }
    let worker = fleet.worker("worker-2", None);
    settled(rig, &fleet, id, verb).await;
    worker.terminate().await;
    let requests = count() - before;
    let left = ground.left(id);
    fleet.stop().await;
    (requests, left)
}

async fn sweep<S: Spec>(rig: Rig<S>) {
    let rig = &rig;
    let mut cuts = Vec::new();
    for &verb in &rig.verbs {
        let (requests, wanted) = run(rig, verb, None).await;
        assert!(requests > 0, "{verb} asks for nothing");
        println!("{} {verb}: {requests} requests, each cut twice", rig.driver.kind);
        let wanted = Arc::new(wanted);
        let all = (1..=requests).flat_map(|nth| [(nth, Side::Before), (nth, Side::After)]);
        cuts.extend(all.map(|cut| (verb, cut, wanted.clone())));
    }
    let cuts = stream::iter(cuts).map(|(verb, (nth, side), wanted)| async move {
        let (_, left) = run(rig, verb, Some((nth, side))).await;
        assert_eq!(left, *wanted, "{verb}: a cut {side:?} request {nth} left another end");
    });
    cuts.buffer_unordered(6).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn every_verb_of_vm_hyperv_ends_the_same_after_a_cut_at_each_request() {
    sweep(vm_hyperv_rig()).await;
    sweep(vm_hyperv_stopped_rig()).await;
}
