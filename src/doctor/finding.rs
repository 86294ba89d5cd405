//! What was found, in the words of `pixmill doctor`.

use serde::Serialize;

use crate::shown::one_line;

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: String,
    pub(crate) status: Status,
    /// What is so.
    pub(crate) detail: String,
    /// The command or the setting that mends it.
    pub(crate) fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    /// It cannot be known, and need not be wrong.
    Unknown,
    /// It works, and may not for long.
    Warning,
    /// It does not work.
    Error,
}

impl Finding {
    pub(crate) fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { check: check.into(), status: Status::Ok, detail: detail.into(), fix: None }
    }

    pub(crate) fn unknown(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status: Status::Unknown, ..Self::ok(check, detail) }
    }

    pub(crate) fn warning(
        check: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status: Status::Warning, fix: Some(fix.into()), ..Self::ok(check, detail) }
    }

    pub(crate) fn error(
        check: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status: Status::Error, fix: Some(fix.into()), ..Self::ok(check, detail) }
    }

    /// As a person reads it.
    pub(crate) fn to_text(&self) -> String {
        let mark = match self.status {
            Status::Ok => "ok     ",
            Status::Unknown => "?      ",
            Status::Warning => "warning",
            Status::Error => "error  ",
        };
        let mut text = format!("{mark} {}: {}\n", self.check, one_line(&self.detail));
        if let Some(fix) = &self.fix {
            text.push_str(&format!("        fix: {}\n", one_line(fix)));
        }
        text
    }
}
