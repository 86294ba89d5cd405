//! A place in a text that somebody wrote, shown to that person.

use std::ops::Range;

/// The line and the column of a byte, both from 1.
pub fn position(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// A message with the line it is about, the place in it underlined, and a hint, for a terminal.
pub fn underlined(source: &str, place: Range<usize>, message: &str, hint: Option<&str>) -> String {
    let Range { start, end } = place;
    let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
    let column = source[line_start..start].chars().count();
    let width = source[start..end.clamp(start, line_end)].chars().count().max(1);
    let line = &source[line_start..line_end];
    let hint = hint.map(|hint| format!("\n  {hint}")).unwrap_or_default();
    format!("{message}\n  {line}\n  {:column$}{}{hint}", "", "^".repeat(width))
}
