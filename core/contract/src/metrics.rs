//! Metrics in Prometheus's text format, version 0.0.4, as whatever listens tells them.
//!
//! Labels are written as they are given: who gives them sees to it that their values hold neither
//! quotes nor backslashes.

use std::fmt::{Arguments, Display, Write as _};

/// The format's media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as they are written down, each with `pixmill_` before its name.
#[derive(Debug, Clone, Default)]
pub struct MetricsPage(String);

impl MetricsPage {
    /// A metric that has one sample, without labels.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.sample(name, "", value);
    }

    /// What a metric is: a `counter`, a `gauge` or a `summary`, and of what. Its samples follow.
    pub fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP pixmill_{name} {help}\n# TYPE pixmill_{name} {kind}"));
    }

    /// A sample, with its labels in braces if it has some.
    pub fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        self.line(format_args!("pixmill_{name}{labels} {value}"));
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a string cannot fail");
    }
}
