//! Errands whose worker is killed in the middle of an act: after any command that has done something, another worker comes to
//! the same end.

use crate::hyperv_orphans::Plot;
use crate::planted::{self, Garden, done, nobody, orphans, survey};
use futures::future::{BoxFuture, join_all};
use hosts::{Effect, Fences, Host, HostError, Invocation, Output};
use iaas::tenant::AskErrand;
use model::errand::{ErrandStatus, Sort};
use model::server::HostSettings;
use model::{OrphanId, ServerType};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::Fleet;
use testkit::fakes::ceph::Cluster;
use testkit::fakes::hyperv::Hyperv;
use testkit::fakes::kvm::Kvm;
use testkit::fleet::server;
use tokio::sync::Notify;

/// A host whose worker hears nothing any more once so many acts under a lock are done.
struct Cut {
    host: Arc<dyn Host>,
    acts: Arc<Acts>,
}

struct Acts {
    /// How many are still to be done; none are counted while it is [`NEVER`].
    left: AtomicUsize,
    reached: Notify,
}

const NEVER: usize = usize::MAX;

impl Acts {
    async fn done(&self) {
        let count = |left: usize| (left != NEVER && left > 0).then(|| left - 1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) == Ok(1) {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl Host for Cut {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn session(&self) -> Option<Arc<dyn Host>> {
        let host = self.host.session()?;
        Some(Arc::new(Self { host, acts: self.acts.clone() }))
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move {
            let result = self.host.run_under(fences, command).await;
            if command.effect == Effect::Acts {
                self.acts.done().await;
            }
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
        Box::pin(async move {
            let result = self.host.put_under(fences, path, bytes, mode).await;
            self.acts.done().await;
            result
        })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        self.host.get(path)
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            let result = self.host.remove_under(fences, path).await;
            self.acts.done().await;
            result
        })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        self.host.prune(folder, untouched)
    }
}

type Ask = fn(OrphanId) -> AskErrand;

const QUARANTINE: Ask = |orphan| AskErrand::Quarantine { orphan };
const RESTORE: Ask = |orphan| AskErrand::Restore { orphan };
const PURGE: Ask = |orphan| AskErrand::Purge { orphan, now: true };

type Words = BTreeMap<String, String>;

/// A host with something planted on it, and its words.
struct Ground {
    server_type: ServerType,
    host: Arc<dyn Host>,
    words: Box<dyn Fn() -> Words + Send + Sync>,
}

impl Ground {
    fn of(server_type: ServerType) -> Self {
        if server_type == ServerType::Hyperv {
            let host = Arc::new(Hyperv::new("host-1"));
            return Self { server_type, host: host.clone(), words: Box::new(move || host.words()) };
        }
        let cluster = Cluster::new(&["volumes"]);
        let host = Arc::new(Kvm::new("host-1").with_ceph(&cluster));
        let words = host.clone();
        let words = Box::new(move || words.words().into_iter().chain(cluster.words()).collect());
        Self { server_type, host, words }
    }

    async fn plant(&self, sort: Sort) {
        if self.server_type == ServerType::Hyperv {
            let plot = Plot::on(self.host.clone());
            match sort {
                Sort::Domain | Sort::Checkpoint => {
                    let (_, vm) = plot.vm(nobody(1), true).await;
                    plot.checkpoint(&vm, nobody(2)).await
                }
                Sort::Backup => plot.export(nobody(1), nobody(2), true).await,
                _ => plot.folder(nobody(1), &["root.vhdx", "settings.iso"]).await,
            };
            return;
        }
        let garden = Garden { host: self.host.clone(), settings: HostSettings::default() };
        match sort {
            Sort::Domain => garden.domain(nobody(1), true).await,
            Sort::Image => garden.image("volumes", nobody(1), true).await,
            _ => garden.file(Sort::Disk, nobody(1), "root.qcow2").await,
        };
    }
}

/// Whether the first worker was killed, after so many acts, and what is on the host in the end.
async fn ends(server_type: ServerType, sort: Sort, ask: Ask, acts: usize) -> (bool, Words) {
    let ground = Ground::of(server_type);
    let cut = Acts { left: AtomicUsize::new(NEVER), reached: Notify::new() };
    let cut = Cut { host: ground.host.clone(), acts: Arc::new(cut) };
    let acts_left = cut.acts.clone();
    let fleet = Fleet::setup().host(server("host-1", server_type), Some(Arc::new(cut))).start().await;
    ground.plant(sort).await;
    let cut = acts_left;
    let first = fleet.worker("first", None);
    survey(&fleet).await;
    let planted = orphans(&fleet).await.into_iter().find(|orphan| orphan.found.sort == sort);
    let orphan = planted.expect("what was planted").id;
    if matches!(ask(orphan), AskErrand::Restore { .. }) {
        done(&fleet, [QUARANTINE(orphan)]).await;
    }
    cut.left.store(acts, Ordering::SeqCst);
    let errand = fleet.client.errand_ask(&ask(orphan)).await.expect("it may be asked").id;
    let ended = async || planted::end(&fleet, errand).await;
    let was_cut = tokio::select! {
        () = cut.reached.notified() => true,
        errand = ended() => {
            assert_eq!(errand.status, ErrandStatus::Succeeded, "{errand:#?}");
            false
        }
    };
    cut.left.store(NEVER, Ordering::SeqCst);
    if was_cut {
        first.kill();
        let second = fleet.worker("second", None);
        let errand = ended().await;
        assert_eq!((errand.status, errand.attempts), (ErrandStatus::Succeeded, 2), "{errand:#?}");
        second.terminate().await;
    } else {
        first.terminate().await;
    }
    let words = (ground.words)();
    fleet.stop().await;
    (was_cut, words)
}

async fn each_act_can_be_done_again(all: &[(ServerType, Sort)]) {
    let all = all.iter().flat_map(|sort| [QUARANTINE, RESTORE, PURGE].map(|ask| (*sort, ask)));
    let cut = join_all(all.map(|((server_type, sort), ask)| async move {
        let (_, wanted) = ends(server_type, sort, ask, NEVER).await;
        let mut acts = 1;
        loop {
            let (was_cut, words) = ends(server_type, sort, ask, acts).await;
            let what = ask(OrphanId(1));
            assert_eq!(words, wanted, "{what:?} of a {sort}, killed after {acts}");
            if !was_cut {
                return acts - 1;
            }
            acts += 1;
        }
    }))
    .await;
    assert!(cut.iter().all(|acts| *acts > 0), "something was never killed: {cut:?}");
}

#[tokio::test]
async fn an_errand_that_is_killed_after_any_of_its_acts_is_done_again_to_the_same_end() {
    let kvm = [Sort::Domain, Sort::Disk].map(|sort| (ServerType::Kvm, sort));
    each_act_can_be_done_again(&[kvm[0], kvm[1], (ServerType::Ceph, Sort::Image)]).await;
}

#[tokio::test]
async fn so_is_one_on_a_hyper_v_host() {
    let sorts = [Sort::Domain, Sort::Disk, Sort::Backup, Sort::Checkpoint];
    each_act_can_be_done_again(&sorts.map(|sort| (ServerType::Hyperv, sort))).await;
}
