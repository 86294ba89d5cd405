//! Batch requests: lists of any length in tens, with an answer for each entry.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
};
use pixmill_contract::error::Result;
use pixmill_contract::port::{MAX_VISIBILITY, NewMessage, Receipt};
use pixmill_contract::{Error, ErrorKind};

use super::{BATCH, seconds};
use crate::error::{of_call, of_entry};

/// Most bytes of all messages of one request: SQS's limit was this for long, and emulators have it.
const BATCH_BYTES: usize = 256 << 10;

/// Longest that a message may be delayed.
const MAX_DELAY: Duration = Duration::from_mins(15);

/// Sends messages.
pub(super) async fn send(client: &Client, url: &str, messages: Vec<NewMessage>) -> Vec<Result<()>> {
    let attempt = format!("send to {url}");
    let mut answers = Answers::new(messages.len());
    let mut chunk = Vec::new();
    let mut chunk_bytes = 0;
    for (n, message) in messages.into_iter().enumerate() {
        if message.delay > MAX_DELAY {
            let why = "a message is delayed for 15 minutes at most";
            answers.set(n, Err(Error::new(ErrorKind::Invalid, &*attempt, why)));
            continue;
        }
        let bytes = message.body.len();
        if chunk.len() == BATCH || chunk_bytes + bytes > BATCH_BYTES {
            send_chunk(client, url, &attempt, std::mem::take(&mut chunk), &mut answers).await;
            chunk_bytes = 0;
        }
        chunk_bytes += bytes;
        chunk.push((n, message));
    }
    send_chunk(client, url, &attempt, chunk, &mut answers).await;
    answers.all()
}

async fn send_chunk(
    client: &Client,
    url: &str,
    attempt: &str,
    chunk: Vec<(usize, NewMessage)>,
    answers: &mut Answers,
) {
    if chunk.is_empty() {
        return;
    }
    let places: Vec<_> = chunk.iter().map(|(n, _)| *n).collect();
    let entry = |(n, message): (usize, NewMessage)| {
        let delay = (!message.delay.is_zero()).then(|| seconds(message.delay));
        let entry = SendMessageBatchRequestEntry::builder().id(n.to_string());
        entry.message_body(message.body).set_delay_seconds(delay).build()
    };
    let entries: Result<Vec<_>, BuildError> = chunk.into_iter().map(entry).collect();
    let outcome = match entries {
        Err(error) => Err(Error::new(ErrorKind::Invalid, attempt, error)),
        Ok(entries) => {
            let call = client.send_message_batch().queue_url(url).set_entries(Some(entries));
            let sent = call.send().await.map_err(|e| of_call(attempt, &e));
            sent.map(|sent| sent.failed)
        }
    };
    answers.of_chunk(&places, attempt, outcome);
}

/// Deletes messages by their receipts.
pub(super) async fn delete(client: &Client, url: &str, receipts: Vec<Receipt>) -> Vec<Result<()>> {
    let attempt = format!("delete from {url}");
    let mut answers = Answers::new(receipts.len());
    let receipts: Vec<_> = receipts.into_iter().enumerate().collect();
    for chunk in receipts.chunks(BATCH) {
        let entry = |(n, receipt): &(usize, Receipt)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
            entry.receipt_handle(&receipt.0).build()
        };
        let entries: Result<Vec<_>, BuildError> = chunk.iter().map(entry).collect();
        let outcome = match entries {
            Err(error) => Err(Error::new(ErrorKind::Invalid, &*attempt, error)),
            Ok(entries) => {
                let call = client.delete_message_batch().queue_url(url).set_entries(Some(entries));
                call.send().await.map_err(|e| of_call(&*attempt, &e)).map(|deleted| deleted.failed)
            }
        };
        let places: Vec<_> = chunk.iter().map(|(n, _)| *n).collect();
        answers.of_chunk(&places, &attempt, outcome);
    }
    answers.all()
}

/// Hides each delivery for so long from now on.
pub(super) async fn change_visibility(
    client: &Client,
    url: &str,
    entries: Vec<(Receipt, Duration)>,
) -> Vec<Result<()>> {
    let attempt = format!("change a visibility in {url}");
    let mut answers = Answers::new(entries.len());
    let mut good = Vec::with_capacity(entries.len());
    for (n, (receipt, visibility)) in entries.into_iter().enumerate() {
        if visibility > MAX_VISIBILITY {
            let why = "a delivery stays hidden for 12 hours at most";
            answers.set(n, Err(Error::new(ErrorKind::Invalid, &*attempt, why)));
        } else {
            good.push((n, receipt, visibility));
        }
    }
    for chunk in good.chunks(BATCH) {
        let entry = |(n, receipt, visibility): &(usize, Receipt, Duration)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(n.to_string());
            entry.receipt_handle(&receipt.0).visibility_timeout(seconds(*visibility)).build()
        };
        let entries: Result<Vec<_>, BuildError> = chunk.iter().map(entry).collect();
        let outcome = match entries {
            Err(error) => Err(Error::new(ErrorKind::Invalid, &*attempt, error)),
            Ok(entries) => {
                let call = client.change_message_visibility_batch().queue_url(url);
                let changed = call.set_entries(Some(entries)).send().await;
                changed.map_err(|e| of_call(&*attempt, &e)).map(|changed| changed.failed)
            }
        };
        let places: Vec<_> = chunk.iter().map(|(n, ..)| *n).collect();
        answers.of_chunk(&places, &attempt, outcome);
    }
    answers.all()
}

/// The answers to a list, as they come to be known.
struct Answers(Vec<Result<()>>);

impl Answers {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| Ok(())).collect())
    }

    fn set(&mut self, n: usize, answer: Result<()>) {
        self.0[n] = answer;
    }

    /// Takes what one request answered: the entries that failed, or that it failed whole.
    fn of_chunk(
        &mut self,
        places: &[usize],
        attempt: &str,
        outcome: Result<Vec<BatchResultErrorEntry>>,
    ) {
        match outcome {
            Ok(failed) => {
                for entry in failed {
                    let Some(n) = places.iter().find(|n| n.to_string() == entry.id) else {
                        continue;
                    };
                    let error = of_entry(attempt, &entry.code, entry.message(), entry.sender_fault);
                    self.set(*n, Err(error));
                }
            }
            Err(error) => {
                let (kind, why) = (error.kind(), error.chain());
                for n in places {
                    self.set(*n, Err(Error::new(kind, attempt, why.clone())));
                }
            }
        }
    }

    fn all(self) -> Vec<Result<()>> {
        self.0
    }
}
