//! Logs, to standard error: text on a terminal, JSON otherwise.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people or for programs, whoever reads standard error.
    Auto,
    /// Short text for people, without time: whoever started this process shows it.
    Embedded,
}

/// Starts logging.
pub(crate) fn start(filter: &str, style: Style) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("failed to read the log filter {filter:?}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match style {
        Style::Embedded => {
            lines.compact().without_time().with_target(false).with_ansi(false).init();
        }
        Style::Auto if std::io::stderr().is_terminal() => lines.compact().init(),
        Style::Auto => lines.json().init(),
    }
    Ok(())
}
