//! Every record of a host, real or simulated, played again: the drivers' readers take what it answered, and its requests are
//! as the contract knows them.

use probe::{Record, Replay, Site, Wish, run};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn records() -> Vec<(PathBuf, Record)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let record = Record::read(&std::fs::read_to_string(&path).unwrap());
            (path.clone(), record.unwrap_or_else(|why| panic!("{}: {why}", path.display())))
        })
        .collect()
}

#[tokio::test]
async fn a_record_plays_again_to_its_end() {
    for (path, record) in records() {
        let plugged = record.exchanges.iter().any(|exchange| exchange.step == "plug the adapter in");
        let life = record.exchanges.iter().any(|exchange| exchange.step == "make the VM");
        let wish = Wish {
            storage: record.head.storage.clone(),
            switch: plugged.then(|| Site::SWITCH.into()),
            life,
            pause: Duration::ZERO,
        };
        let replay = Replay::new(record.clone());
        let findings = run(&replay, &wish, &|_| {}).await.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert!(findings.failure.is_none(), "{}: {:?}", path.display(), findings.failure);
        assert_eq!(replay.left(), 0, "{}", path.display());
        // An error's words are its transport's.
        let answers = |record: Record| record.exchanges.into_iter().map(|exchange| (exchange.step, exchange.rows));
        assert!(answers(findings.record).eq(answers(record)), "{}", path.display());
    }
}

#[test]
fn every_recorded_request_is_in_the_contract() {
    for (path, record) in records() {
        for exchange in record.exchanges {
            cmdlets::check(&exchange.request).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
}

#[test]
fn a_record_of_what_only_behaves_like_a_host_says_so() {
    for (path, record) in records() {
        let is_named = path.file_stem().is_some_and(|name| name.to_string_lossy().contains("simulated-host"));
        assert_eq!(record.head.hello.is_simulated(), is_named, "{}", path.display());
    }
}
