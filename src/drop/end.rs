//! What a picture of the drop folder has come to, and what people are told of it.

use std::path::Path;

use pixmill_contract::document::Outcome;
use pixmill_contract::error::Result;
use pixmill_contract::{Job, ResultDocument};
use pixmill_local::drop::{Aside, DROP, DropFolder, OUT, Taken};
use pixmill_local::path_for_key;
use pixmill_producer::dropped;

use crate::shown::one_line;

/// Outputs that a line names.
const OUTPUTS_NAMED: usize = 1;

/// A picture that is to be put aside.
#[derive(Debug)]
pub(super) struct End {
    haul: String,
    pub(super) taken: Taken,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    /// Done, with these outputs, as paths below the home.
    Done(Vec<String>),
    /// Not done: why, and what else whoever mends it may want to know.
    Failed { why: String, facts: String },
}

impl End {
    /// That of a picture that can have no job.
    pub(super) fn refused(haul: &str, taken: &Taken, why: String) -> Self {
        let verdict = Verdict::Failed { why, facts: String::new() };
        Self { haul: haul.to_owned(), taken: taken.clone(), verdict }
    }

    /// That of a job.
    pub(super) fn of(haul: String, taken: Taken, job: &Job, result: &ResultDocument) -> Self {
        let verdict = match &result.outcome {
            Outcome::Done { outputs } => {
                let path = |key: &pixmill_contract::Key| {
                    let below = key.as_str().strip_prefix(dropped::OUT)?;
                    let path = path_for_key(&pixmill_contract::Key::new(below).ok()?).ok()?;
                    Some(Path::new(OUT).join(path).to_string_lossy().into_owned())
                };
                Verdict::Done(outputs.iter().filter_map(|output| path(&output.key)).collect())
            }
            Outcome::Failed { code, reason } => Self::why_not(job, result, &code, reason),
            Outcome::Dead { code, reason } => {
                Self::why_not(job, result, &code, &format!("given up after all attempts: {reason}"))
            }
            // No end, and never told as one.
            Outcome::Redriven { .. } => Self::why_not(job, result, &"redriven", "it is sent again"),
        };
        Self { haul, taken, verdict }
    }

    fn why_not(
        job: &Job,
        result: &ResultDocument,
        code: &dyn std::fmt::Display,
        reason: &str,
    ) -> Verdict {
        let facts = format!(
            "job:     {}/{}\nrecipe:  {}\nended:   {}\n",
            job.batch, job.id, job.recipe, result.finished_at
        );
        Verdict::Failed { why: format!("{code}: {reason}"), facts }
    }

    /// Moves the picture where it belongs.
    pub(super) fn put_aside(&self, folder: &DropFolder) -> Result<Aside> {
        match &self.verdict {
            Verdict::Done(_) => folder.done(&self.haul, &self.taken),
            Verdict::Failed { why, facts } => {
                let back = Path::new(DROP).join(&self.taken.path);
                let back = back.parent().unwrap_or(&back).display();
                let facts = if facts.is_empty() { String::new() } else { format!("\n{facts}") };
                let reason = format!("{why}\n{facts}\nTo try it again, move it back to {back}/\n");
                folder.failed(&self.haul, &self.taken, &reason)
            }
        }
    }

    /// The line about it.
    pub(super) fn line(&self, aside: &Aside) -> String {
        let path = one_line(&self.taken.path.to_string_lossy());
        match (aside, &self.verdict) {
            (Aside::Back, _) => {
                format!("back    {path}: it changed after it was taken, and is taken again")
            }
            (Aside::Gone, _) => format!("gone    {path}: somebody has removed the original"),
            (Aside::At(_), Verdict::Done(outputs)) => {
                let named: Vec<_> =
                    outputs.iter().take(OUTPUTS_NAMED).map(|path| one_line(path)).collect();
                let more = match outputs.len().saturating_sub(OUTPUTS_NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("done    {path}: {}{more}", named.join(" "))
            }
            (Aside::At(at), Verdict::Failed { why, .. }) => {
                let at = one_line(&at.to_string_lossy());
                format!("failed  {path}: {}; it is in {at}", one_line(why))
            }
        }
    }
}
