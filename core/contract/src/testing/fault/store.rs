//! An object store that fails on a plan.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt as _;

use super::{Fault, Operation, Plan, Script, failed, lost};
use crate::error::Result;
use crate::key::Key;
use crate::port::{Etag, Listed, Meta, Object, ObjectStore, Put};

/// What a listing was asked for.
type Page = (String, Option<Key>);

/// An object store that fails on a plan.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    script: Script,
    heads: Mutex<HashMap<Key, Meta>>,
    lists: Mutex<HashMap<Page, Vec<Listed>>>,
}

impl FaultyStore {
    /// A good store, and what is to happen to its calls.
    pub fn new(inner: Arc<dyn ObjectStore>, plan: Plan) -> Self {
        Self { inner, script: Script::new(plan), heads: Mutex::default(), lists: Mutex::default() }
    }

    /// The fault of the next call, unless it is that it fails at once.
    async fn fault(&self, operation: Operation, key: Option<&Key>) -> Result<Fault> {
        match self.script.next(operation, key).await {
            Fault::Fail(kind) => Err(failed(kind)),
            fault @ (Fault::None
            | Fault::Lose
            | Fault::Delay(_)
            | Fault::Duplicate
            | Fault::Stale
            | Fault::Cut) => Ok(fault),
        }
    }
}

/// The answer of a call that had its effect.
fn answered<T>(fault: Fault, answer: Result<T>) -> Result<T> {
    if fault == Fault::Lose { Err(lost()) } else { answer }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn head(&self, key: &Key) -> Result<Meta> {
        let fault = self.fault(Operation::Head, Some(key)).await?;
        let seen = self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let (Fault::Stale, Some(meta)) = (fault, seen) {
            return Ok(meta);
        }
        let answer = self.inner.head(key).await;
        if let Ok(meta) = &answer {
            let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
            heads.insert(key.clone(), meta.clone());
        }
        answered(fault, answer)
    }

    async fn get(&self, key: &Key, only: Option<&Etag>) -> Result<Object> {
        let fault = self.fault(Operation::Get, Some(key)).await?;
        let mut object = answered(fault, self.inner.get(key, only).await)?;
        if fault == Fault::Cut {
            object.body = Box::pin(object.body.take(object.meta.size / 2));
        }
        Ok(object)
    }

    async fn put(&self, put: Put) -> Result<Etag> {
        let fault = self.fault(Operation::Put, Some(&put.key)).await?;
        if fault == Fault::Duplicate {
            drop(self.inner.put(put.clone()).await);
        }
        answered(fault, self.inner.put(put).await)
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Listed>> {
        let fault = self.fault(Operation::List, None).await?;
        let page = (prefix.to_owned(), after.cloned());
        let seen = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&page).cloned();
        if let (Fault::Stale, Some(lines)) = (fault, seen) {
            return Ok(lines);
        }
        let answer = self.inner.list(prefix, after).await;
        if let Ok(lines) = &answer {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.insert(page, lines.clone());
        }
        answered(fault, answer)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let fault = self.fault(Operation::DeleteObject, Some(key)).await?;
        if fault == Fault::Duplicate {
            drop(self.inner.delete(key).await);
        }
        answered(fault, self.inner.delete(key).await)
    }

    async fn link(&self, key: &Key, valid: Duration) -> Result<String> {
        let fault = self.fault(Operation::Link, Some(key)).await?;
        answered(fault, self.inner.link(key, valid).await)
    }
}
