//! What `pixmill up` tells on standard output: a line for each thing that happens.

use pixmill_contract::{Clock as _, SystemClock};
use pixmill_controller::Event;

use crate::print;

/// Says what has happened, with the time of the day in UTC.
pub(crate) fn say(line: &str) {
    let now = SystemClock.now().to_string();
    let time = now.get(11..19).unwrap_or_default();
    // Nobody reads it any more; the work is done all the same.
    drop(print(&format!("{time}  {line}\n")));
}

/// What the controller does, and what keeps it from that, which is said once.
#[derive(Debug, Default)]
pub(super) struct Told {
    last: String,
}

impl Told {
    pub(super) fn tell(&mut self, event: &Event<'_>) {
        let trouble = match event {
            Event::Decided(decision) => {
                if !decision.record.actions.is_empty() {
                    say(&format!("fleet   {}", without_time(&decision.explain())));
                }
                String::new()
            }
            Event::Leading { .. } => String::new(),
            Event::StandingBy { holder } => {
                format!("standing by: another controller, {holder}, sizes the fleet")
            }
            Event::Out(error) => format!("the fleet is left as it is: {}", error.chain()),
        };
        if !trouble.is_empty() && trouble != self.last {
            eprintln!("pixmill: {trouble}");
        }
        self.last = trouble;
    }
}

/// A decision's explanation begins with the time, too.
fn without_time(explained: &str) -> &str {
    let is_time = |word: &str| word.chars().all(|c| c.is_ascii_digit() || ":.TZ-".contains(c));
    match explained.split_once(' ') {
        Some((time, rest)) if is_time(time) => rest.trim_start(),
        Some(_) | None => explained,
    }
}
