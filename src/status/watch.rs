//! `status --watch`: redrawn in place on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pixmill_contract::Error;
use tokio::time::Instant;

use super::Status;
use crate::{exit, print};

/// How often is looked, at most.
const TICK: Duration = Duration::from_secs(1);

/// Listing a hundred thousand results takes a moment: most of the time is left to those who work.
const REST: u32 = 9;

/// How often is looked, at least.
const LONGEST_REST: Duration = Duration::from_secs(15);

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows it until it has ended, and says whether all of it is done.
pub(super) async fn until_the_end(status: &mut Status, json: bool) -> anyhow::Result<ExitCode> {
    let mut screen = Screen::new(json);
    // The first look reads all results, those after it only what is new.
    status.look().await?;
    let mut rest = TICK;
    loop {
        if let Some(all_done) = status.end() {
            screen.finish(status)?;
            return Ok(if all_done { ExitCode::SUCCESS } else { exit::FAILED.into() });
        }
        screen.show(status)?;
        tokio::time::sleep(rest).await;
        let looked_at = Instant::now();
        match status.look().await {
            Ok(()) => {}
            Err(error) if may_pass(&error) => tracing::warn!("{error:#}"),
            Err(error) => return Err(error),
        }
        rest = (looked_at.elapsed() * REST).clamp(TICK, LONGEST_REST);
    }
}

/// Whether the next look may succeed.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Error>().is_some_and(|error| error.kind().may_pass())
}

/// Where it is shown.
enum Screen {
    Terminal(ProgressBar),
    Lines { json: bool, shown_at: Option<Instant>, last: String },
}

impl Screen {
    fn new(json: bool) -> Self {
        if json || !std::io::stdout().is_terminal() {
            return Self::Lines { json, shown_at: None, last: String::new() };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self::Terminal(bar)
    }

    fn show(&mut self, status: &Status) -> anyhow::Result<()> {
        match self {
            Self::Terminal(bar) => {
                bar.set_message(status.to_text().trim_end().to_owned());
            }
            Self::Lines { json, shown_at, last } => {
                if shown_at.is_some_and(|at| at.elapsed() < LINE_EVERY) {
                    return Ok(());
                }
                let line = if *json { status.to_json().to_string() } else { status.to_line() };
                if line != *last {
                    print(&format!("{line}\n"))?;
                    *last = line;
                }
                *shown_at = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Says how it ended.
    fn finish(&self, status: &Status) -> anyhow::Result<()> {
        match self {
            Self::Terminal(bar) => bar.finish_and_clear(),
            Self::Lines { json: true, .. } => return print(&format!("{}\n", status.to_json())),
            Self::Lines { .. } => {}
        }
        print(&status.to_text())
    }
}
