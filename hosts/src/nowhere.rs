//! A host whose address cannot be read: it is not reached, and says why.

use crate::guard::Fences;
use crate::host::{Host, HostError, Invocation, Output};
use futures::future::BoxFuture;
use std::time::Duration;

pub(crate) struct Nowhere {
    pub name: String,
    pub reason: String,
}

impl Nowhere {
    fn never<'a, T: Send + 'a>(&'a self) -> BoxFuture<'a, Result<T, HostError>> {
        Box::pin(async move { Err(HostError::Unreachable { host: self.name.clone(), reason: self.reason.clone() }) })
    }
}

impl Host for Nowhere {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_under<'a>(
        &'a self,
        _fences: &'a Fences,
        _command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        self.never()
    }

    fn put_under<'a>(
        &'a self,
        _fences: &'a Fences,
        _path: &'a str,
        _bytes: &'a [u8],
        _mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        self.never()
    }

    fn get<'a>(&'a self, _path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        self.never()
    }

    fn remove_under<'a>(&'a self, _fences: &'a Fences, _path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        self.never()
    }

    fn prune<'a>(&'a self, _folder: &'a str, _untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        self.never()
    }
}
