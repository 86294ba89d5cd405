//! Values as people read them.

use std::time::Duration;

use indicatif::HumanDuration;
use pixmill_contract::Timestamp;
pub(crate) use pixmill_contract::plural;

/// A text on one line, whatever is in it.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How long ago something was.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let since = now.since(at);
    if since < Duration::from_secs(1) {
        return "just now".to_owned();
    }
    format!("{} ago", HumanDuration(since))
}
