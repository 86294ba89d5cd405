//! A file with any number of queues in it, and the watch for changes that others make to it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::{Clock, Error, ErrorKind, Timestamp};
use rusqlite::Connection;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::bell::Bells;
use super::group::{Group, LINGER};
use super::messages;
use crate::sqlite::{Database, Durability, Immediate, Schema};

pub(crate) const SCHEMA: Schema = Schema { version: 1, create: include_str!("schema.sql") };

/// How often a process with a waiting receive asks whether another one has committed something:
/// seldom enough to cost next to nothing, often enough that nobody notices. Where something has
/// just happened more is likely to follow, such as a reply.
const TICK: Duration = Duration::from_millis(40);
const TICK_AT_FIRST: Duration = Duration::from_millis(20);
const TICKS_AT_FIRST: u32 = 25;

/// A clock that goes back by less is being adjusted: what that hides for longer is soon there.
const SET_BACK: Duration = Duration::from_secs(5);

/// A file with any number of queues in it, which any number of processes may have open.
#[derive(Debug)]
pub struct QueueFile {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) group: Arc<Group>,
    /// The version of the content as it was last seen; sent again when this process changes it.
    version: watch::Sender<i64>,
    /// Held by the one waiting receive that asks for all of them.
    turn: Mutex<()>,
    /// The latest time that was seen, in milliseconds since 1970.
    latest: AtomicU64,
    path: PathBuf,
    /// By which other processes are heard at once, if that was asked for.
    bells: OnceLock<Bells>,
}

impl QueueFile {
    /// Opens a file, new or not, and drops from it what is past its retention. Blocks, so it is
    /// for a program's start or a blocking thread.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, durability: Durability) -> Result<Arc<Self>> {
        let database = Database::open(path, &SCHEMA, durability)?;
        let now = clock.now();
        database.write_blocking("drop expired messages", move |c| messages::expire(c, now))?;
        database.write_blocking("bring messages back", move |c| messages::unhide(c, now))?;
        let version = database.read_blocking("read the queue file's version", read_version)?;
        Ok(Arc::new(Self {
            database,
            clock,
            group: Arc::default(),
            version: watch::Sender::new(version),
            turn: Mutex::new(()),
            latest: AtomicU64::new(now.millis()),
            path: path.to_owned(),
            bells: OnceLock::new(),
        }))
    }

    /// From now on other processes that do the same are told of messages at once, and hear of theirs,
    /// where the system can do that. For programs: their runtime waits for files as well.
    pub fn use_bells(&self) {
        match Bells::open(&self.path) {
            // They may be in use already.
            Ok(bells) => drop(self.bells.set(bells)),
            Err(error) => tracing::debug!(%error, "no bells at the queue"),
        }
    }

    /// Writes in a transaction, with whatever waits to share one.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&Immediate<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let group = Arc::clone(&self.group);
        self.database.write(attempt, move |c| group.transaction(c, work)).await
    }

    /// The same of what nobody waits for: it may take moments, to share the transaction of others. It is
    /// about so many of the deliveries in hand.
    pub(super) async fn write_in_company<T: Send + 'static>(
        &self,
        about: usize,
        attempt: &'static str,
        work: impl FnOnce(&Immediate<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        if !self.group.has_company(about) {
            return self.write(attempt, work).await;
        }
        let mut answered = self.group.join(attempt, work);
        let answer = tokio::select! {
            biased;
            answer = &mut answered => answer,
            () = sleep(LINGER) => {
                let group = Arc::clone(&self.group);
                self.database.write(attempt, move |c| group.flush(c)).await?;
                answered.await
            }
        };
        answer.unwrap_or_else(|_| Err(Error::bare(ErrorKind::Unavailable, attempt)))
    }

    /// The time now, for what hides a message.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.latest.fetch_max(now.millis(), Ordering::Relaxed);
        now
    }

    /// The time now, for who looks for messages. If the clock was set back, what it has hidden until
    /// then is brought back first, or nobody would see it before the clock gets there once more.
    pub(super) async fn now_to_look(&self) -> Result<Timestamp> {
        let now = self.clock.now();
        let was = Timestamp::from_millis(self.latest.load(Ordering::Relaxed));
        if was.since(now) > SET_BACK {
            let work = move |c: &mut _| messages::unhide_all(c, was, now);
            self.database.write("bring messages back", work).await?;
            self.latest.store(now.millis(), Ordering::Relaxed);
        }
        Ok(self.now())
    }

    /// What a receive takes before it looks, so that it cannot miss what happens after its look.
    pub(super) fn changes(&self, queue: &str) -> watch::Receiver<i64> {
        if let Some(bells) = self.bells.get() {
            bells.listen(queue);
        }
        self.version.subscribe()
    }

    /// Tells the waiting receives of this process at once, and those of others, who see it at their
    /// tick if they do not hear the bell.
    pub(super) fn changed_here(&self, queue: &str) {
        self.version.send_modify(|_| ());
        if let Some(bells) = self.bells.get() {
            bells.ring(queue);
        }
    }

    /// Waits until any process has changed the file, or until `end`.
    pub(super) async fn wait(&self, changes: &mut watch::Receiver<i64>, end: Instant) {
        tokio::select! {
            biased;
            () = sleep_until(end) => {}
            // The sender is ours, so this cannot fail.
            _ = changes.changed() => {}
            () = self.keep_asking() => {}
        }
    }

    /// One waiting receive asks for all of its process. When it is done or dropped, the next one
    /// takes its turn. Asking takes no lock that a writer could be in the way of.
    async fn keep_asking(&self) {
        let _turn = self.turn.lock().await;
        let mut asked = 0;
        loop {
            let tick = sleep(if asked < TICKS_AT_FIRST { TICK_AT_FIRST } else { TICK });
            if let Some(bells) = self.bells.get() {
                tokio::select! {
                    () = tick => asked += 1,
                    () = bells.rung() => asked = 0,
                }
            } else {
                tick.await;
                asked += 1;
            }
            let answer = self.database.read("watch the queue file", read_version).await;
            // If the file cannot be read now, the receive that is woken finds out, and says so.
            let now = answer.unwrap_or_else(|_| self.version.borrow().wrapping_add(1));
            self.version.send_if_modified(|seen| std::mem::replace(seen, now) != now);
        }
    }
}

/// A number that differs whenever another connection, of this or of another process, committed.
fn read_version(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
