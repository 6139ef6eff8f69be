//! The probe on the simulated host: it ends well, leaves nothing, and its record is the golden one.

use hosts::Host;
use probe::{Findings, Record, Wish};
use std::path::Path;
use std::time::Duration;
use testkit::fakes::hyperv::Hyperv;

fn golden() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/golden/simulated-host.jsonl");
    folder.display().to_string()
}

async fn probe(host: &Hyperv) -> Findings {
    let wish =
        Wish { storage: Hyperv::STORAGE.into(), switch: Some("trunk".into()), life: true, pause: Duration::ZERO };
    let session = host.session().unwrap();
    probe::run(session.as_ref(), &wish, &|_| {}).await.unwrap()
}

/// What was asked, and how it was answered: without what differs from run to run.
fn outline(record: &Record) -> Vec<String> {
    let fields = |exchange: &probe::Exchange| match &exchange.rows {
        Some(rows) => {
            rows.iter().map(|row| row.keys().cloned().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
        }
        None => exchange.error.clone().unwrap_or_default(),
    };
    record.exchanges.iter().map(|exchange| format!("{}: {}", exchange.step, fields(exchange))).collect()
}

/// `UPDATE_EXPECT=1 cargo test -p testkit --test probe` records anew.
#[tokio::test]
async fn a_throw_away_vm_lives_and_goes_and_its_record_is_kept() {
    let host = Hyperv::new("hv-acme-1");
    let before = host.words();
    let findings = probe(&host).await;
    assert!(findings.failure.is_none(), "{:?}", findings.failure);
    assert_eq!(findings.differences, Vec::<String>::new());
    assert_eq!(host.words(), before, "what it left");
    let text = findings.record.text();
    assert!(!text.contains("acme") && text.lines().next().unwrap().contains("simulated host"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(golden(), &text).unwrap();
    }
    let kept = Record::read(&std::fs::read_to_string(golden()).unwrap()).unwrap();
    assert_eq!(outline(&findings.record), outline(&kept));
}

#[tokio::test]
async fn a_vm_of_the_probes_name_that_is_somebody_elses_stays() {
    let host = Hyperv::new("hv-1");
    host.add_vm("drover-probe", "of the bookkeeper");
    let findings = probe(&host).await;
    assert!(findings.failure.unwrap().to_string().contains("not the probe's"));
    assert!(host.state("drover-probe").is_some());
}
