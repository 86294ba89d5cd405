//! A queue as a worker sees it, for the checker: which deliveries it was given, and of which of them
//! it was told that they are its own no more.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Delivery, Depth, NewMessage, Receipt, Receive};
use pixmill_contract::{Error, ErrorKind, Queue};
use serde_json::Value as Json;

use crate::calls::Events;

/// A queue whose answers are noted.
#[derive(Debug)]
pub(crate) struct WatchedQueue {
    pub(crate) inner: Arc<dyn Queue>,
    pub(crate) events: Arc<Events>,
    pub(crate) worker: String,
}

impl WatchedQueue {
    fn note(&self, receipts: &[Receipt], answers: &[Result<(), Error>]) {
        let lost = |answer: &Result<(), Error>| {
            answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::LeaseLost)
        };
        let told = receipts.iter().zip(answers).filter(|(_, answer)| lost(answer));
        let mut state = self.events.lock();
        told.for_each(|(receipt, _)| state.check.told_lost(&self.worker, &receipt.0));
    }
}

#[async_trait]
impl Queue for WatchedQueue {
    async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<(), Error>> {
        self.inner.send(messages).await
    }

    async fn receive(&self, request: Receive) -> Result<Vec<Delivery>> {
        let deliveries = self.inner.receive(request).await?;
        let mut state = self.events.lock();
        for delivery in &deliveries {
            let body: Json = serde_json::from_str(&delivery.body).unwrap_or_default();
            if let Some(id) = body.get("id").and_then(Json::as_str) {
                state.check.given(&self.worker, id, &delivery.receipt.0);
            }
        }
        Ok(deliveries)
    }

    async fn change_visibility(&self, entries: Vec<(Receipt, Duration)>) -> Vec<Result<(), Error>> {
        let receipts: Vec<_> = entries.iter().map(|(receipt, _)| receipt.clone()).collect();
        let answers = self.inner.change_visibility(entries).await;
        self.note(&receipts, &answers);
        answers
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Vec<Result<(), Error>> {
        self.inner.delete(receipts).await
    }

    async fn depth(&self) -> Result<Depth> {
        self.inner.depth().await
    }
}
