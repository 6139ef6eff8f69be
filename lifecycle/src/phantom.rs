//! The step of a phantom driver: it puts a word on the phantom host and rehearses the faults that a script asks for.

use crate::context::Context;
use crate::steps::{Acted, Look, Looked, Step, Steps};
use errors::Fault;
use hosts::{Command, Invocation};
use model::resource::Resource;
use model::vm::PhantomScript;
use std::time::Duration;

/// What a phantom verb does: each row a step, the key beneath the resource, and the word it gets; none drops the key.
pub type Rows = &'static [(&'static str, &'static str, Option<&'static str>)];

/// The whole of a phantom verb.
pub async fn carry_out<S>(
    cx: &Context,
    resource: &Resource<S>,
    script: Option<&PhantomScript>,
    rows: Rows,
) -> Result<(), Fault> {
    let mut steps = Steps::new();
    for (name, key, word) in rows {
        steps.then(Phantom {
            name,
            base: format!("{}/{}", resource.kind.resource_type(), resource.id),
            key,
            word: *word,
            script: script.cloned().unwrap_or_default(),
        });
    }
    cx.carry_out(steps).await
}

struct Phantom {
    name: &'static str,
    /// `vm/7`
    base: String,
    /// Empty for all of the resource.
    key: &'static str,
    word: Option<&'static str>,
    script: PhantomScript,
}

impl Phantom {
    fn path(&self) -> String {
        if self.key.is_empty() { self.base.clone() } else { format!("{}/{}", self.base, self.key) }
    }

    /// Fails as often as the script says; the host remembers how often it has.
    async fn fail(&self, cx: &Context) -> Result<(), Fault> {
        let path = format!("rehearsed/{}/{}", self.base, self.name);
        let failed: u32 = cx.run(get(&path)).await?.parse().unwrap_or(0);
        if self.script.fail_times.is_some_and(|times| failed >= times) {
            return cx.run(drop_all(&path)).await;
        }
        cx.run(set(&path, &(failed + 1).to_string())).await?;
        Err(Fault::new(&errors::driver::REHEARSED).hole("step", self.name))
    }
}

impl Step for Phantom {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let path = self.path();
            let found = match self.word {
                Some(word) => cx.run(get(&path)).await? == word,
                None => cx.run(list(&path)).await?.is_empty(),
            };
            Ok(Look::done_if(found))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if self.script.hang_at.as_deref() == Some(self.name) {
                std::future::pending::<()>().await;
            }
            if self.script.delay_ms > 0 {
                cx.pause(Duration::from_millis(self.script.delay_ms)).await?;
            }
            if self.script.fail_at.as_deref() == Some(self.name) {
                self.fail(cx).await?;
            }
            match self.word {
                Some(word) => cx.run(set(&self.path(), word)).await,
                None => cx.run(drop_all(&self.path())).await,
            }
        })
    }
}

fn get(key: &str) -> Command<String> {
    Command { invocation: Invocation::looks(["phantom", "get", key]), read: |output| Ok(output.text()) }
}

fn list(key: &str) -> Command<String> {
    Command { invocation: Invocation::looks(["phantom", "list", key]), read: |output| Ok(output.text()) }
}

fn set(key: &str, word: &str) -> Command<()> {
    Command::plain(Invocation::acts(["phantom", "set", key, word]))
}

fn drop_all(key: &str) -> Command<()> {
    Command::plain(Invocation::acts(["phantom", "drop", key]))
}
