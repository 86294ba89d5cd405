//! What stands in the way, said once: when it begins, and when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;

use pixmill_contract::Error;

use crate::shown::{one_line, plural};

/// What each activity was last kept from its work by.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<&'static str, BTreeSet<String>>);

impl Troubles {
    /// Says what an activity is kept by now, unless that was said.
    pub(super) fn tell(&mut self, who: &'static str, trouble: Option<&Error>) {
        self.tell_all(who, trouble);
    }

    /// The same of many at once: of those with one cause the first is named.
    pub(super) fn tell_all<'e>(
        &mut self,
        who: &'static str,
        troubles: impl IntoIterator<Item = &'e Error>,
    ) {
        for line in self.news(who, troubles) {
            eprintln!("pixmill: {line}");
        }
    }

    fn news<'e>(
        &mut self,
        who: &'static str,
        troubles: impl IntoIterator<Item = &'e Error>,
    ) -> Vec<String> {
        let mut by_cause = BTreeMap::<_, (&Error, usize)>::new();
        for trouble in troubles {
            let cause = trouble.source().map_or_else(|| trouble.to_string(), ToString::to_string);
            by_cause.entry(cause).or_insert((trouble, 0)).1 += 1;
        }
        let before = self.0.remove(who).unwrap_or_default();
        let mut lines = vec![];
        for (cause, (first, count)) in &by_cause {
            if !before.contains(cause) {
                let others = match count - 1 {
                    0 => String::new(),
                    others => format!(" (and {} besides)", plural(others, "other file")),
                };
                let line = one_line(&first.chain());
                lines.push(format!("{line}{others}; trying again until that is mended"));
            }
        }
        if by_cause.is_empty() && !before.is_empty() {
            lines.push(format!("what was in the way is mended ({who})"));
        }
        if !by_cause.is_empty() {
            self.0.insert(who, by_cause.into_keys().collect());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::ErrorKind;

    use super::*;

    fn trouble(file: &str, cause: &'static str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("move {file}"), cause)
    }

    #[test]
    fn a_cause_is_said_once_for_all_its_files_and_once_when_it_is_over() {
        let mut troubles = Troubles::default();
        let two = [trouble("a", "disk full"), trouble("b", "disk full")];
        let said = troubles.news("move", &two);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with("failed to move a: disk full (and 1 other file besides);"),
            "{said:?}"
        );
        assert_eq!(troubles.news("move", &two[1..]), [""; 0]);
        assert_eq!(troubles.news("other", &two[1..]).len(), 1);
        let said = troubles.news("move", &[trouble("b", "no permission")]);
        assert!(said[0].contains("no permission"), "{said:?}");
        assert_eq!(troubles.news("move", &[]).len(), 1);
        assert_eq!(troubles.news("move", &[]), [""; 0]);
    }
}
