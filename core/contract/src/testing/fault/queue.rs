//! A queue that fails on a plan.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Fault, Operation, Plan, Script, failed, lost};
use crate::error::{Error, Result};
use crate::port::{Delivery, Depth, NewMessage, Queue, Receipt, Receive};

/// What a copy's receipt has after that of the delivery it copies.
const COPY: &str = "~copy";

/// A queue that fails on a plan.
#[derive(Debug)]
pub struct FaultyQueue {
    inner: Arc<dyn Queue>,
    script: Script,
    /// Copies of deliveries that the next receives bring.
    copies: Mutex<VecDeque<Delivery>>,
    depth: Mutex<Option<Depth>>,
}

impl FaultyQueue {
    /// A good queue, and what is to happen to its calls.
    pub fn new(inner: Arc<dyn Queue>, plan: Plan) -> Self {
        Self { inner, script: Script::new(plan), copies: Mutex::default(), depth: Mutex::default() }
    }

    fn copies(&self, max: usize) -> Vec<Delivery> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let count = copies.len().min(max);
        copies.drain(..count).collect()
    }

    fn remember_copies(&self, deliveries: &[Delivery]) {
        let copies = deliveries.iter().map(|delivery| Delivery {
            receipt: Receipt(format!("{}{COPY}", delivery.receipt.0)),
            receive_count: delivery.receive_count + 1,
            ..delivery.clone()
        });
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).extend(copies);
    }
}

/// The receipt that the good queue gave out.
fn original(receipt: Receipt) -> Receipt {
    match receipt.0.strip_suffix(COPY) {
        Some(original) => Receipt(original.to_owned()),
        None => receipt,
    }
}

fn for_each(entries: usize, error: impl Fn() -> Error) -> Vec<Result<()>> {
    (0..entries).map(|_| Err(error())).collect()
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<(), Error>> {
        let count = messages.len();
        match self.script.next(Operation::Send, None).await {
            Fault::Fail(kind) => for_each(count, || failed(kind)),
            Fault::Lose => {
                drop(self.inner.send(messages).await);
                for_each(count, lost)
            }
            Fault::Duplicate => {
                drop(self.inner.send(messages.clone()).await);
                self.inner.send(messages).await
            }
            Fault::None | Fault::Delay(_) | Fault::Stale | Fault::Cut => {
                self.inner.send(messages).await
            }
        }
    }

    async fn receive(&self, request: Receive) -> Result<Vec<Delivery>> {
        let fault = self.script.next(Operation::Receive, None).await;
        if let Fault::Fail(kind) = fault {
            return Err(failed(kind));
        }
        let copies = self.copies(request.max);
        if !copies.is_empty() {
            return if fault == Fault::Lose { Err(lost()) } else { Ok(copies) };
        }
        let deliveries = self.inner.receive(request).await?;
        match fault {
            Fault::Lose => Err(lost()),
            Fault::Duplicate => {
                self.remember_copies(&deliveries);
                Ok(deliveries)
            }
            Fault::None | Fault::Fail(_) | Fault::Delay(_) | Fault::Stale | Fault::Cut => {
                Ok(deliveries)
            }
        }
    }

    async fn change_visibility(&self, entries: Vec<(Receipt, Duration)>) -> Vec<Result<(), Error>> {
        let count = entries.len();
        let entries: Vec<_> = entries.into_iter().map(|(r, v)| (original(r), v)).collect();
        match self.script.next(Operation::ChangeVisibility, None).await {
            Fault::Fail(kind) => for_each(count, || failed(kind)),
            Fault::Lose => {
                drop(self.inner.change_visibility(entries).await);
                for_each(count, lost)
            }
            Fault::Duplicate => {
                drop(self.inner.change_visibility(entries.clone()).await);
                self.inner.change_visibility(entries).await
            }
            Fault::None | Fault::Delay(_) | Fault::Stale | Fault::Cut => {
                self.inner.change_visibility(entries).await
            }
        }
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Vec<Result<(), Error>> {
        let count = receipts.len();
        let receipts: Vec<_> = receipts.into_iter().map(original).collect();
        match self.script.next(Operation::DeleteMessage, None).await {
            Fault::Fail(kind) => for_each(count, || failed(kind)),
            Fault::Lose => {
                drop(self.inner.delete(receipts).await);
                for_each(count, lost)
            }
            Fault::Duplicate => {
                drop(self.inner.delete(receipts.clone()).await);
                self.inner.delete(receipts).await
            }
            Fault::None | Fault::Delay(_) | Fault::Stale | Fault::Cut => {
                self.inner.delete(receipts).await
            }
        }
    }

    async fn depth(&self) -> Result<Depth> {
        let fault = self.script.next(Operation::Depth, None).await;
        if let Fault::Fail(kind) = fault {
            return Err(failed(kind));
        }
        let seen = *self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Fault::Stale, Some(depth)) = (fault, seen) {
            return Ok(depth);
        }
        let depth = self.inner.depth().await?;
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = Some(depth);
        if fault == Fault::Lose { Err(lost()) } else { Ok(depth) }
    }
}
