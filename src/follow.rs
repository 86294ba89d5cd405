//! Waiting for the ends of jobs at the command line: `submit --wait` and `retry --wait`.

use std::time::Duration;

use pixmill_contract::ResultDocument;
use pixmill_contract::document::Outcome;
use pixmill_producer::Follower;

use crate::print;
use crate::shown::one_line;

/// How long one look for replies waits.
const TICK: Duration = Duration::from_secs(1);

/// Waits for all ends and returns how many were failures; each is printed as it comes to be known.
pub(crate) async fn to_the_end(
    mut follower: Follower,
    json: bool,
    total: usize,
) -> anyhow::Result<usize> {
    let mut failed = 0;
    while follower.waiting() > 0 {
        for result in follower.next(TICK).await? {
            if !matches!(result.outcome, Outcome::Done { .. }) {
                failed += 1;
            }
            let line = if json {
                result.reply()
            } else {
                line(&result, total - follower.waiting(), total)
            };
            print(&format!("{line}\n"))?;
        }
    }
    Ok(failed)
}

fn line(result: &ResultDocument, ended: usize, total: usize) -> String {
    let what = match &result.outcome {
        Outcome::Done { outputs } => {
            let keys: Vec<_> = outputs.iter().map(|output| output.key.as_str()).collect();
            keys.join(" ")
        }
        Outcome::Failed { code, reason } | Outcome::Dead { code, reason } => {
            format!("{code}: {reason}")
        }
        Outcome::Redriven { .. } => String::new(),
    };
    format!("{ended}/{total} {} {} {}", result.id, result.outcome.state(), one_line(&what))
}
