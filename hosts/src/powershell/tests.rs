//! The session against a stand-in in memory that answers as it is told to, connection by connection.

use super::dial::Dial;
use super::session::{Ending, Pipes};
use super::*;
use crate::guard::NONE;
use cmdlets::{HELLO, Hello, Own, Problem, Reply, Request, Row};
use model::lock::{LockName, Mode};
use model::{Fence, ResourceId};
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// What the far side does with the next line that it reads.
#[derive(Clone)]
enum Act {
    Hello,
    /// An answer with one row of this name.
    Row(&'static str),
    Says(Problem),
    /// As it is, `ID` being the request's.
    Raw(&'static str),
    /// Takes one more line.
    Takes,
    /// Never answers.
    Hangs,
}

#[derive(Default)]
struct Far {
    connections: Mutex<VecDeque<(Vec<Act>, Ending)>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Far {
    /// Connections one after the other, each with what it does and how it ends.
    fn of(connections: impl IntoIterator<Item = (Vec<Act>, Ending)>) -> Arc<Self> {
        Arc::new(Self { connections: Mutex::new(connections.into_iter().collect()), heard: Arc::default() })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Dial for Far {
    fn dial(&self) -> BoxFuture<'_, Result<Pipes, HostError>> {
        let (acts, ending) =
            self.connections.lock().unwrap().pop_front().expect("one more connection than was scripted");
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(play(far, acts, self.heard.clone()));
        let (from, to) = tokio::io::split(near);
        Box::pin(async move {
            Ok(Pipes { to: Box::new(to), from: Box::new(from), ending: Box::pin(async move { ending }) })
        })
    }
}

async fn play(far: DuplexStream, acts: Vec<Act>, heard: Arc<Mutex<Vec<String>>>) {
    let (from, mut to) = tokio::io::split(far);
    let mut lines = BufReader::new(from).lines();
    for act in acts {
        let Ok(Some(line)) = lines.next_line().await else { return };
        heard.lock().unwrap().push(line.clone());
        let id = serde_json::from_str::<Request>(&line).map_or(0, |request| request.id);
        let answer = |rows, problem: Option<Problem>| {
            serde_json::to_string(&Reply { id, ok: problem.is_none(), rows, problem }).unwrap() + "\n"
        };
        let text = match act {
            Act::Hello => answer(vec![hello()], None),
            Act::Row(name) => answer(vec![row(name)], None),
            Act::Says(problem) => answer(Vec::new(), Some(problem)),
            Act::Raw(text) => text.replace("ID", &id.to_string()),
            Act::Takes => continue,
            Act::Hangs => std::future::pending().await,
        };
        to.write_all(text.as_bytes()).await.unwrap();
    }
}

fn hello() -> Row {
    let hello = Hello {
        version: "5.1".into(),
        os: Hello::SIMULATED.into(),
        culture: "de-DE".into(),
        now: "2026-01-01T00:00:00Z".into(),
        modules: vec!["Hyper-V 2.0.0.0".into()],
    };
    serde_json::to_value(hello).unwrap().as_object().unwrap().clone()
}

fn row(name: &str) -> Row {
    [("Name".to_owned(), name.into())].into_iter().collect()
}

fn lost() -> Ending {
    Ending { status: None, said: "Connection reset".into() }
}

fn look() -> Invocation {
    command(Invocation::looks, &Request::call("Get-VM", []).props(["Name"]))
}

fn act() -> Invocation {
    command(Invocation::acts, &Request::call("Start-VM", [("Name", "drover-7".into())]))
}

fn command(of: fn(Vec<String>) -> Invocation, request: &Request) -> Invocation {
    of(request.words()).stdin(serde_json::to_string(request).unwrap())
}

fn fences() -> Fences {
    Fences::new(r"D:\drover").with(LockName::Resource { id: ResourceId(7) }, Mode::Exclusive, Fence(5))
}

/// The deadline of what never ends.
const SOON: Duration = Duration::from_millis(300);

const FILE: &str = r"D:\drover\fences\resource+7";

fn session(far: &Arc<Far>) -> Arc<dyn Host> {
    PowerShell::over("hv-1", far.clone()).session().unwrap()
}

#[tokio::test]
async fn requests_of_a_session_go_over_one_connection() {
    let far = Far::of([(vec![Act::Hello, Act::Row("a"), Act::Row("b")], lost())]);
    let host = session(&far);
    for name in ["a", "b"] {
        assert_eq!(host.run(&look()).await.unwrap().text(), format!(r#"[{{"Name":"{name}"}}]"#));
    }
    let said: Vec<Hello> = serde_json::from_str(&host.run(&Invocation::looks([HELLO])).await.unwrap().text()).unwrap();
    assert!(said[0].is_simulated());
    let heard = far.heard();
    assert_eq!(heard[0], *super::line::FIRST);
    assert!(heard[1].starts_with(r#"{"id":1,"#) && heard[2].starts_with(r#"{"id":2,"#), "{heard:?}");
}

#[tokio::test]
async fn what_acts_goes_with_its_fences_and_a_higher_one_is_told() {
    let fenced = Problem::of(Own::Fenced { seen: 9, path: FILE });
    let far = Far::of([(vec![Act::Hello, Act::Says(fenced)], lost())]);
    let Err(HostError::Fenced { seen, fence, lock, .. }) = session(&far).run_under(&fences(), &act()).await else {
        panic!()
    };
    assert_eq!((seen, fence, lock.to_string()), (Fence(9), Fence(5), "resource/7".to_owned()));
    let sent: Request = serde_json::from_str(&far.heard()[1]).unwrap();
    assert_eq!((sent.fences[0].path.as_str(), sent.fences[0].fence), (FILE, 5));
}

#[tokio::test]
async fn a_lock_that_another_process_holds_is_waited_for_until_the_deadline() {
    let busy = || Act::Says(Problem::of(Own::Busy { path: FILE }));
    let far = Far::of([(vec![Act::Hello, busy(), busy(), Act::Row("a")], lost())]);
    session(&far).run_under(&fences(), &act()).await.unwrap();
    let far = Far::of([(vec![Act::Hello].into_iter().chain(std::iter::repeat_with(busy).take(100)).collect(), lost())]);
    let late = session(&far).run_under(&fences(), &act().deadline(SOON)).await;
    assert!(matches!(late, Err(HostError::Deadline { .. })), "{late:?}");
}

#[tokio::test]
async fn no_answer_is_an_outcome_that_is_not_known_and_the_next_command_connects_anew() {
    let far = Far::of([(vec![Act::Hello, Act::Takes], lost()), (vec![Act::Hello, Act::Row("a")], lost())]);
    let host = session(&far);
    let Err(HostError::Lost { reason, program, .. }) = host.run(&act()).await else { panic!() };
    assert_eq!((reason.as_str(), program.as_str()), ("Connection reset", "Start-VM"));
    assert!(host.run(&look()).await.is_ok());
}

#[tokio::test]
async fn an_exit_without_an_answer_is_a_failure_whatever_its_status() {
    for status in [0, 1] {
        let ending = Ending { status: Some(status), said: "Zugriff verweigert".into() };
        let far = Far::of([(vec![Act::Hello, Act::Takes], ending.clone()), (vec![Act::Takes], ending)]);
        let host = session(&far);
        for _ in 0..2 {
            let Err(HostError::Failed { status: found, stderr, .. }) = host.run(&act()).await else { panic!() };
            assert!(found == status && stderr.contains("Zugriff verweigert"), "{stderr}");
        }
    }
}

#[tokio::test]
async fn a_host_that_was_never_reached_is_unreachable() {
    let far = Far::of([(vec![Act::Takes], lost())]);
    let unreached = session(&far).run(&act()).await;
    assert!(matches!(&unreached, Err(HostError::Unreachable { reason, .. }) if reason == "Connection reset"));
}

#[tokio::test]
async fn text_beside_an_answer_is_no_answer() {
    let rows = Act::Raw("banner\nWARNING: x\n{\"ok\":true,\"rows\":[],\"id\":ID}\nafter\n");
    let far = Far::of([(vec![Act::Hello, rows, Act::Raw("{\"id\":ID,\"ok\":tr\n")], lost())]);
    let host = session(&far);
    assert_eq!(host.run(&look()).await.unwrap().text(), "[]");
    let Err(HostError::Nonsense { reason, .. }) = host.run(&look()).await else { panic!() };
    assert!(reason.contains("cut or mixed") && reason.contains("after"), "{reason}");
}

#[tokio::test]
async fn an_answer_to_another_request_or_one_that_says_both_is_none() {
    let both = r#"{"id":ID,"ok":true,"error":"x","category":"x","type":"x","text":"x"}"#;
    for wrong in [r#"{"id":77,"ok":true,"rows":[]}"#, r#"{"id":ID,"ok":false,"rows":[]}"#, both] {
        let far = Far::of([(vec![Act::Hello, Act::Raw(Box::leak(format!("{wrong}\n").into_boxed_str()))], lost())]);
        let answer = session(&far).run(&look()).await;
        assert!(matches!(answer, Err(HostError::Nonsense { .. })), "{wrong}");
    }
}

#[tokio::test]
async fn a_last_line_that_was_cut_is_no_answer() {
    let cut = Act::Raw(r#"{"id":ID,"ok":true,"rows":[]}"#);
    let far = Far::of([(vec![Act::Hello, cut], lost())]);
    let Err(HostError::Lost { reason, .. }) = session(&far).run(&act()).await else { panic!() };
    assert!(reason.contains(r#""ok":true"#), "{reason}");
}

#[tokio::test]
async fn a_deadline_ends_the_session() {
    let far = Far::of([(vec![Act::Hello, Act::Hangs], lost()), (vec![Act::Hello, Act::Row("a")], lost())]);
    let host = session(&far);
    assert!(matches!(host.run(&act().deadline(SOON)).await, Err(HostError::Deadline { .. })));
    assert!(host.run(&look()).await.is_ok());
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_not_sent() {
    let far = Far::of([]);
    let host = session(&far);
    let unknown = command(Invocation::acts, &Request::call("Wait-VM", []));
    let liar = command(Invocation::looks, &Request::call("Start-VM", [("Name", "drover-7".into())]));
    for (wrong, reason) in [(unknown, "poll Get-VM"), (liar, "only looks")] {
        let Err(HostError::Uncontracted { reason: found, .. }) = host.run(&wrong).await else { panic!() };
        assert!(found.contains(reason), "{found}");
    }
    let other = host.run(&Invocation::looks(["virsh", "list"])).await;
    assert!(matches!(other, Err(HostError::ProgramMissing { .. })));
}

#[tokio::test]
async fn a_file_goes_as_a_line_of_its_own_and_no_line_is_but_ascii() {
    let content = Act::Raw("{\"id\":ID,\"ok\":true,\"rows\":[{\"Base64\":\"Y2FuYXJ5\"}]}\n");
    let far = Far::of([(vec![Act::Hello, Act::Takes, Act::Raw("{\"id\":1,\"ok\":true}\n"), content], lost())]);
    let host = session(&far);
    let (path, secret) = (r"D:\drover\übung.iso", b"canary");
    host.put_under(&fences(), path, secret, 0o600).await.unwrap();
    assert_eq!(host.get(path).await.unwrap().as_deref(), Some(&secret[..]));
    let heard = far.heard();
    assert_eq!(heard[2], "Y2FuYXJ5");
    assert!(heard.iter().all(|line| line.is_ascii()) && heard[1].contains(r"\u00fcbung"), "{heard:?}");
}

#[tokio::test]
async fn looks_of_nobodys_share_a_session_and_find_a_lost_one_anew() {
    let far =
        Far::of([(vec![Act::Hello, Act::Row("a"), Act::Takes], lost()), (vec![Act::Hello, Act::Row("b")], lost())]);
    let host = PowerShell::over("hv-1", far.clone());
    for name in ["a", "b"] {
        let output = host.run_under(&NONE, &look()).await.unwrap();
        assert_eq!(output.text(), format!(r#"[{{"Name":"{name}"}}]"#));
    }
}
