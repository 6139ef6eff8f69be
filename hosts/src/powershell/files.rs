//! Files on a Windows host, as requests.

use super::kept::Kept;
use crate::guard::{self, Fences};
use crate::host::{Host, HostError, Invocation};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cmdlets::{HELLO, Hello, ITSELF, Request, Row, Step};
use model::Moment;
use std::time::Duration;

/// A file of some megabytes over a slow line.
const LIMIT: Duration = Duration::from_secs(300);

pub async fn put(host: &Kept, fences: &Fences, path: &str, bytes: &[u8]) -> Result<(), HostError> {
    let request = Request { steps: vec![Step::Put { path: path.to_owned() }], ..Request::default() };
    let content = BASE64_STANDARD.encode(bytes);
    act(host, fences, request, &[&content]).await
}

pub async fn get(host: &Kept, path: &str) -> Result<Option<Vec<u8>>, HostError> {
    let request = Request { steps: vec![Step::Get { path: path.to_owned() }], ..Request::default() };
    let rows = look(host, request.props(["Base64"])).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let content = BASE64_STANDARD.decode(text(row, "Base64")).map_err(|error| HostError::Nonsense {
        host: host.name().to_owned(),
        program: "get".into(),
        line: format!("get {path}"),
        reason: error.to_string(),
    })?;
    Ok(Some(content))
}

/// A file or an empty folder.
pub async fn remove(host: &Kept, fences: &Fences, path: &str) -> Result<(), HostError> {
    if !exists(host, path).await? {
        return Ok(());
    }
    let args = [("LiteralPath", path.into()), ("Force", true.into()), ("Confirm", false.into())];
    act(host, fences, Request::call("Remove-Item", args), &[]).await
}

/// Old by the host's own clock. What is in use stays, and so does what cannot be removed.
pub async fn prune(host: &Kept, fences: &Fences, folder: &str, untouched: Duration) -> Result<(), HostError> {
    let folder = folder.replace('/', r"\");
    if !exists(host, &folder).await? {
        return Ok(());
    }
    let output = host.run(&Invocation::looks([HELLO])).await?;
    let hello: Option<Hello> = serde_json::from_slice::<Vec<Hello>>(&output.stdout).ok().and_then(|mut all| all.pop());
    let now: Option<Moment> = hello.and_then(|hello| hello.now.parse().ok());
    let args = [("LiteralPath", folder.as_str().into()), ("File", true.into())];
    let files = look(host, Request::call("Get-ChildItem", args).props(["FullName", "LastWriteTimeUtc"])).await?;
    for file in files {
        let written = text(&file, "LastWriteTimeUtc").parse::<Moment>().ok();
        let is_old = now
            .zip(written)
            .is_some_and(|(now, written)| now.duration_since(written) > untouched.try_into().unwrap_or_default());
        if is_old {
            match remove(host, fences, text(&file, "FullName")).await {
                Ok(()) | Err(HostError::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn exists(host: &Kept, path: &str) -> Result<bool, HostError> {
    let rows = look(host, Request::call("Test-Path", [("LiteralPath", path.into())]).props([ITSELF])).await?;
    Ok(rows.first().is_some_and(|row| row.get(ITSELF) == Some(&true.into())))
}

async fn look(host: &Kept, request: Request) -> Result<Vec<Row>, HostError> {
    let command = Invocation::looks(request.words()).deadline(LIMIT);
    host.ask(&guard::NONE, &command, request, &[]).await
}

async fn act(host: &Kept, fences: &Fences, request: Request, puts: &[&str]) -> Result<(), HostError> {
    let command = Invocation::acts(request.words()).deadline(LIMIT);
    host.ask(fences, &command, request, puts).await.map(drop)
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(|value| value.as_str()).unwrap_or_default()
}
