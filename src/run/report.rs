//! What a run did, for people or for programs.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::HumanBytes;
use pixmill_contract::document::Outcome;
use pixmill_contract::{JobId, RejectCode, ResultDocument};
use serde_json::json;

use super::plan::Plan;
use crate::exit;
use crate::inputs::Found;
use crate::shown::{one_line, plural};

/// The slowest pictures that are named.
const SLOWEST: usize = 3;

/// Failures that are named a code; all of them are in the JSON report.
const FAILURES_NAMED: usize = 20;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Every job has its result.
    Finished,
    /// Somebody stopped it.
    Interrupted,
    /// Something outside stopped it; the reason.
    Stalled(String),
}

/// What a run did.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) seconds: f64,
    pub(crate) workers_died: usize,
    /// The most memory that one worker has had at once, where the system tells.
    pub(crate) worker_memory_bytes: Option<u64>,
    out: PathBuf,
    inputs: HashMap<JobId, PathBuf>,
    total: usize,
    done_before: usize,
    done: usize,
    outputs: usize,
    failures: Vec<Failure>,
    passed_over: BTreeMap<String, usize>,
    bytes_in: u64,
    bytes_out: u64,
    slowest: Vec<(f64, PathBuf)>,
}

#[derive(Debug)]
struct Failure {
    input: PathBuf,
    state: &'static str,
    code: RejectCode,
    reason: String,
}

impl Report {
    pub(crate) fn new(plan: &Plan, found: &Found, out: &Path) -> Self {
        let refused = plan.refused.iter().map(|(input, rejection)| Failure {
            input: input.clone(),
            state: "failed",
            code: rejection.code,
            reason: rejection.reason.clone(),
        });
        let failures: Vec<_> = refused.collect();
        Self {
            end: End::Finished,
            seconds: 0.0,
            workers_died: 0,
            worker_memory_bytes: None,
            out: out.to_owned(),
            inputs: plan.jobs.iter().map(|(job, path)| (job.id.clone(), path.clone())).collect(),
            total: plan.jobs.len() + plan.done + failures.len(),
            done_before: plan.done,
            done: 0,
            outputs: 0,
            failures,
            passed_over: found.passed_over.clone(),
            bytes_in: 0,
            bytes_out: 0,
            slowest: vec![],
        }
    }

    /// Adds the end of a job.
    pub(crate) fn add(&mut self, result: &ResultDocument) {
        let input = self.inputs.get(&result.id).cloned().unwrap_or_default();
        match &result.outcome {
            Outcome::Done { outputs } => {
                self.done += 1;
                self.outputs += outputs.len();
                self.bytes_in += result.source.as_ref().map_or(0, |source| source.bytes);
                self.bytes_out += outputs.iter().map(|output| output.bytes).sum::<u64>();
            }
            Outcome::Failed { code, reason } | Outcome::Dead { code, reason } => {
                let (code, reason) = (*code, reason.clone());
                let state = result.outcome.state();
                self.failures.push(Failure { input: input.clone(), state, code, reason });
            }
            Outcome::Redriven { .. } => {}
        }
        self.slowest.push((result.timings.grind_ms, input));
        self.slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.slowest.truncate(SLOWEST);
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match &self.end {
            End::Interrupted => exit::INTERRUPTED.into(),
            End::Stalled(_) => exit::STALLED.into(),
            End::Finished if self.failures.is_empty() => ExitCode::SUCCESS,
            End::Finished => exit::FAILED.into(),
        }
    }

    /// Prints it to standard output.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json { format!("{:#}\n", self.to_json()) } else { self.to_text() };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds.max(0.001)
    }

    fn to_json(&self) -> serde_json::Value {
        let (end, stalled_by) = match &self.end {
            End::Finished => ("finished", None),
            End::Interrupted => ("interrupted", None),
            End::Stalled(reason) => ("stalled", Some(reason)),
        };
        let failures = self.failures.iter().map(|failure| {
            json!({
                "input": failure.input.to_string_lossy(), "state": failure.state,
                "code": failure.code, "reason": failure.reason,
            })
        });
        let slowest = self.slowest.iter();
        let slowest =
            slowest.map(|(ms, p)| json!({ "input": p.to_string_lossy(), "grind_ms": ms }));
        json!({
            "end": end,
            "stalled_by": stalled_by,
            "total": self.total,
            "done": self.done,
            "done_before": self.done_before,
            "failed": self.failures.len(),
            "outputs": self.outputs,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "seconds": self.seconds,
            "per_second": self.per_second(),
            "workers_died": self.workers_died,
            "worker_memory_bytes": self.worker_memory_bytes,
            "failures": failures.collect::<Vec<_>>(),
            "passed_over": self.passed_over,
            "slowest": slowest.collect::<Vec<_>>(),
            "out": self.out.to_string_lossy(),
        })
    }

    fn to_text(&self) -> String {
        let mut lines = vec![self.headline()];
        if self.bytes_in > 0 {
            let (bytes_in, bytes_out) = (HumanBytes(self.bytes_in), HumanBytes(self.bytes_out));
            let memory = self.worker_memory_bytes.map(HumanBytes);
            let memory = memory.map_or(String::new(), |most| format!(", at most {most} a worker"));
            lines.push(format!("  {bytes_in} in, {bytes_out} out{memory}"));
        }
        // If that is all, the headline says it.
        if (1..self.total).contains(&self.done_before) {
            lines.push(format!("  {} done before", self.done_before));
        }
        let passed_over: usize = self.passed_over.values().sum();
        if passed_over > 0 {
            let files = plural(passed_over, "file");
            lines.push(format!("  {files} passed over: no pictures by name or content"));
        }
        if self.workers_died > 0 {
            let workers = plural(self.workers_died, "worker");
            lines.push(format!("  {workers} died and had to be replaced"));
        }
        if self.slowest.iter().any(|(ms, _)| *ms > 0.0) && self.done > SLOWEST {
            let name = |(ms, path): &(f64, PathBuf)| {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                format!("{file} {ms:.0} ms")
            };
            let slowest: Vec<_> = self.slowest.iter().map(name).collect();
            lines.push(format!("  slowest: {}", slowest.join(", ")));
        }
        lines.extend(self.failure_lines());
        match &self.end {
            End::Finished => lines.push(format!("Look into {}", self.out.display())),
            End::Interrupted => lines.push("Interrupted: run it again to continue.".to_owned()),
            End::Stalled(reason) => {
                lines.push(format!("Stopped by something outside: {reason}"));
                lines.push("Run it again to continue when that is mended.".to_owned());
            }
        }
        lines.join("\n") + "\n"
    }

    fn headline(&self) -> String {
        let wanted = self.total - self.done_before;
        if wanted == 0 {
            return format!("Nothing to do: {} done before", plural(self.total, "picture"));
        }
        format!(
            "Ground {} of {} into {} in {:.1} s ({:.1}/s)",
            self.done,
            plural(wanted, "picture"),
            plural(self.outputs, "file"),
            self.seconds,
            self.per_second(),
        )
    }

    fn failure_lines(&self) -> Vec<String> {
        let mut by_code: BTreeMap<RejectCode, Vec<&Failure>> = BTreeMap::new();
        for failure in &self.failures {
            by_code.entry(failure.code).or_default().push(failure);
        }
        let mut lines = Vec::new();
        for (code, mut failures) in by_code {
            failures.sort_by(|a, b| a.input.cmp(&b.input));
            lines.push(format!("  {} failed: {code}", failures.len()));
            for failure in failures.iter().take(FAILURES_NAMED) {
                lines.push(format!("    {}: {}", shown(&failure.input), failure.reason));
            }
            if failures.len() > FAILURES_NAMED {
                lines.push(format!("    and {} more", failures.len() - FAILURES_NAMED));
            }
            if code == RejectCode::OutputExists {
                lines.push("    --overwrite replaces what is in the way".to_owned());
            }
        }
        lines
    }
}

/// A path on one line, whatever is in its name.
fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}
