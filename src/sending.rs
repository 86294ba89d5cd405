//! How far `submit` is with sending, to standard error: a bar on a terminal, nothing elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar moves on without news, so that it is seen to be alive.
const TICK: Duration = Duration::from_millis(200);

/// A bar, or none.
pub(crate) struct Sending(ProgressBar);

impl Sending {
    /// Begins to count, up to `total` if that is known; `quiet` shows nothing, for programs.
    pub(crate) fn start(total: Option<usize>, quiet: bool) -> Self {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(total.map(|total| total as u64), target);
        let style = match total {
            Some(_) => "{bar:32} {pos}/{len} sent, {per_sec:.1} {msg}",
            None => "{spinner} {pos} sent, {per_sec:.1} {msg}",
        };
        let fallback = |_| ProgressStyle::default_bar();
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(fallback));
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Counts what was sent.
    pub(crate) fn add(&self, jobs: u64) {
        self.0.inc(jobs);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
