//! The index port in a file of SQLite, which is worth nothing: one that cannot be read is replaced by
//! an empty one, and so is one that somebody removes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::{BatchId, Index, JobId};
use rusqlite::Connection;

use crate::error;
use crate::sqlite::{Database, Durability, Schema, blocking, immediate};

const SCHEMA: Schema = Schema {
    version: 1,
    create: "CREATE TABLE kept (batch TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL,
             PRIMARY KEY (batch, id)) WITHOUT ROWID",
};

/// An index in a file. Several processes may have it open.
#[derive(Debug)]
pub struct SqliteIndex {
    path: PathBuf,
    database: Mutex<Arc<Database>>,
}

impl SqliteIndex {
    /// Opens a file, new or not. Blocks, so it is for a program's start.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let database = Mutex::new(Arc::new(opened(&path)?));
        Ok(Self { path, database })
    }

    /// Runs work on the file; on an empty one in its place, if that fails.
    async fn run<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl Fn(&mut Connection) -> rusqlite::Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let work = Arc::new(work);
        let once = |database: Arc<Database>| {
            let work = Arc::clone(&work);
            async move { database.write(attempt, move |connection| work(connection)).await }
        };
        if self.path.exists() {
            match once(self.current()).await {
                Ok(done) => return Ok(done),
                Err(error) => {
                    tracing::warn!(
                        reason = error.chain(),
                        "failed to use the index; it is made anew"
                    );
                }
            }
        }
        once(self.replaced().await?).await
    }

    fn current(&self) -> Arc<Database> {
        Arc::clone(&self.database.lock().expect("no code panics with this lock"))
    }

    async fn replaced(&self) -> Result<Arc<Database>> {
        let path = self.path.clone();
        let new = blocking("replace the index", move || {
            remove(&path)?;
            Database::open(&path, &SCHEMA, Durability::Process)
        });
        let new = Arc::new(new.await?);
        *self.database.lock().expect("no code panics with this lock") = Arc::clone(&new);
        Ok(new)
    }
}

fn opened(path: &Path) -> Result<Database> {
    if !path.exists() {
        // A log without its file is of one that somebody removed.
        remove(path)?;
    }
    match Database::open(path, &SCHEMA, Durability::Process) {
        Ok(database) => Ok(database),
        Err(error) => {
            tracing::warn!(reason = error.chain(), "failed to open the index; it is made anew");
            remove(path)?;
            Database::open(path, &SCHEMA, Durability::Process)
        }
    }
}

/// Removes the file and what SQLite keeps beside it.
fn remove(path: &Path) -> Result<()> {
    for beside in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error::io(format!("remove the index {}", path.display()))(error));
            }
        }
    }
    Ok(())
}

#[async_trait]
impl Index for SqliteIndex {
    async fn find(&self, batch: &BatchId) -> Result<Vec<(JobId, String)>> {
        let batch = batch.clone();
        self.run("find what is kept of a batch", move |connection| {
            let mut query =
                connection.prepare_cached("SELECT id, value FROM kept WHERE batch = ?1")?;
            let rows = query.query_map([batch.as_str()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            let mut found = vec![];
            for row in rows {
                let (id, value) = row?;
                found.extend(JobId::new(id).ok().map(|id| (id, value)));
            }
            Ok(found)
        })
        .await
    }

    async fn keep(&self, batch: &BatchId, changes: Vec<(JobId, Option<String>)>) -> Result<()> {
        let batch = batch.clone();
        self.run("keep what is known of a batch", move |connection| {
            let transaction = immediate(connection)?;
            for (id, value) in &changes {
                let (batch, id) = (batch.as_str(), id.as_str());
                match value {
                    Some(value) => transaction
                        .prepare_cached("INSERT OR REPLACE INTO kept VALUES (?1, ?2, ?3)")?
                        .execute([batch, id, value])?,
                    None => transaction
                        .prepare_cached("DELETE FROM kept WHERE batch = ?1 AND id = ?2")?
                        .execute([batch, id])?,
                };
            }
            transaction.commit()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str) -> JobId {
        JobId::new(id).unwrap()
    }

    async fn holds(index: &SqliteIndex, batch: &BatchId) -> Vec<(JobId, String)> {
        let mut found = index.find(batch).await.unwrap();
        found.sort();
        found
    }

    #[tokio::test]
    async fn what_was_kept_last_is_found_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.sqlite");
        let (batch, other) = (BatchId::new("b").unwrap(), BatchId::new("c").unwrap());
        let index = SqliteIndex::open(&path).unwrap();
        let (a, b) = (job("a"), job("b"));
        let some = |text: &str| Some(text.to_owned());
        let first = vec![(a.clone(), some("1")), (b.clone(), some("2"))];
        index.keep(&batch, first).await.unwrap();
        index.keep(&batch, vec![(a.clone(), some("3")), (b, None)]).await.unwrap();
        assert_eq!(holds(&index, &batch).await, [(a.clone(), "3".to_owned())]);
        assert_eq!(holds(&index, &other).await, []);
        drop(index);
        let index = SqliteIndex::open(&path).unwrap();
        assert_eq!(holds(&index, &batch).await, [(a, "3".to_owned())]);
    }

    #[tokio::test]
    async fn a_file_that_is_removed_or_spoiled_is_replaced_while_it_runs_and_between() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.sqlite");
        let batch = BatchId::new("b").unwrap();
        let index = SqliteIndex::open(&path).unwrap();
        let one = || vec![(job("a"), Some("1".to_owned()))];
        index.keep(&batch, one()).await.unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(holds(&index, &batch).await, [], "it may be lost");
        index.keep(&batch, one()).await.unwrap();
        assert_eq!(holds(&index, &batch).await.len(), 1);
        drop(index);
        for spoil in [&b"no database at all ".repeat(999)[..], b"x"] {
            fs::write(&path, spoil).unwrap();
            let index = SqliteIndex::open(&path).unwrap();
            assert_eq!(holds(&index, &batch).await, []);
            index.keep(&batch, one()).await.unwrap();
            drop(index);
        }
        let index = SqliteIndex::open(&path).unwrap();
        assert_eq!(holds(&index, &batch).await.len(), 1);
        // Spoiled under its feet.
        fs::write(&path, b"no database at all ".repeat(999)).unwrap();
        index.keep(&batch, one()).await.unwrap();
        assert_eq!(holds(&index, &batch).await.len(), 1);
    }
}
