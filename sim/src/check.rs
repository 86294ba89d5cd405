//! The checker: knows what was sent, reads the queue's file and the store's files, and asks no code
//! that is on trial.
//!
//! After every event: every job that was accepted has a message or a result, and a dead one a dead
//! letter as soon as its message is gone; a result is there once and stays as it is, but for the
//! tombstone of a redrive; an output never is anything else than what comes out undisturbed; the
//! controllers keep to their lease (`lead`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pixmill_contract::{BatchId, IntentId, Key};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;

use crate::jobs::{Kind, Sent};
use crate::lead::{self, Lead};

/// A write is looked for in so many events: calls take a while, and most make the object no other.
const LOOKS: u32 = 500;

/// Whoever checks.
#[derive(Debug)]
pub(crate) struct Check {
    objects: PathBuf,
    queue: Connection,
    seen_version: i64,
    sent: Vec<Job>,
    /// What a body stands for, by its job's name or by itself.
    names: BTreeMap<String, usize>,
    /// The deliveries that workers were given, by worker and job, and whether each may still be theirs.
    given: BTreeMap<(String, String), BTreeMap<String, bool>>,
    /// Keys that somebody is about to write, and how many events that may still take.
    written: BTreeMap<String, u32>,
    /// Which file an object was when it was last looked at: its inode, and when it was written.
    known: BTreeMap<String, (u64, i64)>,
    lead: Lead,
}

/// What is known of a job.
#[derive(Debug)]
struct Job {
    sent: Sent,
    /// Its result as it was last seen: the state, and the text of the file.
    result: Option<(String, String)>,
    /// Messages in the queue, and letters.
    messages: usize,
    letters: usize,
}

impl Check {
    /// Checks the data directory of a pipeline on one machine.
    pub(crate) fn new(data: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let queue = Connection::open_with_flags(data.join("queue.sqlite"), flags)?;
        Ok(Self {
            objects: data.join("objects"),
            queue,
            seen_version: -1,
            sent: vec![],
            names: BTreeMap::new(),
            given: BTreeMap::new(),
            written: BTreeMap::new(),
            known: BTreeMap::new(),
            lead: Lead::default(),
        })
    }

    /// These messages were accepted.
    pub(crate) fn accepted(&mut self, sent: Sent) {
        let number = self.sent.len();
        match &sent.id {
            Some(id) => drop(self.names.insert(id.to_string(), number)),
            None => sent.bodies.iter().for_each(|body| {
                self.names.insert(body.clone(), number);
            }),
        }
        self.sent.push(Job { sent, result: None, messages: 0, letters: 0 });
        // Or what was there when it was not known yet would not be looked at.
        self.seen_version = -1;
    }

    /// Somebody is about to write this object.
    pub(crate) fn written(&mut self, key: &Key) {
        self.written.insert(key.as_str().to_owned(), LOOKS);
    }

    /// Whether nothing was lost and nothing is wrong.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        for (key, looks) in std::mem::take(&mut self.written) {
            if !self.look_at(&key)? && looks > 0 {
                self.written.insert(key, looks - 1);
            }
        }
        let counted = self.count_messages().map_err(|error| format!("reading the queue: {error}"));
        if counted? && let Some(job) = self.sent.iter().find(|job| job.is_lost()) {
            let Job { sent, messages, letters, .. } = job;
            let (name, state) = (sent.name(), job.state());
            return Err(format!(
                "{name} is {state}, with {messages} messages and {letters} letters"
            ));
        }
        Ok(())
    }

    /// Looks at an object; whether it is another one than before.
    fn look_at(&mut self, key: &str) -> Result<bool, String> {
        let path = self.objects.join(key);
        let Ok(meta) = fs::metadata(&path) else { return Ok(false) };
        let file = (meta.ino(), meta.mtime() << 32 ^ meta.mtime_nsec());
        if self.known.insert(key.to_owned(), file) == Some(file) {
            return Ok(false);
        }
        let content = fs::read(path).map_err(|error| format!("reading {key}: {error}"))?;
        self.content_is(key, &content).map(|()| true)
    }

    fn content_is(&mut self, key: &str, content: &[u8]) -> Result<(), String> {
        if key == lead::STATE {
            return self.lead.is(content);
        }
        let of = format!("/{}/", BatchId::single());
        let Some((kind, name)) = key.split_once(&of) else { return Ok(()) };
        let id = name.split(['/', '.']).next().unwrap_or_default();
        let Some(number) = self.names.get(id) else { return Ok(()) };
        let job = &mut self.sent[*number];
        match kind {
            "results" => {
                job.result_is(&String::from_utf8_lossy(content))?;
                // What it says of messages may hold from now on.
                self.seen_version = -1;
                Ok(())
            }
            "outputs" => job.output_is(key, content),
            _ => Ok(()),
        }
    }

    /// Counts messages, if the file has changed since; whether it has.
    fn count_messages(&mut self) -> rusqlite::Result<bool> {
        let version =
            self.queue.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version == self.seen_version {
            return Ok(false);
        }
        self.seen_version = version;
        self.sent.iter_mut().for_each(|job| (job.messages, job.letters) = (0, 0));
        let mut select = self.queue.prepare_cached("SELECT queue, body FROM messages")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (queue, body): (String, String) = (row.get(0)?, row.get(1)?);
            let json: Json = serde_json::from_str(&body).unwrap_or_default();
            let name = json.get("id").and_then(Json::as_str).unwrap_or(&body);
            let Some(job) = self.names.get(name).map(|number| &mut self.sent[*number]) else {
                continue;
            };
            match queue.as_str() {
                "jobs" => job.messages += 1,
                "jobs-dead" => job.letters += 1,
                _ => {}
            }
        }
        Ok(true)
    }

    /// A worker was given a delivery of a job's message.
    pub(crate) fn given(&mut self, worker: &str, id: &str, receipt: &str) {
        let given = self.given.entry((worker.to_owned(), id.to_owned())).or_default();
        given.insert(receipt.to_owned(), true);
    }

    /// A worker was told that a delivery is its own no more.
    pub(crate) fn told_lost(&mut self, worker: &str, receipt: &str) {
        for ((holder, _), given) in &mut self.given {
            if holder == worker
                && let Some(is_held) = given.get_mut(receipt)
            {
                *is_held = false;
            }
        }
    }

    /// Whether a worker that writes for a job may hold a delivery of it, as far as it has been told.
    pub(crate) fn may_hold(&self, worker: &str, id: &str) -> Result<(), String> {
        match self.given.get(&(worker.to_owned(), id.to_owned())) {
            Some(given) if !given.values().any(|is_held| *is_held) => {
                Err(format!("{worker} writes for {id}, which it was told that it has lost"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a controller may act, and launch this.
    pub(crate) fn may_act(
        &self,
        controller: &str,
        launched: Option<&IntentId>,
    ) -> Result<(), String> {
        let content = fs::read(self.objects.join(lead::STATE)).unwrap_or_default();
        lead::may_act(&content, controller, launched)
    }

    /// Innocent jobs that were given up.
    pub(crate) fn innocent_dead(&self) -> Vec<String> {
        let innocent = |job: &&Job| {
            !matches!(job.sent.kind, Kind::Hang | Kind::Killer) && job.state() == "dead"
        };
        self.sent.iter().filter(innocent).map(|job| job.sent.name().to_owned()).collect()
    }

    /// The messages as they stand, for people: whose they are, and when they are next to be had.
    pub(crate) fn messages(&self) -> rusqlite::Result<String> {
        let mut select = self.queue.prepare_cached(
            "SELECT queue, visible_at, receive_count, sent_at, coalesce(received_at, 0),
                    coalesce(holder, 'nobody'), substr(body, 1, 40) FROM messages
             WHERE queue NOT LIKE 'replies-%'",
        )?;
        let mut rows = select.query([])?;
        let mut text = String::new();
        while let Some(row) = rows.next()? {
            let (queue, holder, body): (String, String, String) =
                (row.get(0)?, row.get(5)?, row.get(6)?);
            let (visible, count, sent, received): (i64, u32, i64, i64) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let _ = writeln!(
                text,
                "    {queue}: {body} visible at {visible}, sent at {sent}, received {count} times, \
                 at {received} by {holder}"
            );
        }
        Ok(text)
    }

    /// What has not come to its end yet: a job without a result, or a message in the queue.
    pub(crate) fn open(&mut self) -> Result<Vec<String>, String> {
        self.seen_version = -1;
        self.look()?;
        let open = |job: &&Job| {
            job.messages > 0
                || job.sent.id.is_some() && !matches!(job.state(), "done" | "failed" | "dead")
        };
        let tell = |job: &Job| {
            format!("{}: {} and {} messages", job.sent.name(), job.state(), job.messages)
        };
        Ok(self.sent.iter().filter(open).map(tell).collect())
    }

    /// Whether all ended as they have to, after a redrive: every result, every output, every letter.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        self.seen_version = -1;
        self.look()?;
        for job in &self.sent {
            let expected = match job.sent.kind {
                Kind::Corrupt | Kind::Missing => "failed",
                Kind::Foreign => "without a result",
                Kind::Good | Kind::Repeated | Kind::Hang | Kind::Killer | Kind::Twins => "done",
            };
            if job.state() != expected {
                return Err(format!("{} is {} and not {expected}", job.sent.name(), job.state()));
            }
            // A letter may be left of a message that came again while its job was dead.
            let is_letter = job.sent.kind == Kind::Foreign && job.letters == 0;
            if is_letter {
                return Err(format!("{} is gone", job.sent.name()));
            }
            if expected == "done" {
                job.has_its_outputs(&self.objects)?;
            }
        }
        self.has_no_strays()
    }

    /// Whether all objects among the outputs are some job's.
    fn has_no_strays(&self) -> Result<(), String> {
        let known: BTreeSet<_> = self
            .sent
            .iter()
            .flat_map(|job| job.sent.outputs.values())
            .flatten()
            .map(|(key, _)| key)
            .collect();
        let mut directories = vec![self.objects.join("outputs")];
        while let Some(directory) = directories.pop() {
            let Ok(entries) = fs::read_dir(&directory) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let key = path.strip_prefix(&self.objects).unwrap_or(&path).to_string_lossy();
                if path.is_dir() {
                    directories.push(path);
                } else if !known.contains(&key.to_string()) {
                    return Err(format!("nobody was to make {key}"));
                }
            }
        }
        Ok(())
    }
}

impl Job {
    fn state(&self) -> &str {
        self.result.as_ref().map_or("without a result", |(state, _)| state)
    }

    fn is_lost(&self) -> bool {
        match self.state() {
            "done" | "failed" => false,
            // Dead, or about to be sent again.
            "dead" | "redriven" => self.messages + self.letters == 0,
            // What is no job, or has another one's name, ends as a letter.
            _ if self.sent.kind == Kind::Foreign => self.messages + self.letters == 0,
            _ => self.messages == 0,
        }
    }

    /// The first result wins.
    fn result_is(&mut self, text: &str) -> Result<(), String> {
        let json: Json = serde_json::from_str(text).unwrap_or_default();
        let state = json.get("state").and_then(Json::as_str).unwrap_or_default().to_owned();
        if let Some((before, known)) = &self.result
            && known != text
        {
            let may_change =
                matches!((before.as_str(), &state[..]), ("dead", "redriven") | ("redriven", _));
            if !may_change {
                return Err(format!(
                    "the result of {} was {known} and is {text}",
                    self.sent.name()
                ));
            }
        }
        self.result = Some((state, text.to_owned()));
        Ok(())
    }

    fn output_is(&self, key: &str, content: &[u8]) -> Result<(), String> {
        let known = self
            .sent
            .outputs
            .values()
            .any(|outputs| outputs.get(key).is_some_and(|o| o == content));
        if known { Ok(()) } else { Err(format!("{key} is not what comes out undisturbed")) }
    }

    /// Whether exactly the outputs of the job whose result it is are there.
    fn has_its_outputs(&self, objects: &Path) -> Result<(), String> {
        let json =
            self.result.as_ref().and_then(|(_, text)| serde_json::from_str::<Json>(text).ok());
        let json = json.unwrap_or_default();
        let digest = json.get("digest").and_then(Json::as_str).unwrap_or_default();
        let Some(outputs) = self.sent.outputs.get(digest) else {
            return Err(format!("{} is done as another job", self.sent.name()));
        };
        let listed = json.get("outputs").and_then(Json::as_array).map_or(0, Vec::len);
        if listed != outputs.len() {
            return Err(format!("{} has {listed} outputs in its result", self.sent.name()));
        }
        for (key, expected) in outputs {
            let there = fs::read(objects.join(key)).ok();
            if there.as_ref() != Some(expected) {
                return Err(format!("{key} is not what comes out undisturbed"));
            }
        }
        Ok(())
    }
}
