//! What a process tells of its work: logs, and spans.

use clap::Args;

use super::EVERYWHERE;

/// Logs and spans.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = EVERYWHERE)]
pub(crate) struct Telemetry {
    /// What to log, to standard error: error, warn, info, debug, or a filter such as
    /// `pixmill_consumer=debug`.
    #[arg(long, global = true, env = "PIXMILL_LOG", default_value = "warn", value_name = "FILTER")]
    pub(crate) log: String,

    /// Send spans to this collector by OpenTelemetry's OTLP over HTTP, as `http://127.0.0.1:4318`. It
    /// knows OpenTelemetry's own variables too, such as `OTEL_SERVICE_NAME`.
    #[cfg(feature = "otel")]
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = collector)]
    pub(crate) otel: Option<String>,
}

impl Telemetry {
    /// Whether spans are sent to a collector.
    #[cfg(feature = "otel")]
    pub(crate) fn has_collector(&self) -> bool {
        self.otel.is_some()
    }

    /// Whether spans are sent to a collector.
    #[cfg(not(feature = "otel"))]
    #[expect(clippy::unused_self, reason = "with OpenTelemetry it is told by a flag")]
    pub(crate) fn has_collector(&self) -> bool {
        false
    }

    /// The flags by which a process that this one starts tells the same.
    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let log = [("--log", Some(&self.log))];
        #[cfg(feature = "otel")]
        let log = log.into_iter().chain([("--otel", self.otel.as_ref())]);
        let given =
            log.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?.clone()]));
        given.flatten().collect()
    }
}

/// The address of a collector, without the slash at its end.
#[cfg(feature = "otel")]
fn collector(text: &str) -> Result<String, String> {
    if !text.starts_with("http://") {
        return Err("a collector's address begins with http://: across networks, run one beside \
                    pixmill that goes on by TLS"
            .to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
