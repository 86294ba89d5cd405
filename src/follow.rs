//! Waiting for the ends of jobs at the command line: `submit --wait` and `retry --wait`.

use pixmill_contract::ResultDocument;
use pixmill_contract::document::Outcome;
use pixmill_producer::Results;

use crate::print;
use crate::shown::one_line;

/// Waits for all ends and returns how many were failures; each is printed as it comes to be known.
pub(crate) async fn to_the_end(mut results: Results, json: bool) -> anyhow::Result<usize> {
    let printed = print_all(&mut results, json).await;
    results.stop().await;
    printed
}

async fn print_all(results: &mut Results, json: bool) -> anyhow::Result<usize> {
    let (total, mut failed) = (results.left(), 0);
    while let Some(result) = results.next().await? {
        if !matches!(result.outcome, Outcome::Done { .. }) {
            failed += 1;
        }
        let line = if json { result.reply() } else { line(&result, total - results.left(), total) };
        print(&format!("{line}\n"))?;
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
