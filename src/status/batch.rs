//! How far a batch has got: counts, rate, what is left, failures with their reasons.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::HumanDuration;
use pixmill_contract::document::BatchDocument;
use pixmill_contract::{BatchId, JobId, Pipeline, RejectCode, Timestamp};
use pixmill_producer::{Failure, Ledger, read_batch};
use serde_json::{Value as Json, json};

use crate::shown::{ago, one_line};

/// Failures that are named a code; all of them are in the JSON.
pub(super) const FAILURES_NAMED: usize = 20;

/// How far a batch has got, as of the last look.
pub(super) struct Tally {
    ledger: Ledger,
    document: Option<BatchDocument>,
}

impl Tally {
    pub(super) fn new(pipeline: &Pipeline, batch: BatchId) -> Self {
        Self { ledger: Ledger::new(pipeline.clone(), batch), document: None }
    }

    pub(super) async fn look(&mut self, pipeline: &Pipeline) -> anyhow::Result<()> {
        self.document = read_batch(pipeline, self.ledger.batch()).await?;
        Ok(self.ledger.look().await?)
    }

    pub(super) fn batch(&self) -> &BatchId {
        self.ledger.batch()
    }

    /// Whether anything is known of it.
    pub(super) fn exists(&self) -> bool {
        self.document.is_some() || self.ledger.last_at().is_some()
    }

    /// Whether all jobs are done, once they have ended. Where nobody wrote down how many there are,
    /// they never have.
    pub(super) fn end(&self) -> Option<bool> {
        let document = self.document.as_ref().filter(|document| document.closed)?;
        let failed = self.ledger.failures().len();
        let ended = (self.ledger.done() + failed) as u64;
        (ended >= document.jobs).then_some(failed == 0)
    }

    /// How long the rest takes at the present rate, if there is one.
    #[allow(clippy::cast_precision_loss, reason = "an estimate for people")]
    fn left(&self, now: Timestamp) -> Option<Duration> {
        let ended = self.ledger.done() + self.ledger.failures().len();
        let left = self.document.as_ref()?.jobs.saturating_sub(ended as u64);
        let rate = self.ledger.rate(now);
        (left > 0 && rate > 0.0).then(|| Duration::from_secs_f64(left as f64 / rate))
    }

    /// From its beginning to the last end so far.
    fn took(&self) -> Option<Duration> {
        Some(self.ledger.last_at()?.since(self.document.as_ref()?.created_at))
    }

    pub(super) fn to_json(&self, now: Timestamp) -> Json {
        let failures = self.ledger.failures();
        let dead = failures.iter().filter(|(_, failure)| failure.is_dead).count();
        json!({
            "batch": self.batch(),
            "jobs": self.document.as_ref().map(|document| document.jobs),
            "recipe": self.document.as_ref().and_then(|d| Some(d.recipe.as_ref()?.to_string())),
            "created_at": self.document.as_ref().map(|document| document.created_at),
            "ended": self.end().is_some(),
            "done": self.ledger.done(),
            "failed": failures.len(),
            "dead": dead,
            "per_second": self.ledger.rate(now),
            "seconds_left": self.left(now).map(|left| left.as_secs_f64()),
            "last_at": self.ledger.last_at(),
            "failures": failures.into_iter().map(|one| self.failure_json(one)).collect::<Vec<_>>(),
        })
    }

    /// A headline, and `named` failures of each code.
    pub(super) fn to_text(&self, now: Timestamp, named: usize) -> String {
        let mut text = format!("Batch {}: {}\n", self.batch(), self.to_line(now));
        if named == 0 {
            return text;
        }
        if let Some(document) = &self.document {
            let recipe = document.recipe.as_ref().map(|recipe| format!(": {recipe}"));
            let (by, at) = (&document.by, ago(document.created_at, now));
            text.push_str(&format!("  sent {at} by {by}{}\n", recipe.unwrap_or_default()));
        }
        let mut by_code: BTreeMap<RejectCode, Vec<_>> = BTreeMap::new();
        for (id, failure) in self.ledger.failures() {
            by_code.entry(failure.code).or_default().push((id, failure));
        }
        for (code, failures) in by_code {
            let state = if failures[0].1.is_dead { "dead" } else { "failed" };
            text.push_str(&format!("  {} {state}: {code}\n", failures.len()));
            for (id, failure) in failures.iter().take(named) {
                let source = self.source(id).map_or(String::new(), one_line);
                text.push_str(&format!("    {id} {source}: {}\n", one_line(&failure.reason)));
            }
            if failures.len() > named {
                text.push_str(&format!("    and {} more\n", failures.len() - named));
            }
        }
        text
    }

    pub(super) fn to_line(&self, now: Timestamp) -> String {
        let jobs =
            self.document.as_ref().map_or("?".to_owned(), |document| document.jobs.to_string());
        let failed = self.ledger.failures().len();
        let mut line = format!("{} of {jobs} done, {failed} failed", self.ledger.done());
        if self.end().is_some() {
            if let Some(took) = self.took() {
                line.push_str(&format!(", took {:#}", HumanDuration(took)));
            }
            return line;
        }
        let rate = self.ledger.rate(now);
        if rate > 0.0 {
            line.push_str(&format!(", {rate:.1}/s"));
        }
        if let Some(left) = self.left(now) {
            line.push_str(&format!(", {:#} left", HumanDuration(left)));
        }
        line
    }

    fn failure_json(&self, (id, failure): (&JobId, &Failure)) -> Json {
        json!({
            "id": id,
            "source": self.source(id),
            "state": if failure.is_dead { "dead" } else { "failed" },
            "code": failure.code,
            "reason": failure.reason,
        })
    }

    /// The key of the picture of a job that has ended.
    fn source(&self, id: &JobId) -> Option<&str> {
        self.ledger.end(id)?.source.as_deref()
    }
}
