//! One job's whole story: what it was to be, what became of it, and what went wrong on the way.

use indicatif::HumanBytes;
use pixmill_contract::document::{AttemptNote, JobReading, Outcome, OutputRecord, Trouble};
use pixmill_contract::{BatchId, Job, JobId, Pipeline, ResultDocument, Timestamp};
use pixmill_producer::{Name, read_note, read_result, read_standing};
use serde_json::{Value as Json, json};

use crate::shown::{ago, one_line, plural};

/// What is known of a job, as of the last look.
pub(super) struct Story {
    batch: BatchId,
    id: JobId,
    /// Its result, or the tombstone in its place.
    result: Option<ResultDocument>,
    note: Option<AttemptNote>,
    /// The result of its retry, if it has been retried.
    retry: Option<ResultDocument>,
}

impl Story {
    pub(super) fn new(batch: BatchId, id: JobId) -> Self {
        Self { batch, id, result: None, note: None, retry: None }
    }

    pub(super) async fn look(&mut self, pipeline: &Pipeline) -> anyhow::Result<()> {
        let standing = read_standing(pipeline, &self.batch, &self.id).await?;
        self.result = standing.and_then(|standing| standing.document);
        self.note = read_note(pipeline, &self.batch, &self.id).await?;
        self.retry = read_result(pipeline, &self.batch, &self.id.retry()).await?;
        Ok(())
    }

    /// Whether it is done, once it has ended.
    pub(super) fn end(&self) -> Option<bool> {
        let outcome = &self.result.as_ref()?.outcome;
        outcome.is_end().then_some(matches!(outcome, Outcome::Done { .. }))
    }

    fn name(&self) -> Name {
        Name { batch: Some(self.batch.clone()), id: self.id.clone() }
    }

    pub(super) fn to_json(&self) -> Json {
        json!({
            "batch": self.batch,
            "id": self.id,
            "state": self.result.as_ref().map(|result| result.outcome.state()),
            "result": self.result,
            "attempts": self.note,
            "retry": self.retry.as_ref().map(|retry| {
                json!({ "id": retry.id, "state": retry.outcome.state() })
            }),
        })
    }

    pub(super) fn to_line(&self) -> String {
        let what = match self.result.as_ref().map(|result| &result.outcome) {
            None => "no result: it waits, is in work, or was never sent".to_owned(),
            Some(Outcome::Done { outputs }) => format!("done, {}", plural(outputs.len(), "output")),
            Some(Outcome::Failed { code, reason }) => format!("failed, {code}: {reason}"),
            Some(Outcome::Dead { code, reason }) => format!("dead, {code}: {reason}"),
            Some(Outcome::Redriven { .. }) => "was dead and has been sent again".to_owned(),
        };
        format!("Job {}: {}", self.name(), one_line(&what))
    }

    pub(super) fn to_text(&self, now: Timestamp) -> String {
        let mut lines = vec![];
        if let Some(result) = &self.result {
            lines.extend(message(result));
            lines.extend(outputs(result));
            if result.outcome.is_end() {
                lines.extend(work(result, now));
            }
        }
        if let Some(retry) = &self.retry {
            lines.push(("retry", format!("{} is {}", retry.id, retry.outcome.state())));
        }
        let mut text = self.to_line() + "\n";
        for (what, line) in lines {
            text.push_str(&format!("  {what:<9} {}\n", one_line(&line)));
        }
        let note = self.note.as_ref();
        for start in note.map_or(&[][..], |note| &note.starts) {
            let end = if start.struck { ", which was no attempt" } else { "" };
            text.push_str(&format!("  begun     {} by {}{end}\n", start.at, start.worker));
        }
        let troubles = match (&self.result, note) {
            (Some(result), _) if !result.troubles.is_empty() => &result.troubles[..],
            (_, Some(note)) => &note.troubles[..],
            (_, None) => &[],
        };
        text.extend(troubles.iter().map(trouble));
        text
    }
}

/// What its message says.
fn message(result: &ResultDocument) -> Vec<(&'static str, String)> {
    let body = result.job.as_ref().map(Json::to_string).unwrap_or_default();
    let JobReading::Job { job, .. } = Job::read(&body) else {
        return vec![("message", body)];
    };
    let mut source = job.source.key.to_string();
    if let Some(facts) = &result.source {
        if let (Some(format), Some(width), Some(height)) = (facts.format, facts.width, facts.height)
        {
            source.push_str(&format!(", {} {width}×{height}", format.extension()));
        }
        source.push_str(&format!(", {}", HumanBytes(facts.bytes)));
    }
    let mut lines = vec![("source", source), ("recipe", job.recipe.to_string())];
    if let Some(old) = &job.retry_of {
        lines.push(("retry of", old.to_string()));
    }
    lines.push(("sent", job.submitted_at.to_string()));
    lines
}

/// What is there of it.
fn outputs(result: &ResultDocument) -> Vec<(&'static str, String)> {
    let Outcome::Done { outputs } = &result.outcome else { return vec![] };
    let line = |output: &OutputRecord| {
        let (width, height, bytes) = (output.width, output.height, HumanBytes(output.bytes));
        format!("{}, {} {width}×{height}, {bytes}", output.key, output.format.extension())
    };
    outputs.iter().map(|output| ("output", line(output))).collect()
}

/// Who worked on it, and how long.
fn work(result: &ResultDocument, now: Timestamp) -> Vec<(&'static str, String)> {
    let times = result.timings;
    let receives = plural(usize::try_from(result.receives).unwrap_or(usize::MAX), "time");
    let mut received = format!("{receives}, last by {} on {}", result.worker, result.instance);
    if result.redrive > 0 {
        received.push_str(&format!(", in redrive {}", result.redrive));
    }
    let time = format!(
        "{:.0} ms queued, {:.0} ms read, {:.0} ms ground, {:.0} ms stored, {:.0} ms from receipt to end",
        times.queued_ms, times.fetch_ms, times.grind_ms, times.store_ms, times.total_ms,
    );
    let ended = format!("{}, {}", result.finished_at, ago(result.finished_at, now));
    vec![
        ("received", received),
        ("time", time),
        ("ended", ended),
        ("engine", result.engine.clone()),
    ]
}

fn trouble(trouble: &Trouble) -> String {
    let Trouble { at, worker, reason, .. } = trouble;
    format!("  trouble   {at} by {worker}: {}\n", one_line(reason))
}
