//! The queue port on a queue of SQS.
//!
//! SQS bills by the request and takes ten messages a batch. Lists are sent and deleted in tens; what
//! comes one by one, as from a worker that finishes its jobs, lingers a moment for company.

mod batch;
mod linger;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use pixmill_contract::error::Result;
use pixmill_contract::port::{Delivery, Depth, MAX_VISIBILITY, NewMessage, Receipt, Receive};
use pixmill_contract::{Error, ErrorKind, Queue, Timestamp};

use crate::error::of_call;
use crate::sdk::longer;
use linger::Lingering;

/// Most messages of one request.
pub(crate) const BATCH: usize = 10;

/// Longest wait that SQS grants one receive.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Shortest wait: a receive that does not wait at all asks some of the queue's servers only, and may
/// find nothing in a queue that has messages.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// How long single messages and single deletes wait for others to share a request with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linger {
    /// Of messages to send: somebody may be waiting for them.
    pub send: Duration,
    /// Of deletes: nobody waits for them, and their leases are renewed meanwhile.
    pub delete: Duration,
}

impl Linger {
    /// What a worker does: replies within a fifth of a second, deletes within a second.
    pub const WORKER: Self =
        Self { send: Duration::from_millis(200), delete: Duration::from_secs(1) };
}

/// A queue of SQS. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    sends: Lingering<NewMessage>,
    deletes: Lingering<Receipt>,
}

impl SqsQueue {
    /// The queue at this URL, which is not looked for until something is asked of it.
    pub fn new(client: Client, url: impl Into<String>, linger: Linger) -> Self {
        let url = url.into();
        let sends = {
            let (client, url) = (client.clone(), url.clone());
            Lingering::new(linger.send, move |messages| {
                let (client, url) = (client.clone(), url.clone());
                Box::pin(async move { batch::send(&client, &url, messages).await })
            })
        };
        let deletes = {
            let (client, url) = (client.clone(), url.clone());
            Lingering::new(linger.delete, move |receipts| {
                let (client, url) = (client.clone(), url.clone());
                Box::pin(async move { batch::delete(&client, &url, receipts).await })
            })
        };
        Self { client, url, sends, deletes }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Some of its attributes, in the order that they were asked for; nothing for one that is not
    /// set.
    pub(crate) async fn attributes(
        &self,
        names: &[QueueAttributeName],
    ) -> Result<Vec<Option<String>>> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let call = call.set_attribute_names(Some(names.to_vec()));
        let attempt = || format!("read the attributes of {}", self.url);
        let output = call.send().await.map_err(|e| of_call(attempt(), &e))?;
        let attributes = output.attributes.unwrap_or_default();
        Ok(names.iter().map(|name| attributes.get(name).cloned()).collect())
    }
}

/// A client of SQS.
pub(crate) fn client(configuration: &SdkConfig) -> Client {
    Client::new(configuration)
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<()>> {
        self.sends.call(messages).await
    }

    async fn receive(&self, request: Receive) -> Result<Vec<Delivery>> {
        let attempt = || format!("receive from {}", self.url);
        if request.visibility > MAX_VISIBILITY {
            let why = "a delivery stays hidden for 12 hours at most";
            return Err(Error::new(ErrorKind::Invalid, attempt(), why));
        }
        if request.max == 0 {
            return Ok(Vec::new());
        }
        let wait = request.wait.clamp(MIN_WAIT, MAX_WAIT);
        // Waiting is what it is asked to do.
        let timeouts = longer(self.client.config().timeout_config(), wait);
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call
            .max_number_of_messages(i32::try_from(request.max.min(BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(request.visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(aws_sdk_sqs::config::Builder::new().timeout_config(timeouts));
        let output = call.send().await.map_err(|e| of_call(attempt(), &e))?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(delivery).collect())
    }

    async fn change_visibility(&self, entries: Vec<(Receipt, Duration)>) -> Vec<Result<()>> {
        batch::change_visibility(&self.client, &self.url, entries).await
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Vec<Result<()>> {
        self.deletes.call(receipts).await
    }

    async fn depth(&self) -> Result<Depth> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let values = self.attributes(&names).await?;
        let count = |n: usize| values[n].as_ref().and_then(|v| v.parse().ok()).unwrap_or(0);
        Ok(Depth { visible: count(0), in_flight: count(1), delayed: count(2) })
    }
}

/// What came, if it has all that a delivery is made of.
fn delivery(message: aws_sdk_sqs::types::Message) -> Option<Delivery> {
    let attributes = message.attributes.unwrap_or_default();
    let number = |name| attributes.get(&name).and_then(|value| value.parse::<u64>().ok());
    let receives = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let sent_at = number(MessageSystemAttributeName::SentTimestamp).unwrap_or_default();
    Some(Delivery {
        body: message.body?,
        receipt: Receipt(message.receipt_handle?),
        receive_count: u32::try_from(receives).unwrap_or(u32::MAX),
        sent_at: Timestamp::from_millis(sent_at),
    })
}

/// Whole seconds, at least as long: SQS knows no parts of one.
pub(crate) fn seconds(time: Duration) -> i32 {
    let up = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(up).unwrap_or(i32::MAX)
}
