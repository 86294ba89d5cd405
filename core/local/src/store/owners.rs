//! Owner tags: who made an object, in rows that are valid for exactly one content.
//!
//! A row is committed before its object appears and names the object's etag, so of the two there
//! is either neither, or a row for nothing, or both: an object never is without its tag, and a tag
//! never describes another content (S4). Objects without a tag have no row.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use pixmill_contract::error::Result;
use pixmill_contract::port::{Etag, OwnerTag};
use pixmill_contract::{Error, ErrorKind, Key};
use rusqlite::{OptionalExtension as _, params};

use super::etag;
use crate::sqlite::{Database, Durability, Schema};

pub(crate) const SCHEMA: Schema = Schema {
    version: 1,
    create: "CREATE TABLE owners (
                 key        TEXT    NOT NULL,
                 etag       TEXT    NOT NULL,
                 written_at INTEGER NOT NULL,
                 owner      TEXT    NOT NULL,
                 PRIMARY KEY (key, etag)
             ) WITHOUT ROWID",
};

/// Age at which a row whose content is not the object's belongs to nobody. A younger one may be
/// that of a write which is about to finish.
const LEFTOVER_AGE: Duration = Duration::from_hours(24);

/// The database of owner tags.
#[derive(Debug)]
pub(super) struct Owners(Database);

impl Owners {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self> {
        Database::open(path, &SCHEMA, durability).map(Self)
    }

    /// The tag of this content of an object.
    pub(super) fn of(&self, key: &Key, etag: &Etag) -> Result<Option<OwnerTag>> {
        let attempt = "read an owner tag";
        let text: Option<String> = self.0.read_blocking(attempt, |connection| {
            connection
                .prepare_cached("SELECT owner FROM owners WHERE key = ?1 AND etag = ?2")?
                .query_row(params![key.as_str(), etag.0], |row| row.get(0))
                .optional()
        })?;
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|e| Error::new(ErrorKind::Invalid, attempt, e))
    }

    /// Says who made the content that is about to be there, and forgets rows of the key that have
    /// been for nothing long since; `current` is the content that is still there.
    pub(super) fn announce(
        &self,
        key: &Key,
        etag: &Etag,
        owner: &OwnerTag,
        current: Option<&Etag>,
    ) -> Result<()> {
        let attempt = "write an owner tag";
        let text =
            serde_json::to_string(owner).map_err(|e| Error::new(ErrorKind::Invalid, attempt, e))?;
        let now = etag::precise_now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.0.write_blocking(attempt, |connection| {
            let transaction = crate::sqlite::immediate(connection)?;
            transaction
                .prepare_cached(
                    "DELETE FROM owners WHERE key = ?1 AND written_at < ?2 AND etag IS NOT ?3",
                )?
                .execute(params![
                    key.as_str(),
                    seconds(now.saturating_sub(LEFTOVER_AGE)),
                    current.map(|etag| &etag.0)
                ])?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO owners VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key.as_str(), etag.0, seconds(now), text])?;
            transaction.commit()
        })
    }

    /// Forgets the tag of a content that is gone for good.
    pub(super) fn forget(&self, key: &Key, etag: &Etag) -> Result<()> {
        self.0.write_blocking("forget an owner tag", |connection| {
            connection
                .prepare_cached("DELETE FROM owners WHERE key = ?1 AND etag = ?2")?
                .execute(params![key.as_str(), etag.0])
                .map(drop)
        })
    }
}
