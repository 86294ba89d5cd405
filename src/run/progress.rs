//! Progress, to standard error: a bar on a terminal, now and then a plain line otherwise.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pixmill_contract::ResultDocument;
use pixmill_contract::document::Outcome;
use tokio::time::Instant;

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a run has got.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
    quiet: bool,
    started_at: Instant,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    done: u64,
    failed: u64,
    line_at: Instant,
    storm: Option<String>,
}

impl Progress {
    /// Begins to count; `quiet` says nothing but what matters, for programs.
    pub(crate) fn start(total: usize, quiet: bool) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let hidden = plain || quiet || total == 0;
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        let style = "{bar:32} {pos}/{len} {msg}";
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let now = Instant::now();
        let state = State { done: 0, failed: 0, line_at: now, storm: None };
        Self { bar, plain, quiet, started_at: now, state: RefCell::new(state) }
    }

    /// Counts an end.
    pub(crate) fn add(&mut self, result: &ResultDocument) {
        let state = self.state.get_mut();
        match result.outcome {
            Outcome::Done { .. } => state.done += 1,
            Outcome::Failed { .. } | Outcome::Dead { .. } | Outcome::Redriven { .. } => {
                state.failed += 1;
            }
        }
        self.bar.inc(1);
    }

    /// Says a line without disturbing the bar.
    pub(crate) fn say(&self, line: &str) {
        if self.plain || self.quiet {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Shows where things stand, and what stands in the way.
    pub(crate) fn show(&self, storm: Option<&str>) {
        let mut state = self.state.borrow_mut();
        if state.storm.as_deref() != storm {
            match storm {
                Some(reason) => self.say(&format!("waiting: {reason}")),
                None => self.say("working again"),
            }
            state.storm = storm.map(str::to_owned);
        }
        let message = self.message(&state);
        self.bar.set_message(message.clone());
        if self.plain && !self.quiet && state.line_at.elapsed() >= LINE_EVERY {
            state.line_at = Instant::now();
            let (position, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            eprintln!("{position}/{total} {message}");
        }
    }

    fn message(&self, state: &State) -> String {
        let ended = state.done + state.failed;
        let seconds = self.started_at.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = ended as f64 / seconds.max(0.001);
        let mut message = format!("{rate:.1}/s");
        if state.failed > 0 {
            message.push_str(&format!(", {} failed", state.failed));
        }
        let left = self.bar.length().unwrap_or(0).saturating_sub(ended);
        if ended > 0 && left > 0 {
            #[allow(clippy::cast_precision_loss, reason = "an estimate for people")]
            let eta = Duration::from_secs_f64(left as f64 / rate.max(0.001));
            message.push_str(&format!(", {:#} left", HumanDuration(eta)));
        }
        message
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
