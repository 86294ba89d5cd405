//! How far `submit` is with sending, to standard error: a bar on a terminal, now and then
//! a plain line elsewhere.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// How often a bar moves on without news, so that it is seen to be alive.
const TICK: Duration = Duration::from_millis(200);

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A bar, or lines, or nothing.
pub(crate) struct Sending {
    bar: ProgressBar,
    plain: bool,
    line_at: Cell<Instant>,
}

impl Sending {
    /// Begins to count, up to `total` if that is known; `quiet` shows nothing, for programs.
    pub(crate) fn start(total: Option<usize>, quiet: bool) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if quiet || plain {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(total.map(|total| total as u64), target);
        let style = match total {
            Some(_) => "{bar:32} {pos}/{len} sent, {per_sec:.1}{msg}",
            None => "{spinner} {pos} sent, {per_sec:.1}{msg}",
        };
        let fallback = |_| ProgressStyle::default_bar();
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(fallback));
        bar.enable_steady_tick(TICK);
        Self { bar, plain: plain && !quiet, line_at: Cell::new(Instant::now()) }
    }

    /// Counts a job that was sent.
    pub(crate) fn add(&self) {
        self.show(self.bar.position() + 1, "");
    }

    /// Shows how many jobs were sent, and something beside it.
    pub(crate) fn show(&self, sent: u64, message: &str) {
        self.bar.set_position(sent);
        self.bar.set_message(message.to_owned());
        if self.plain && self.line_at.get().elapsed() >= LINE_EVERY {
            self.line_at.set(Instant::now());
            eprintln!("{sent} sent{message}");
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
