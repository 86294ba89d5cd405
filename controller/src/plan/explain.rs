//! A record in words, a few lines for people.

use std::fmt::Write as _;

use pixmill_contract::plural;

use super::record::Record;
use super::{Action, Counts};

impl Record {
    /// What was seen and what is done, in one line, and a line for each warning.
    pub fn explain(&self) -> String {
        let time = self.at.to_string();
        let time = time.get(11..19).unwrap_or(&time);
        let seen = [self.counts.map_or_else(|| "instances unknown".to_owned(), Counts::words)];
        let seen = [&seen[..], &[self.jobs()]].concat().join(", ");
        let mut text = format!("{time}  {seen} → {}", self.doings());
        for warning in &self.warnings {
            write!(text, "\n          {warning}").expect("writing to a string cannot fail");
        }
        text
    }

    fn jobs(&self) -> String {
        let Some(depth) = self.depth else { return "jobs unknown".to_owned() };
        let mut text = format!("{} waiting", plural(depth.visible, "job"));
        if depth.in_flight > 0 {
            text += &format!(", {} in flight", depth.in_flight);
        }
        text
    }

    /// The actions, those with the same reason as one.
    fn doings(&self) -> String {
        let mut doings: Vec<(&str, u32, String)> = Vec::new();
        for action in &self.actions {
            let (verb, many, why) = match action {
                Action::Launch { intent, why } => ("launch", intent.count, why.to_string()),
                Action::Drain { why, .. } => ("drain", 1, why.to_string()),
                Action::Terminate { why, .. } => ("terminate", 1, why.to_string()),
            };
            let same = |doing: &&mut (&str, u32, String)| doing.0 == verb && doing.2 == why;
            match doings.iter_mut().find(same) {
                Some(doing) => doing.1 += many,
                None => doings.push((verb, many, why)),
            }
        }
        if doings.is_empty() {
            return "nothing to do".to_owned();
        }
        let words = doings.iter().map(|(verb, many, why)| format!("{verb} {many}: {why}"));
        words.collect::<Vec<_>>().join("; ")
    }
}

impl Counts {
    /// Such as `3 instances (2 ready, 1 booting)`.
    fn words(self) -> String {
        let parts = [
            (self.ready, "ready"),
            (self.booting, "booting"),
            (self.requested, "requested"),
            (self.draining, "draining"),
            (self.leaving, "leaving"),
            (self.sick, "sick"),
            (self.silent, "silent"),
        ];
        let all = self.capacity() + self.draining + self.leaving;
        let parts = parts.iter().filter(|(many, _)| *many > 0);
        let parts: Vec<_> = parts.map(|(many, what)| format!("{many} {what}")).collect();
        let instances = plural(all, "instance");
        if parts.is_empty() { instances } else { format!("{instances} ({})", parts.join(", ")) }
    }
}
