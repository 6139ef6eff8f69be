//! Backups that are looked at, file by file: what is damaged is told, with what can still be restored. Nothing is touched.

use crate::backups::Ground;
use crate::planted::ended;
use iaas::tenant::AskErrand;
use model::backup::{BackupSpec, Manifest, Repository, Verified};
use model::errand::{Errand, ErrandStatus};
use model::resource::Resource;
use model::{ResourceId, State, names};

/// What an errand found: whose file, and the code of what is wrong with it.
type Damage = Vec<(ResourceId, String, String)>;

fn damage(verified: &Verified) -> Damage {
    let code = |file: &model::backup::Checked| file.error.as_ref().expect("what is wrong").code.clone();
    verified.damaged().map(|(backup, file)| (backup, file.name.clone(), code(file))).collect()
}

impl Ground {
    async fn look_at(&self, backup: ResourceId) -> Errand {
        ended(&self.fleet, [AskErrand::Verify { backup, repository: None }]).await.remove(0)
    }

    /// What is told of a backup after something was done to its repository, which is as before then.
    async fn finds(&self, backup: ResourceId, path: &str, bytes: Option<&[u8]>) -> Verified {
        let before = self.host.file(path).expect("the file");
        match bytes {
            Some(bytes) => self.host.add_file(path, bytes),
            None => self.host.lose(path),
        }
        let acted = self.host.transcript();
        let errand = self.look_at(backup).await;
        assert_eq!(self.host.transcript(), acted, "a verification has touched something");
        self.host.add_file(path, &before);
        assert_eq!(errand.status, ErrandStatus::Succeeded, "{errand:#?}");
        errand.verified.expect("what was found")
    }

    fn path(&self, backup: ResourceId, file: &str) -> String {
        format!("{}/{file}", names::backup(&self.repository, self.vm, backup))
    }

    async fn backup(&self, id: ResourceId) -> Resource<BackupSpec> {
        self.fleet.client.read(id).await.expect("the backup")
    }
}

#[tokio::test]
async fn the_link_that_is_damaged_is_told_and_what_can_still_be_restored() {
    let ground = Ground::new().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(ground.back_up().await.id);
    }
    let [a, b, c] = <[ResourceId; 3]>::try_from(made).expect("three");
    let whole = ground.look_at(c).await;
    let verified = whole.verified.expect("what was found");
    assert!(verified.is_whole() && verified.files() == 6, "{verified:#?}");
    assert_eq!(verified.restorable, [a, b, c]);
    assert_eq!(ground.backup(c).await.facts["damaged"], false);

    let row = |id, file: &str, code: &str| (id, file.to_owned(), format!("errand_verify_{code}"));
    let path = ground.path(b, "root.qcow2");
    let mut flipped = ground.host.file(&path).expect("the file");
    *flipped.last_mut().expect("a byte") ^= 1;
    let verified = ground.finds(c, &path, Some(&flipped)).await;
    assert_eq!((damage(&verified), &verified.restorable), (vec![row(b, "root.qcow2", "2305")], &vec![a]));
    let remedy = |verified: &Verified| verified.damaged().next().and_then(|(_, file)| file.error.clone());
    assert!(remedy(&verified).is_some_and(|error| error.remedy.contains("another backup")), "{verified:#?}");
    let facts = [a, b, c].map(async |id| ground.backup(id).await.facts["damaged"].clone());
    assert_eq!(futures::future::join_all(facts).await, [false, true, true]);

    let verified = ground.finds(c, &ground.path(c, "root.qcow2"), None).await;
    assert_eq!((damage(&verified), &verified.restorable), (vec![row(c, "root.qcow2", "2305")], &vec![a, b]));
    ground.fleet.stop().await;
}

#[tokio::test]
async fn a_manifest_that_is_gone_broken_or_another_one_is_a_damaged_link() {
    let ground = Ground::new().await;
    let (a, b) = (ground.back_up().await.id, ground.back_up().await.id);
    let path = ground.path(a, "manifest.json");
    let mut changed: Manifest = serde_json::from_slice(&ground.host.file(&path).expect("the file")).expect("JSON");
    changed.domain.push('\n');
    let changed = serde_json::to_vec(&changed).expect("JSON");
    for (bytes, code) in [(None, "2304"), (Some(&b"{"[..]), "2303"), (Some(&changed[..]), "2305")] {
        let verified = ground.finds(b, &path, bytes).await;
        let wanted = vec![(a, "manifest.json".to_owned(), format!("errand_verify_{code}"))];
        assert_eq!((damage(&verified), &verified.restorable), (wanted, &Vec::new()), "{verified:#?}");
    }
    // The link itself is gone, and the newest one still tells of it.
    ground.host.lose(&names::backup(&ground.repository, ground.vm, a));
    let verified = ground.look_at(b).await.verified.expect("what was found");
    assert_eq!(damage(&verified), [(a, "manifest.json".to_owned(), "errand_verify_2304".to_owned())]);
    ground.fleet.end().await;
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_no_answer() {
    let ground = Ground::with(|settings| settings.primary = Some("/mnt/vault".into())).await;
    let backup = ground.back_up().await.id;
    let elsewhere = AskErrand::Verify { backup, repository: Some(Repository::Secondary) };
    let failed = ended(&ground.fleet, [elsewhere]).await.remove(0);
    assert_eq!(failed.error.map(|error| error.code), Some("errand_verify_2300".into()));
    ground.host.lose("/mnt/vault");
    let failed = ground.look_at(backup).await;
    assert_eq!((failed.status, failed.verified), (ErrandStatus::Failed, None));
    assert_eq!(failed.error.map(|error| error.code), Some("errand_verify_2307".into()));
    assert!(!ground.backup(backup).await.facts.contains_key("damaged"));

    ground.host.add_file(&names::repository_marker("/mnt/vault", &format!("host-1-{backup}")), b"");
    ground.fleet.ask::<BackupSpec>(backup, State::Scrub).await;
    ground.fleet.reaches::<BackupSpec>(backup, State::Closed).await;
    let refused = ground.fleet.client.errand_ask(&AskErrand::Verify { backup, repository: None }).await;
    assert!(refused.is_err_and(|failure| failure.to_string().contains("nothing to verify")));
    ground.fleet.stop().await;
}
