//! Logs, to standard error: text on a terminal, JSON otherwise. Spans, to whoever collects them, if
//! somebody does (feature `otel`).

#[cfg(feature = "otel")]
mod otel;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::args::Telemetry;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people or for programs, whoever reads standard error.
    Auto,
    /// Short text for people, without time: whoever started this process shows it.
    Embedded,
}

/// Starts logging, and exporting spans; within the runtime that is to do that.
pub(crate) fn start(telemetry: &Telemetry, style: Style) -> anyhow::Result<()> {
    let filter = &telemetry.log;
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("failed to read the log filter {filter:?}"))?;
    // A list, as a layer that is none would turn the others off.
    #[cfg_attr(not(feature = "otel"), expect(unused_mut, reason = "spans are one more"))]
    let mut layers = vec![lines(style).with_filter(filter).boxed()];
    #[cfg(feature = "otel")]
    if let Some(collector) = &telemetry.otel {
        layers.push(otel::start(collector)?);
    }
    Registry::default().with(layers).init();
    Ok(())
}

/// Hands over the spans that have ended and were not exported yet, or gives up soon. From then on
/// none are.
pub(crate) fn finish() {
    #[cfg(feature = "otel")]
    otel::finish();
}

fn lines(style: Style) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match style {
        Style::Embedded => {
            lines.compact().without_time().with_target(false).with_ansi(false).boxed()
        }
        Style::Auto if std::io::stderr().is_terminal() => lines.compact().boxed(),
        Style::Auto => lines.json().boxed(),
    }
}
