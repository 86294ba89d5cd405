//! What happens to messages, in transactions. Everything here blocks and knows no async.

use pixmill_contract::Timestamp;
use pixmill_contract::port::{Delivery, Depth, MAX_VISIBILITY};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::group::Group;
use super::receipt::Latest;
use crate::sqlite::{Immediate, immediate};

/// A message as it is written.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) body: String,
    pub(super) visible_at: Timestamp,
}

/// What a receive asks of a queue.
#[derive(Debug, Clone)]
pub(super) struct Take {
    pub(super) queue: String,
    pub(super) max: usize,
    pub(super) now: Timestamp,
    pub(super) visible_at: Timestamp,
    pub(super) holder: Option<String>,
    /// The count that may be reached, and the queue for what is received more often.
    pub(super) limit: Option<(u32, String)>,
}

/// What a receive got.
#[derive(Debug)]
pub(super) enum Taken {
    /// These, at least one.
    Some(Vec<Delivery>),
    /// Nothing can be received before this moment, unless something is sent or released.
    Nothing { until: Option<Timestamp> },
}

/// What became of a change to one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Done,
    /// The receipt is not the message's latest.
    Lost,
    /// The delivery would be hidden for longer than one may be.
    TooLong,
}

/// SQLite's integers have a sign.
fn sql(time: Timestamp) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}

fn unsigned(sql: i64) -> u64 {
    u64::try_from(sql).unwrap_or(0)
}

fn time(sql: i64) -> Timestamp {
    Timestamp::from_millis(unsigned(sql))
}

/// How many there are of something that is in memory.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Appends messages, all or none.
pub(super) fn send(
    transaction: &Immediate<'_>,
    queue: &str,
    now: Timestamp,
    expires_at: Option<Timestamp>,
    rows: &[Row],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO messages (queue, visible_at, sent_at, expires_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in rows {
        insert.execute(params![
            queue,
            sql(row.visible_at),
            sql(now),
            expires_at.map(sql),
            row.body
        ])?;
    }
    count(transaction, queue, number(rows.len()))
}

/// Delivers what can be received, or says when to look again. Takes the write lock only when
/// there is something to take.
pub(super) fn take(
    connection: &mut Connection,
    take: &Take,
    group: &Group,
) -> rusqlite::Result<Taken> {
    loop {
        let next = next_visible(connection, &take.queue)?;
        if next.is_none_or(|at| at > take.now) {
            return Ok(Taken::Nothing { until: next });
        }
        let deliveries = group.transaction(connection, |transaction| {
            expire_in(transaction, take.now)?;
            deliver(transaction, take)
        })?;
        // All that was there may have been taken by another, expired or moved: look again.
        if !deliveries.is_empty() {
            return Ok(Taken::Some(deliveries));
        }
    }
}

fn next_visible(connection: &Connection, queue: &str) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT visible_at FROM messages WHERE queue = ?1 ORDER BY visible_at")?
        .query_row([queue], |row| row.get(0).map(time))
        .optional()
}

fn deliver(transaction: &Immediate<'_>, take: &Take) -> rusqlite::Result<Vec<Delivery>> {
    let mut candidates = transaction.prepare_cached(
        "SELECT id, receive_count FROM messages WHERE queue = ?1 AND visible_at <= ?2
         ORDER BY visible_at LIMIT ?3",
    )?;
    let candidates: Vec<(i64, u32)> = candidates
        .query_map(params![take.queue, sql(take.now), number(take.max)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;

    let mut deliveries = Vec::with_capacity(candidates.len());
    for (id, received) in candidates {
        match &take.limit {
            Some((max, dead_letter)) if received >= *max => {
                bury(transaction, id, take, dead_letter)?;
            }
            _ => deliveries.push(hand_out(transaction, id, take)?),
        }
    }
    Ok(deliveries)
}

fn hand_out(transaction: &Immediate<'_>, id: i64, take: &Take) -> rusqlite::Result<Delivery> {
    let mut update = transaction.prepare_cached(
        "UPDATE messages SET visible_at = ?2, received_at = ?3, holder = ?4, token = random(),
                             receive_count = receive_count + 1
         WHERE id = ?1 RETURNING token, receive_count, sent_at, body",
    )?;
    let values = params![id, sql(take.visible_at), sql(take.now), take.holder];
    update.query_row(values, |row| {
        Ok(Delivery {
            receipt: Latest { message: id, token: row.get(0)? }.receipt(),
            receive_count: row.get(1)?,
            sent_at: time(row.get(2)?),
            body: row.get(3)?,
        })
    })
}

/// Moves a message to the dead-letter queue, where it counts from zero and is kept for ever:
/// what was given up is dropped by nobody but a person.
fn bury(
    transaction: &Immediate<'_>,
    id: i64,
    take: &Take,
    dead_letter: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE messages SET queue = ?2, visible_at = ?3, receive_count = 0, token = NULL,
                                 received_at = NULL, holder = NULL, expires_at = NULL
             WHERE id = ?1",
        )?
        .execute(params![id, dead_letter, sql(take.now)])?;
    count(transaction, &take.queue, -1)?;
    count(transaction, dead_letter, 1)
}

/// Hides deliveries until a moment, or releases those whose moment is `now`.
pub(super) fn change_visibility(
    transaction: &Immediate<'_>,
    queue: &str,
    holder: Option<&str>,
    now: Timestamp,
    entries: &[(Latest, Timestamp)],
) -> rusqlite::Result<Vec<Change>> {
    let mut changes = Vec::with_capacity(entries.len());
    let mut find = transaction.prepare_cached(
        "SELECT received_at FROM messages WHERE id = ?1 AND token = ?2 AND queue = ?3",
    )?;
    let mut update = transaction
        .prepare_cached("UPDATE messages SET visible_at = ?2, holder = ?3 WHERE id = ?1")?;
    for (latest, until) in entries {
        let found = find
            .query_row(params![latest.message, latest.token, queue], |row| row.get(0).map(time))
            .optional()?;
        changes.push(match found {
            None => Change::Lost,
            Some(received_at) if *until > received_at + MAX_VISIBILITY => Change::TooLong,
            Some(_) => {
                let holder = holder.filter(|_| *until > now);
                update.execute(params![latest.message, sql(*until), holder])?;
                Change::Done
            }
        });
    }
    Ok(changes)
}

/// Deletes the messages of these deliveries.
pub(super) fn delete(
    transaction: &Immediate<'_>,
    queue: &str,
    receipts: &[Latest],
) -> rusqlite::Result<Vec<Change>> {
    let mut delete = transaction
        .prepare_cached("DELETE FROM messages WHERE id = ?1 AND token = ?2 AND queue = ?3")?;
    let mut changes = Vec::with_capacity(receipts.len());
    for latest in receipts {
        let deleted = delete.execute(params![latest.message, latest.token, queue])?;
        changes.push(if deleted == 0 { Change::Lost } else { Change::Done });
    }
    let deleted = changes.iter().filter(|change| **change == Change::Done).count();
    count(transaction, queue, -number(deleted))?;
    Ok(changes)
}

/// How much there is. Takes as long as there are hidden messages, however many are visible.
pub(super) fn depth(
    connection: &mut Connection,
    queue: &str,
    now: Timestamp,
) -> rusqlite::Result<Depth> {
    let snapshot = connection.transaction()?;
    let all: i64 = snapshot
        .prepare_cached("SELECT messages FROM queues WHERE name = ?1")?
        .query_row([queue], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let (hidden, delayed): (i64, i64) = snapshot
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE receive_count = 0) FROM messages
             WHERE queue = ?1 AND visible_at > ?2",
        )?
        .query_row(params![queue, sql(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Depth {
        visible: unsigned(all - hidden),
        in_flight: unsigned(hidden - delayed),
        delayed: unsigned(delayed),
    })
}

/// Makes deliveries visible that are hidden: those of one holder, or of all. They keep their
/// receive counts.
pub(super) fn release(
    connection: &mut Connection,
    queue: &str,
    now: Timestamp,
    holder: Option<&str>,
) -> rusqlite::Result<usize> {
    let transaction = immediate(connection)?;
    let released = transaction
        .prepare_cached(
            "UPDATE messages SET visible_at = ?2, holder = NULL
             WHERE queue = ?1 AND visible_at > ?2 AND receive_count > 0
               AND (?3 IS NULL OR holder = ?3)",
        )?
        .execute(params![queue, sql(now), holder])?;
    transaction.commit()?;
    Ok(released)
}

/// How many deliveries each holder has hidden now.
pub(super) fn held(
    connection: &mut Connection,
    queue: &str,
    now: Timestamp,
) -> rusqlite::Result<Vec<(String, u64)>> {
    connection
        .prepare_cached(
            "SELECT holder, count(*) FROM messages
             WHERE queue = ?1 AND visible_at > ?2 AND holder IS NOT NULL
             GROUP BY holder ORDER BY holder",
        )?
        .query_map(params![queue, sql(now)], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?
        .collect()
}

/// Deletes every message of a queue.
pub(super) fn purge(connection: &mut Connection, queue: &str) -> rusqlite::Result<usize> {
    let transaction = immediate(connection)?;
    let purged = transaction.execute("DELETE FROM messages WHERE queue = ?1", [queue])?;
    transaction.execute("DELETE FROM queues WHERE name = ?1", [queue])?;
    transaction.commit()?;
    Ok(purged)
}

/// Drops what is past its retention, in every queue of the file. If there is nothing, it takes no
/// lock: whoever opens a queue gets in although somebody holds it.
pub(super) fn expire(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    let due = "SELECT 1 FROM messages WHERE expires_at <= ?1";
    if !connection.prepare(due)?.exists([sql(now)])? {
        return Ok(());
    }
    let transaction = immediate(connection)?;
    expire_in(&transaction, now)?;
    transaction.commit()
}

/// Brings back what was hidden at a moment that is still to come: the clock was ahead then, and for
/// how long it was meant to be hidden nobody knows any more. If there is nothing, it takes no lock.
pub(super) fn unhide(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    let hidden = "SELECT id FROM queues JOIN messages ON queue = name
                  WHERE visible_at > ?1 AND coalesce(received_at, sent_at) > ?1";
    if !connection.prepare(hidden)?.exists([sql(now)])? {
        return Ok(());
    }
    let update = format!("UPDATE messages SET visible_at = ?1 WHERE id IN ({hidden})");
    connection.execute(&update, [sql(now)]).map(drop)
}

/// Brings back whatever is hidden, because the clock was seen to go back from `was`: when each was
/// renewed is not known. Whoever holds one renews its delivery and goes on, or finds it delivered
/// again, as after any lease that ran out. Every process sees the same clock go back, a little sooner
/// or later; the first one does it for all.
pub(super) fn unhide_all(
    connection: &mut Connection,
    was: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<()> {
    const LATELY_MILLIS: i64 = 60_000;
    let transaction = immediate(connection)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS set_backs (was INTEGER NOT NULL, at INTEGER NOT NULL)",
    )?;
    let lately: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM set_backs
                        WHERE at BETWEEN ?2 - ?3 AND ?2 AND abs(was - ?1) <= ?3)",
        params![sql(was), sql(now), LATELY_MILLIS],
        |row| row.get(0),
    )?;
    if !lately {
        transaction.execute("DELETE FROM set_backs", [])?;
        transaction.execute("INSERT INTO set_backs VALUES (?1, ?2)", [sql(was), sql(now)])?;
        transaction
            .execute("UPDATE messages SET visible_at = ?1 WHERE visible_at > ?1", [sql(now)])?;
    }
    transaction.commit()
}

fn expire_in(transaction: &Immediate<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let expired: Vec<String> = transaction
        .prepare_cached("DELETE FROM messages WHERE expires_at <= ?1 RETURNING queue")?
        .query_map([sql(now)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    expired.iter().try_for_each(|queue| count(transaction, queue, -1))
}

/// Keeps a queue's count, in the same transaction as what it counts.
fn count(transaction: &Immediate<'_>, queue: &str, more: i64) -> rusqlite::Result<()> {
    if more != 0 {
        transaction
            .prepare_cached(
                "INSERT INTO queues (name, messages) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET messages = messages + excluded.messages",
            )?
            .execute(params![queue, more])?;
    }
    Ok(())
}
