//! Batch requests: lists of any length in tens, some at once, with an answer for each entry.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry as VisibilityEntry,
    DeleteMessageBatchRequestEntry as DeleteEntry, SendMessageBatchRequestEntry as SendEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pixmill_contract::error::Result;
use pixmill_contract::port::{MAX_VISIBILITY, NewMessage, Receipt};
use pixmill_contract::{Error, ErrorKind};
use tokio::task::JoinSet;

use super::{BATCH, seconds};
use crate::error::{of_call, of_entry};

/// Most bytes of all messages of one request: SQS's limit was this for long, and emulators have it.
const BATCH_BYTES: usize = 256 << 10;

/// Requests of one list that run at once: enough that a long list is not one round trip after the
/// other, few enough that their bodies and connections do not count.
const AT_ONCE: usize = 8;

/// Longest that a message may be delayed.
const MAX_DELAY: Duration = Duration::from_mins(15);

/// Why building an entry cannot fail.
const COMPLETE: &str = "an entry is built with all that it needs";

/// Sends messages. One that SQS would refuse is refused here, since it might take its whole request
/// with it.
pub(super) async fn send(client: &Client, url: &str, messages: Vec<NewMessage>) -> Vec<Result<()>> {
    let mut answers = Answers::new(format!("send to {url}"), messages.len());
    let good = answers.refuse(messages, |message| {
        if message.delay > MAX_DELAY {
            Some("a message is delayed for 15 minutes at most")
        } else {
            refused(&message.body)
        }
    });
    let entry = |(n, message): (usize, NewMessage)| {
        let delay = (!message.delay.is_zero()).then(|| seconds(message.delay));
        let entry = SendEntry::builder().id(n.to_string()).message_body(message.body);
        entry.set_delay_seconds(delay).build().expect(COMPLETE)
    };
    let request = |chunk: Chunk<NewMessage>| {
        let entries = chunk.into_iter().map(entry).collect();
        let call = client.send_message_batch().queue_url(url).set_entries(Some(entries));
        async {
            let sent = call.send().await?;
            Ok((sent.successful.into_iter().map(|entry| entry.id).collect(), sent.failed))
        }
    };
    answers.ask(chunks(good, |message| message.body.len()), request).await;
    answers.all()
}

/// Deletes messages by their receipts.
pub(super) async fn delete(client: &Client, url: &str, receipts: Vec<Receipt>) -> Vec<Result<()>> {
    let mut answers = Answers::new(format!("delete from {url}"), receipts.len());
    let entry = |(n, receipt): (usize, Receipt)| {
        let entry = DeleteEntry::builder().id(n.to_string()).receipt_handle(receipt.0);
        entry.build().expect(COMPLETE)
    };
    let request = |chunk: Chunk<Receipt>| {
        let entries = chunk.into_iter().map(entry).collect();
        let call = client.delete_message_batch().queue_url(url).set_entries(Some(entries));
        async {
            let gone = call.send().await?;
            Ok((gone.successful.into_iter().map(|entry| entry.id).collect(), gone.failed))
        }
    };
    answers.ask(chunks(receipts.into_iter().enumerate().collect(), |_| 0), request).await;
    answers.all()
}

/// Hides each delivery for so long from now on.
pub(super) async fn change_visibility(
    client: &Client,
    url: &str,
    entries: Vec<(Receipt, Duration)>,
) -> Vec<Result<()>> {
    let mut answers = Answers::new(format!("change a visibility in {url}"), entries.len());
    let good = answers.refuse(entries, |(_, visibility)| {
        (*visibility > MAX_VISIBILITY).then_some("a delivery stays hidden for 12 hours at most")
    });
    let entry = |(n, (receipt, visibility)): (usize, (Receipt, Duration))| {
        let entry = VisibilityEntry::builder().id(n.to_string()).receipt_handle(receipt.0);
        entry.visibility_timeout(seconds(visibility)).build().expect(COMPLETE)
    };
    let request = |chunk: Chunk<(Receipt, Duration)>| {
        let entries = chunk.into_iter().map(entry).collect();
        let call = client.change_message_visibility_batch().queue_url(url);
        let call = call.set_entries(Some(entries));
        async {
            let hid = call.send().await?;
            Ok((hid.successful.into_iter().map(|entry| entry.id).collect(), hid.failed))
        }
    };
    answers.ask(chunks(good, |_| 0), request).await;
    answers.all()
}

/// Why SQS would refuse a body: it takes what XML 1.0 can hold, and nothing that is empty.
fn refused(body: &str) -> Option<&'static str> {
    let bad = |c: char| {
        let is_control = c < ' ' && !matches!(c, '\t' | '\n' | '\r');
        is_control || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    if body.is_empty() {
        Some("SQS takes no empty message")
    } else {
        body.contains(bad).then_some("SQS takes no message with control characters")
    }
}

/// The entries of one request, with their places in the list.
type Chunk<T> = Vec<(usize, T)>;

/// What a request answered: the identifiers of what is done, and what is not.
type Answer<E> = Result<(Vec<String>, Vec<BatchResultErrorEntry>), SdkError<E, HttpResponse>>;

/// A list in requests: of ten entries each, and of so many bytes.
fn chunks<T>(entries: Chunk<T>, bytes_of: fn(&T) -> usize) -> Vec<Chunk<T>> {
    let mut chunks: Vec<Chunk<T>> = Vec::new();
    let mut bytes = 0;
    for (n, entry) in entries {
        let more = bytes_of(&entry);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < BATCH && bytes + more <= BATCH_BYTES => {
                chunk.push((n, entry));
                bytes += more;
            }
            _ => {
                chunks.push(vec![(n, entry)]);
                bytes = more;
            }
        }
    }
    chunks
}

/// The answers to a list, as they come to be known. The place of an entry in the list is its
/// identifier in the request.
struct Answers {
    attempt: String,
    count: usize,
    known: HashMap<usize, Result<()>>,
}

impl Answers {
    fn new(attempt: String, count: usize) -> Self {
        Self { attempt, count, known: HashMap::with_capacity(count) }
    }

    /// The entries that are sent at all, with their places; the others have their answer.
    fn refuse<T>(&mut self, entries: Vec<T>, why: impl Fn(&T) -> Option<&'static str>) -> Chunk<T> {
        let mut good = Vec::with_capacity(entries.len());
        for (n, entry) in entries.into_iter().enumerate() {
            match why(&entry) {
                Some(why) => {
                    let error = Error::new(ErrorKind::Invalid, &*self.attempt, why);
                    self.known.insert(n, Err(error));
                }
                None => good.push((n, entry)),
            }
        }
        good
    }

    /// Makes the requests, some at once, and takes what each answers. One that fails as a whole
    /// fails its own entries.
    async fn ask<T, E, F>(&mut self, chunks: Vec<Chunk<T>>, request: impl Fn(Chunk<T>) -> F)
    where
        E: ProvideErrorMetadata + StdError + Send + 'static,
        F: Future<Output = Answer<E>> + Send + 'static,
    {
        let mut requests = chunks.into_iter().map(|chunk| {
            let places: Vec<_> = chunk.iter().map(|(n, _)| *n).collect();
            let answer = request(chunk);
            async { (places, answer.await) }
        });
        let mut running: JoinSet<_> = requests.by_ref().take(AT_ONCE).collect();
        while let Some(answer) = running.join_next().await {
            if let Some(next) = requests.next() {
                running.spawn(next);
            }
            match answer {
                Ok((_, Ok((done, failed)))) => self.take(&done, failed),
                Ok((places, Err(error))) => {
                    let error = |n| (n, Err(of_call(&*self.attempt, &error)));
                    self.known.extend(places.into_iter().map(error));
                }
                // The runtime is ending: its entries stay unanswered.
                Err(_) => {}
            }
        }
    }

    /// Takes what one request answered.
    fn take(&mut self, done: &[String], failed: Vec<BatchResultErrorEntry>) {
        self.known.extend(done.iter().filter_map(|id| Some((id.parse().ok()?, Ok(())))));
        for entry in failed {
            let Ok(n) = entry.id.parse() else { continue };
            let error = of_entry(&self.attempt, &entry.code, entry.message(), entry.sender_fault);
            self.known.insert(n, Err(error));
        }
    }

    /// All of them, in order. An entry that was not answered may be lost, so it is not done.
    fn all(mut self) -> Vec<Result<()>> {
        let unanswered = |attempt: &str| {
            Err(Error::new(
                ErrorKind::Unavailable,
                attempt,
                "the answer says nothing of this entry",
            ))
        };
        (0..self.count)
            .map(|n| self.known.remove(&n).unwrap_or_else(|| unanswered(&self.attempt)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_ten_entries_and_a_quarter_of_a_megabyte() {
        let sizes = |bodies: &[usize]| -> Vec<usize> {
            let bodies = bodies.iter().copied().enumerate().collect();
            chunks(bodies, |bytes| *bytes).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[64 << 10; 10]), [4, 4, 2]);
        assert_eq!(sizes(&[1, 300 << 10, 1]), [1, 1, 1], "SQS judges what is too large");
    }

    #[test]
    fn what_sqs_would_refuse_is_known() {
        for bad in ["", "\0", "a\u{1b}b", "\u{ffff}"] {
            assert!(refused(bad).is_some(), "{bad:?}");
        }
        for good in ["{}", "a\tb\r\n", "ö…", "\u{1f5bc}", "\u{fffd}", "\u{7f}"] {
            assert!(refused(good).is_none(), "{good:?}");
        }
    }
}
