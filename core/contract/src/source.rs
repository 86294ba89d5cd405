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
    let width = source[start..end.clamp(start, line_end)].chars().count().max(1);
    let line = source[line_start..line_end].trim_end();
    // A tab stays one, so that what is below it is below it however wide it is.
    let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
    let indent: String = source[line_start..start].chars().map(blank).collect();
    let hint = hint.map(|hint| format!("\n  {hint}")).unwrap_or_default();
    let shown = format!("{message}\n  {line}\n  {indent}{}{hint}", "^".repeat(width));
    // Somebody else's text must not command the terminal.
    let harmless = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    shown.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_underlined_whatever_is_before_it() {
        let source = "one\r\n\tzwölf = 5\r\n";
        let at = source.find("zwölf").unwrap();
        let shown = underlined(source, at..at + 6, "no such number", Some("mean 12?"));
        assert_eq!(shown, "no such number\n  \tzwölf = 5\n  \t^^^^^\n  mean 12?");
        assert_eq!(position(source, at), (2, 2));
        assert_eq!(underlined("", 0..0, "empty", None), "empty\n  \n  ^");
    }

    #[test]
    fn nothing_in_a_text_commands_the_terminal() {
        let shown = underlined("a\u{1b}[2Jb", 0..1, "bad \u{1b}]0;x\u{7}", None);
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    }
}
