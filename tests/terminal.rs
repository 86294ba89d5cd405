//! What people see on a terminal and programs do not: colours, and a bar.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Invocation, Place, TWO, eventually, pixmill};

const SOON: Duration = Duration::from_mins(1);

/// Whether a text has colours or the like: escape sequences that end in `m`.
fn is_coloured(text: &str) -> bool {
    let mut sequences = text.split("\u{1b}[").skip(1);
    sequences.any(|rest| rest.find(|c: char| c.is_ascii_alphabetic()) == rest.find('m'))
}

/// A worker with something to log, until that is on the terminal.
fn log(command: Invocation) -> String {
    let running = command.args(["--log", "info"]).start_on_terminal();
    eventually("a line of the log", SOON, || running.stdout().contains("working").then_some(()));
    running.signal(Signal::TERM);
    running.end().expect(0).stdout
}

#[test]
fn colours_are_for_terminals_and_only_where_they_are_wanted() {
    let place = Place::new();
    let slip = || pixmill().args(["run", "--zut"]);
    let worker = || place.on_data("consumer");
    let help = || pixmill().args(["run", "--help"]);
    for command in [slip, help] {
        assert!(is_coloured(&command().start_on_terminal().end().stdout));
        let plain = command().env("NO_COLOR", "1").start_on_terminal().end().stdout;
        assert!(!is_coloured(&plain), "{plain:?}");
        let ended = command().go();
        assert!(!is_coloured(&(ended.stdout + &ended.stderr)));
    }
    assert!(is_coloured(&log(worker())));
    let plain = log(worker().env("NO_COLOR", "1"));
    assert!(!is_coloured(&plain), "{plain:?}");
}

#[test]
fn a_run_shows_a_bar_on_a_terminal_and_its_report_is_plain_text() {
    let place = Place::new();
    place.put_photos(3);
    let shown = place.run(TWO).start_on_terminal().end().expect(0).stdout;
    assert!(shown.contains('█') || shown.contains('░'), "{shown:?}");
    assert!(shown.contains("Ground 3 of 3 pictures into 6 files") && !is_coloured(&shown));
    let ended = place.run(TWO).arg("--fresh").go().expect(0);
    let both = ended.stdout + &ended.stderr;
    assert!(!both.contains('\u{1b}'), "{both:?}");
}
