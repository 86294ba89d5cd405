//! What can be seen of a data directory without making or changing anything in it, for a person who
//! wants to know what is wrong with it. It judges nothing; `pixmill doctor` does.

use std::path::Path;

use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::backend::{DEAD_LETTERS, read_mounts};
use crate::error;
use crate::queue::QUEUE_SCHEMA;
use crate::store::OWNERS_SCHEMA;

/// What is in a data directory.
#[derive(Debug)]
pub struct Facts {
    /// Whether this is the data directory of a pipeline at all. If not, nothing else was looked at.
    pub is_pipeline: bool,
    /// The queue's database.
    pub queue: Result<DatabaseFacts>,
    /// The store's database.
    pub store: Result<DatabaseFacts>,
    /// Whether the directories of the user's that are mounted can be known.
    pub mounts: Result<()>,
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabaseFacts {
    /// The version of its schema, and the one that this program knows.
    pub version: u32,
    /// The version that this program knows.
    pub known_version: u32,
    /// The first thing that SQLite's quick check found wrong.
    pub damage: Option<String>,
    /// Dead letters that wait in it.
    pub dead_letters: u64,
}

/// Looks at a data directory. Blocks.
pub fn look(data: &Path) -> Facts {
    let queue = data.join("queue.sqlite");
    if !queue.is_file() {
        let nothing = || Ok(DatabaseFacts::default());
        return Facts { is_pipeline: false, queue: nothing(), store: nothing(), mounts: Ok(()) };
    }
    Facts {
        is_pipeline: true,
        queue: database(&queue, QUEUE_SCHEMA.version, true),
        store: database(&data.join("store.sqlite"), OWNERS_SCHEMA.version, false),
        mounts: read_mounts(data).map(drop),
    }
}

fn database(path: &Path, known_version: u32, is_queue: bool) -> Result<DatabaseFacts> {
    let attempt = || format!("check the database {}", path.display());
    // SQLite does not tell why it cannot open a file; the system does.
    std::fs::File::open(path).map_err(error::io(attempt()))?;
    let look = || -> rusqlite::Result<DatabaseFacts> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let check: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        let damage = (check != "ok").then_some(check);
        let count = "SELECT messages FROM queues WHERE name = ?1";
        let dead = match (is_queue, version == known_version) {
            (true, true) => {
                connection.query_row(count, [DEAD_LETTERS], |row| row.get(0)).optional()?
            }
            _ => None,
        };
        let dead_letters: i64 = dead.unwrap_or_default();
        let dead_letters = u64::try_from(dead_letters).unwrap_or_default();
        Ok(DatabaseFacts { version, known_version, damage, dead_letters })
    };
    look().map_err(|e| {
        let kind = error::sqlite_kind(&e);
        Error::new(
            if kind == ErrorKind::Invalid { ErrorKind::Unavailable } else { kind },
            attempt(),
            e,
        )
    })
}
