//! Queues in a file: the queue port, promises Q1–Q8, on SQLite.
//!
//! Whatever SQS does, this does too, and where SQS is vague it takes the meaner way: an old
//! receipt is always refused, a batch brings ten messages at most, and what SQS would refuse is
//! refused. Called by consumers and producers through [`Queue`]; the rest of its methods are for
//! the program that starts and watches the processes of one machine.

mod bell;
mod file;
mod group;
mod messages;
mod receipt;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Delivery, Depth, MAX_VISIBILITY, NewMessage, Receipt, Receive};
use pixmill_contract::{Clock, Error, ErrorKind, Queue, WorkerId};
use tokio::time::Instant;

pub use self::file::QueueFile;
pub(crate) use self::file::SCHEMA as QUEUE_SCHEMA;
use self::messages::{Change, Row, Take, Taken};
use self::receipt::Latest;
use crate::error::{again, for_each};
use crate::sqlite::{Durability, Immediate};

/// Most messages that one receive brings, as in SQS.
const MAX_BATCH: usize = 10;
/// Longest body in bytes, as in SQS.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Longest first delay, as in SQS.
const MAX_DELAY: Duration = Duration::from_mins(15);
/// Longest wait of a receive, as in SQS.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// Longest name of a queue, as in SQS.
const MAX_NAME_BYTES: usize = 80;

/// What a queue does with messages that are not simply handled and deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueSettings {
    /// How often a message is received before it moves to the dead-letter queue instead; at least
    /// once, and of no meaning without a dead-letter queue.
    pub max_receive_count: u32,
    /// The dead-letter queue's name, in the same file. Without one, messages stay until deleted.
    pub dead_letter: Option<String>,
    /// How long a message is kept that nobody deletes; for ever if `None`.
    pub retention: Option<Duration>,
    /// Whether a single message may wait some milliseconds to be written together with what else this
    /// process writes.
    pub unhurried: bool,
}

/// One queue of a [`QueueFile`]. Clones are handles of the same queue.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    file: Arc<QueueFile>,
    name: String,
    settings: QueueSettings,
    holder: Option<WorkerId>,
}

impl QueueFile {
    /// The queue of this name: 1–80 of A–Z a–z 0–9 `_` `-`. It is there as soon as it is used.
    pub fn queue(self: &Arc<Self>, name: &str, settings: QueueSettings) -> Result<SqliteQueue> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        for name in [Some(name), settings.dead_letter.as_deref()].into_iter().flatten() {
            if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.chars().all(allowed) {
                let why = format!("{name:?} is not 1 to {MAX_NAME_BYTES} of A-Z a-z 0-9 _ -");
                return Err(Error::new(ErrorKind::Invalid, "open a queue", why));
            }
        }
        if settings.dead_letter.is_some() && settings.max_receive_count == 0 {
            let why = "messages that may never be received are of no use";
            return Err(Error::new(ErrorKind::Invalid, "open a queue", why));
        }
        let file = Arc::clone(self);
        Ok(SqliteQueue { file, name: name.to_owned(), settings, holder: None })
    }
}

impl SqliteQueue {
    /// Opens one queue of a file. Blocks, as [`QueueFile::open`] does.
    pub fn open(
        path: &Path,
        name: &str,
        settings: QueueSettings,
        clock: Arc<dyn Clock>,
        durability: Durability,
    ) -> Result<Self> {
        QueueFile::open(path, clock, durability)?.queue(name, settings)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle whose deliveries are known to be held by this worker.
    #[must_use]
    pub fn with_holder(&self, worker: WorkerId) -> Self {
        Self { holder: Some(worker), ..self.clone() }
    }

    /// Releases every delivery that a worker holds, which must be dead: for its parent, so that
    /// nobody waits for the visibility of a process that was killed. Receive counts stay. Returns
    /// how many were released.
    pub async fn release_held_by(&self, worker: &WorkerId) -> Result<usize> {
        self.release(Some(worker.to_string())).await
    }

    /// Releases every delivery of this queue, whoever has it: for a program that knows that it is
    /// the only one. Receive counts stay, and so do delays. Returns how many were released.
    pub async fn release_all(&self) -> Result<usize> {
        self.release(None).await
    }

    async fn release(&self, holder: Option<String>) -> Result<usize> {
        let (name, now) = (self.name.clone(), self.file.clock.now());
        let work = move |c: &mut _| messages::release(c, &name, now, holder.as_deref());
        let released = self.file.database.write("release deliveries", work).await?;
        self.file.changed_here(&self.name);
        Ok(released)
    }

    /// How many deliveries each worker holds now, by worker.
    pub async fn held(&self) -> Result<Vec<(WorkerId, u64)>> {
        let (name, now) = (self.name.clone(), self.file.clock.now());
        let work = move |c: &mut _| messages::held(c, &name, now);
        let held = self.file.database.read("count deliveries by holder", work).await?;
        // Only workers are ever written there.
        Ok(held.into_iter().filter_map(|(id, n)| Some((WorkerId::new(id).ok()?, n))).collect())
    }

    /// Deletes every message of this queue. Returns how many there were.
    pub async fn purge(&self) -> Result<usize> {
        let name = self.name.clone();
        self.file.database.write("purge a queue", move |c| messages::purge(c, &name)).await
    }

    async fn take(&self, request: Receive) -> Result<Taken> {
        // The moment before the request: whoever computes its deadline from then is never late.
        let now = self.file.now_to_look().await?;
        let limit = self.settings.dead_letter.clone();
        let take = Take {
            queue: self.name.clone(),
            max: request.max.min(MAX_BATCH),
            now,
            visible_at: now + request.visibility,
            holder: self.holder.as_ref().map(WorkerId::to_string),
            limit: limit.map(|queue| (self.settings.max_receive_count, queue)),
        };
        let group = Arc::clone(&self.file.group);
        let work = move |c: &mut _| messages::take(c, &take, &group);
        let taken = self.file.database.write("receive messages", work).await?;
        match &taken {
            Taken::Some(deliveries) => self.file.group.took(deliveries),
            Taken::Nothing { .. } => self.file.group.found_nothing(),
        }
        Ok(taken)
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<(), Error>> {
        let now = self.file.now();
        let mut answers: Vec<_> = messages.iter().map(check_message).collect();
        let good = messages.into_iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        let rows: Vec<Row> = good
            .map(|(message, _)| Row { body: message.body, visible_at: now + message.delay })
            .collect();
        if rows.is_empty() {
            return answers;
        }
        let name = self.name.clone();
        let expires_at = self.settings.retention.map(|retention| now + retention);
        // A reply is sent while its job is still in hand.
        let haste =
            if self.settings.unhurried && rows.len() == 1 { Haste::About(1) } else { Haste::Now };
        let work = move |t: &Immediate<'_>| messages::send(t, &name, now, expires_at, &rows);
        match self.write(haste, "send messages", work).await {
            Ok(()) => self.file.changed_here(&self.name),
            Err(error) => {
                for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                    *answer = Err(again(&error));
                }
            }
        }
        answers
    }

    async fn receive(&self, request: Receive) -> Result<Vec<Delivery>> {
        check_receive(request)?;
        let end = Instant::now() + request.wait;
        let mut changes = self.file.changes(&self.name);
        loop {
            changes.mark_unchanged();
            let until = match self.take(request).await? {
                Taken::Some(deliveries) => return Ok(deliveries),
                Taken::Nothing { until } => until,
            };
            if Instant::now() >= end {
                return Ok(Vec::new());
            }
            let now = self.file.now();
            let next = until.map_or(end, |at| Instant::now() + at.since(now));
            self.file.wait(&mut changes, next.min(end)).await;
        }
    }

    async fn change_visibility(&self, entries: Vec<(Receipt, Duration)>) -> Vec<Result<(), Error>> {
        let attempt = "change a delivery's visibility";
        let now = self.file.now();
        let parsed = entries.iter().map(|(receipt, visibility)| {
            if *visibility > MAX_VISIBILITY {
                return Err(too_long(attempt));
            }
            Latest::parse(receipt).map(|latest| (latest, now + *visibility))
        });
        let (name, holder) = (self.name.clone(), self.holder.as_ref().map(WorkerId::to_string));
        let answers = self
            .each(parsed.collect(), Haste::Now, attempt, move |t, entries| {
                messages::change_visibility(t, &name, holder.as_deref(), now, entries)
            })
            .await;
        let released = entries.into_iter().filter(|(_, visibility)| visibility.is_zero());
        let released: Vec<_> = released.map(|(receipt, _)| receipt).collect();
        if !released.is_empty() {
            self.file.group.let_go(&released);
            self.file.changed_here(&self.name);
        }
        answers
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Vec<Result<(), Error>> {
        let parsed = receipts.iter().map(Latest::parse).collect();
        let name = self.name.clone();
        let was_here_before = self.file.group.let_go(&receipts);
        let may_wait = receipts.len() == 1 && !was_here_before;
        let haste = if may_wait { Haste::About(0) } else { Haste::Now };
        self.each(parsed, haste, "delete a delivery's message", move |t, receipts| {
            messages::delete(t, &name, receipts)
        })
        .await
    }

    async fn depth(&self) -> Result<Depth> {
        // Where nobody receives, as nothing seems to be there, whoever counts notices it.
        let (name, now) = (self.name.clone(), self.file.now_to_look().await?);
        let work = move |c: &mut _| messages::depth(c, &name, now);
        self.file.database.read("read a queue's depth", work).await
    }
}

/// When something is to be written.
enum Haste {
    Now,
    /// Moments later, if more than so many deliveries are in hand: others will be written as well.
    About(usize),
}

impl SqliteQueue {
    /// Writes in a transaction, at once or when others do as well.
    async fn write<T: Send + 'static>(
        &self,
        haste: Haste,
        attempt: &'static str,
        work: impl FnOnce(&Immediate<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        match haste {
            Haste::Now => self.file.write(attempt, work).await,
            Haste::About(deliveries) => self.file.write_in_company(deliveries, attempt, work).await,
        }
    }

    /// Does something with the good entries of a batch in one transaction, and puts the answers
    /// where the entries were.
    async fn each<T: Send + 'static>(
        &self,
        entries: Vec<Result<T>>,
        haste: Haste,
        attempt: &'static str,
        work: impl FnOnce(&Immediate<'_>, &[T]) -> rusqlite::Result<Vec<Change>> + Send + 'static,
    ) -> Vec<Result<(), Error>> {
        let mut good = Vec::with_capacity(entries.len());
        let mut bad = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Ok(entry) => {
                    good.push(entry);
                    bad.push(None);
                }
                Err(error) => bad.push(Some(error)),
            }
        }
        let count = good.len();
        let done = if count == 0 {
            Ok(Vec::new())
        } else {
            self.write(haste, attempt, move |t| work(t, &good)).await
        };
        let mut answers = match done {
            Ok(changes) => changes.into_iter().map(|change| answer(change, attempt)).collect(),
            Err(error) => for_each(count, &error),
        }
        .into_iter();
        let unanswered = || Err(Error::bare(ErrorKind::Unavailable, attempt));
        bad.into_iter()
            .map(|bad| bad.map_or_else(|| answers.next().unwrap_or_else(unanswered), Err))
            .collect()
    }
}

fn answer(change: Change, attempt: &'static str) -> Result<()> {
    match change {
        Change::Done => Ok(()),
        Change::Lost => {
            let why = "its receipt is not the message's latest";
            Err(Error::new(ErrorKind::LeaseLost, attempt, why))
        }
        Change::TooLong => Err(too_long(attempt)),
    }
}

fn too_long(attempt: &'static str) -> Error {
    let why = "a delivery is hidden for 12 h in total at most";
    Error::new(ErrorKind::Invalid, attempt, why)
}

/// What SQS takes, and nothing else: a body that works here works there.
fn check_message(message: &NewMessage) -> Result<()> {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, "send a message", why));
    let bytes = message.body.len();
    if !(1..=MAX_BODY_BYTES).contains(&bytes) {
        return refuse(format!("a body has 1 to {MAX_BODY_BYTES} bytes, this one has {bytes}"));
    }
    if let Some(c) = message.body.chars().find(|c| !allowed(*c)) {
        return refuse(format!("a body cannot hold the character {c:?}"));
    }
    if message.delay > MAX_DELAY {
        return refuse(format!("a delay is 15 min at most, not {:?}", message.delay));
    }
    Ok(())
}

fn check_receive(request: Receive) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, "receive messages", why));
    if request.max == 0 {
        return refuse("a receive brings at least one message".to_owned());
    }
    if request.wait > MAX_WAIT {
        return refuse(format!("a receive waits 20 s at most, not {:?}", request.wait));
    }
    if request.visibility > MAX_VISIBILITY {
        return Err(too_long("receive messages"));
    }
    Ok(())
}
