//! A database file: opening it, and running work on it off the async threads.
//!
//! Every process has two connections to a file, one that writes and one that only reads, so that
//! readers and the watch for changes never wait for somebody else's write lock.
//!
//! A connection goes on with the file that it opened, also when that is not at its path any more: what
//! is written then is lost with the last process that has it open, and whoever opens the path meanwhile
//! works on another file. So everybody looks before each piece of work, and refuses.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind, aside};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Mutex, MutexGuard};

use crate::error;

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Any process being killed; a power cut may lose the last writes, and damages nothing.
    #[default]
    Process,
    /// A power cut as well: every write waits for the disk.
    Power,
}

/// How often a busy connection looks again, and for how long in total: a write transaction takes
/// well under a millisecond, and a disk that stalls for this long is an outage.
const BUSY_WAIT: Duration = Duration::from_millis(1);
const BUSY_TRIES: i32 = 10_000;

/// Pages in the log before it is written back: long enough that a page which changes often is
/// written back once, short enough that the log stays a small file.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Statements that a connection keeps prepared; more than a file's users have.
const STATEMENTS: usize = 32;

/// What a database holds, and how it came to.
pub(crate) struct Schema {
    /// The version that this program writes.
    pub(crate) version: u32,
    /// What makes an empty file one of this version.
    pub(crate) create: &'static str,
}

/// The file that was opened, as it can be told from others at its path.
#[derive(Debug)]
struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Identity {
    fn new(path: &Path, opened: &Metadata) -> Self {
        Self { path: path.to_owned(), device: opened.dev(), inode: opened.ino() }
    }

    /// Fails unless the file is still at its path and holds anything at all. What else may be wrong
    /// with its content is SQLite's to find.
    fn check(&self, attempt: &'static str) -> Result<()> {
        let wrong = match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) != (self.device, self.inode) => "replaced",
            Ok(found) if found.len() == 0 => "emptied",
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "removed",
            Err(error) => return Err(error::io(attempt)(error)),
        };
        let why = format!("{} was {wrong} while it was in use", self.path.display());
        Err(Error::new(ErrorKind::Unavailable, attempt, why))
    }
}

/// One process's connections to a database file.
#[derive(Debug)]
pub(crate) struct Database {
    identity: Arc<Identity>,
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl Database {
    /// Opens a file, and makes it what `schema` says if it is new. Any number of processes may do
    /// this at once. Blocks.
    pub(crate) fn open(path: &Path, schema: &Schema, durability: Durability) -> Result<Self> {
        // SQLite does not tell why it cannot open a file; the system does.
        let attempt = || format!("open the database {}", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let found = options.open(path).and_then(|file| file.metadata());
        let found = found.map_err(error::io(attempt()))?;
        let (is_new, identity) = (found.len() == 0, Identity::new(path, &found));

        let mut writer = connect(path, durability, is_new)?;
        create(&mut writer, schema)
            .and_then(|()| set_synchronous(&writer, durability))
            .map_err(|e| Error::new(error::sqlite_kind(&e), attempt(), e))?;
        let found: u32 = writer
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|e| Error::new(error::sqlite_kind(&e), attempt(), e))?;
        if found != schema.version {
            let why = format!(
                "its schema has version {found}, and this program knows only {}",
                schema.version
            );
            return Err(Error::new(ErrorKind::Invalid, attempt(), why));
        }
        let reader = connect(path, durability, false)?;
        Ok(Self {
            identity: Arc::new(identity),
            writer: Arc::new(Mutex::new(writer)),
            reader: Arc::new(Mutex::new(reader)),
        })
    }

    /// Runs work on the connection that writes. Dropping the future does not stop the work.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(&self.writer, attempt, work).await
    }

    /// Runs work on the connection that reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(&self.reader, attempt, work).await
    }

    /// As [`write`](Self::write), for callers on a blocking thread.
    pub(crate) fn write_blocking<T>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.identity.check(attempt)?;
        work(&mut lock_blocking(&self.writer)).map_err(error::sqlite(attempt))
    }

    /// As [`read`](Self::read), for callers on a blocking thread.
    pub(crate) fn read_blocking<T>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.identity.check(attempt)?;
        work(&mut lock_blocking(&self.reader)).map_err(error::sqlite(attempt))
    }

    /// The connection waits its turn in the async lock, so no blocking thread ever waits for it.
    async fn run<T: Send + 'static>(
        &self,
        connection: &Arc<Mutex<Connection>>,
        attempt: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let identity = Arc::clone(&self.identity);
        let mut connection = Arc::clone(connection).lock_owned().await;
        let work = move || {
            identity.check(attempt)?;
            work(&mut connection).map_err(error::sqlite(attempt))
        };
        blocking(attempt, work).await
    }
}

/// A transaction that has the write lock from its start, so that it never finds out at its end
/// that somebody else was faster. It is rolled back unless it is committed.
#[derive(Debug)]
pub(crate) struct Immediate<'c>(&'c mut Connection);

/// Begins one. Not rusqlite's own, which has SQLite parse the words that begin and end it every time.
pub(crate) fn immediate(connection: &mut Connection) -> rusqlite::Result<Immediate<'_>> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(Immediate(connection))
}

impl Immediate<'_> {
    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Deref for Immediate<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Immediate<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // What fails now is rolled back when the connection is closed.
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

/// While a file is being opened nobody else has the lock, and waiting for it would be refused on
/// an async thread; after that this is called on blocking threads only.
fn lock_blocking(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.try_lock().unwrap_or_else(|_| connection.blocking_lock())
}

/// Runs work where it may block. Its panics go on in the caller.
pub(crate) async fn blocking<T: Send + 'static>(
    attempt: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match aside(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(Error::new(ErrorKind::Unavailable, attempt, cancelled)),
        },
    }
}

/// What is made of a new file need not wait for the disk unless it is to survive power cuts: one before
/// it gets there leaves an empty file again, or a log that SQLite does not believe.
fn connect(path: &Path, durability: Durability, is_new: bool) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(busy))?;
        if is_new && durability == Durability::Process {
            connection.pragma_update(None, "synchronous", "OFF")?;
            enable_log(&connection)?;
        } else {
            enable_log(&connection)?;
            set_synchronous(&connection, durability)?;
        }
        connection.pragma_update(None, "fullfsync", durability == Durability::Power)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // What is bound to a statement decides nothing about how it is run: or SQLite parses and plans
        // each that has a range anew whenever it is run with other values.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    };
    connect().map_err(|error| {
        Error::new(
            error::sqlite_kind(&error),
            format!("open the database {}", path.display()),
            error,
        )
    })
}

fn set_synchronous(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// Changing the mode needs the file alone, and SQLite does not ask the busy handler about that:
/// of several processes that open a fresh file at once, all but one have to try again.
fn enable_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && busy(tries) => tries += 1,
            result => return result,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code & 0xff == rusqlite::ffi::SQLITE_BUSY)
}

/// Waits for somebody's lock before the next try; false when that has been long enough. SQLite's own
/// waits grow to 100 ms, far longer than anybody holds a lock here; short ones of random length let
/// many processes share it evenly.
#[allow(clippy::disallowed_methods, reason = "a callback on a blocking thread; SQLite waits so")]
pub(crate) fn busy(tries: i32) -> bool {
    std::thread::sleep(BUSY_WAIT.mul_f64(0.25 + fastrand::f64()));
    tries < BUSY_TRIES
}

/// Whoever gets the lock first finds an empty file and makes the schema.
fn create(connection: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let version = |c: &Connection| -> rusqlite::Result<u32> {
        c.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    if version(connection)? != 0 {
        return Ok(());
    }
    let transaction = immediate(connection)?;
    if version(&transaction)? == 0 {
        transaction.execute_batch(schema.create)?;
        transaction.pragma_update(None, "user_version", schema.version)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema { version: 3, create: "CREATE TABLE things (id INTEGER)" };

    fn open(path: &Path, schema: &Schema) -> Result<Database> {
        Database::open(path, schema, Durability::Process)
    }

    #[test]
    fn many_can_open_a_fresh_file_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fresh.sqlite");
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..16).map(|_| scope.spawn(|| open(&path, &SCHEMA))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn a_newer_schema_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("newer.sqlite");
        open(&path, &Schema { version: 4, ..SCHEMA }).unwrap();
        let error = open(&path, &SCHEMA).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.chain().contains("version 4"), "{}", error.chain());
        assert!(error.chain().contains("newer.sqlite"), "{}", error.chain());
    }

    #[test]
    fn a_file_that_is_no_database_is_an_outage_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("garbage.sqlite");
        std::fs::write(&path, b"this is not a database, whatever its name says\n".repeat(99))
            .unwrap();
        let error = open(&path, &SCHEMA).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.chain().contains("not a database"), "{}", error.chain());
    }

    #[test]
    fn a_file_that_is_not_the_one_that_was_opened_is_an_outage_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("here.sqlite");
        let database = open(&path, &SCHEMA).unwrap();
        let read = || {
            let count = |c: &mut Connection| {
                c.query_row("SELECT count(*) FROM things", [], |row| row.get::<_, i64>(0))
            };
            database.read_blocking("count", count).map_err(|error| {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                error.chain()
            })
        };
        assert_eq!(read(), Ok(0));
        let aside = directory.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(read().unwrap_err().contains("here.sqlite was removed"));
        fs::copy(&aside, &path).unwrap();
        assert!(read().unwrap_err().contains("here.sqlite was replaced"));
        fs::rename(&aside, &path).unwrap();
        assert_eq!(read(), Ok(0), "it is back");
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        assert!(read().unwrap_err().contains("here.sqlite was emptied"));
    }

    #[test]
    fn a_missing_directory_is_told_by_the_system() {
        let directory = tempfile::tempdir().unwrap();
        let error = open(&directory.path().join("no/where.sqlite"), &SCHEMA).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
