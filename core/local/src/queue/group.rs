//! Group commit: what a process writes to a queue file at about the same time shares a transaction.
//!
//! A write that somebody waits for goes at once, and takes along what waits for company by then. What
//! nobody waits for, as a reply or a delete, waits for that company, for moments; not at all when this
//! process has nothing else in hand, since then nothing may follow that it could go with; and not for what
//! was received before, which may be in the company of what kills workers: its dead letter has been sent.
//!
//! Where it goes with others it fails with them: what keeps one from being written is the disk's trouble,
//! never an entry's. Called by the queues of a file.

use std::collections::BTreeSet;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::port::{Delivery, Receipt};
use pixmill_contract::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::sqlite_kind;
use crate::sqlite::{Immediate, immediate};

/// How long a write waits for company at most: a few small pictures' time, and so little that no lease
/// and nobody at a screen notices.
pub(super) const LINGER: Duration = Duration::from_millis(10);

/// So many wait at most: a transaction holds up everybody else at the file.
const MOST: usize = 64;

/// What waits for company.
#[derive(Default)]
pub(super) struct Group {
    waiting: Mutex<Vec<Box<dyn Piece>>>,
    /// Deliveries that this process got and has not deleted, since it last found nothing to receive.
    in_hand: AtomicUsize,
    /// Those that somebody had received before, until they are deleted.
    again: Mutex<BTreeSet<Receipt>>,
}

/// A part of a transaction, and who is to be told of it.
trait Piece: Send {
    /// Whether whoever asked for it has gone: then it was never begun.
    fn is_unwanted(&self) -> bool;
    fn run(&mut self, transaction: &Immediate<'_>) -> rusqlite::Result<()>;
    /// Tells what became of the transaction.
    fn answer(self: Box<Self>, committed: Result<(), &rusqlite::Error>);
}

struct Write<W, T> {
    attempt: &'static str,
    work: Option<W>,
    done: Option<T>,
    answer: oneshot::Sender<Result<T>>,
}

impl<W, T> Piece for Write<W, T>
where
    W: FnOnce(&Immediate<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn is_unwanted(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, transaction: &Immediate<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.done = Some(work(transaction)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &rusqlite::Error>) {
        let Self { attempt, done, answer, .. } = *self;
        let told = match committed {
            Ok(()) => done.ok_or_else(|| Error::bare(ErrorKind::Unavailable, attempt)),
            Err(error) => Err(Error::new(sqlite_kind(error), attempt, error.to_string())),
        };
        // Who asked may have gone meanwhile.
        drop(answer.send(told));
    }
}

impl Group {
    /// Has work wait for company; the answer comes once somebody has committed it.
    pub(super) fn join<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&Immediate<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> oneshot::Receiver<Result<T>> {
        let (answer, answered) = oneshot::channel();
        self.lock().push(Box::new(Write { attempt, work: Some(work), done: None, answer }));
        answered
    }

    /// Whether something is to follow soon that a write could go with: more is in hand than what the
    /// write is about.
    pub(super) fn has_company(&self, about: usize) -> bool {
        self.in_hand.load(Ordering::Relaxed) > about && self.lock().len() < MOST
    }

    /// Deliveries were made.
    pub(super) fn took(&self, deliveries: &[Delivery]) {
        self.in_hand.fetch_add(deliveries.len(), Ordering::Relaxed);
        let again = deliveries.iter().filter(|delivery| delivery.receive_count > 1);
        let again = again.map(|delivery| delivery.receipt.clone());
        self.again.lock().expect("no code panics with this lock").extend(again);
    }

    /// There was nothing to receive: whatever is in hand, little may follow.
    pub(super) fn found_nothing(&self) {
        self.in_hand.store(0, Ordering::Relaxed);
    }

    /// Deliveries are not in hand any more. Says whether somebody had received one of them before.
    pub(super) fn let_go(&self, deliveries: &[Receipt]) -> bool {
        let less = |had: usize| Some(had.saturating_sub(deliveries.len()));
        // It always succeeds, as there is always something to store.
        let _had = self.in_hand.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let mut again = self.again.lock().expect("no code panics with this lock");
        deliveries.iter().filter(|receipt| again.remove(receipt)).count() > 0
    }

    /// Writes what waits, if anything does.
    pub(super) fn flush(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        if self.lock().is_empty() { Ok(()) } else { self.transaction(connection, |_| Ok(())) }
    }

    /// Does work in a transaction, which takes along what waits.
    pub(super) fn transaction<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Immediate<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let transaction = immediate(connection)?;
        let mut pieces = mem::take(&mut *self.lock());
        pieces.retain(|piece| !piece.is_unwanted());
        let all = || {
            for piece in &mut pieces {
                piece.run(&transaction)?;
            }
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let done = all();
        for piece in pieces {
            piece.answer(done.as_ref().map(|_| ()));
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn Piece>>> {
        self.waiting.lock().expect("no code panics with this lock")
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("waiting", &self.lock().len()).finish_non_exhaustive()
    }
}
