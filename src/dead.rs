//! `pixmill dead`: the dead letters of a pipeline, looked at, sent again or thrown away.

use std::process::ExitCode;

use pixmill_contract::document::{AttemptNote, Outcome};
use pixmill_contract::{Clock as _, Pipeline, ResultDocument, SystemClock, Timestamp};
use pixmill_producer::dead::{Case, Handled, Letter, Wanted, discard, list, redrive};
use pixmill_producer::{Name, read_note, read_standing};
use serde_json::{Value as Json, json};

use crate::args::DeadCommand;
use crate::backend::{self, Purpose};
use crate::shown::{ago, one_line, plural};
use crate::{args, exit, print};

pub(crate) async fn run(args: args::Dead) -> anyhow::Result<ExitCode> {
    match args.what {
        DeadCommand::List(args) => {
            let pipeline = backend::open(&args.data, Purpose::Ask).await?.pipeline;
            print_letters(&pipeline, &args.wanted(), args.json).await
        }
        DeadCommand::Show(args) => {
            let pipeline = backend::open(&args.data, Purpose::Ask).await?.pipeline;
            show(&pipeline, &args.wanted(), args.json).await
        }
        DeadCommand::Redrive(args) => {
            let pipeline = backend::open(&args.data, Purpose::Ask).await?.pipeline;
            let wanted = args.wanted();
            let handled = redrive(&pipeline, &wanted).await?;
            tell(&handled, &wanted, args.json, &redriven(&handled))
        }
        DeadCommand::Discard(args) => {
            let pipeline = backend::open(&args.data, Purpose::Ask).await?.pipeline;
            let wanted = args.wanted();
            let handled = discard(&pipeline, &wanted).await?;
            let what = format!("Discarded {}\n", plural(handled.deleted, "dead letter"));
            tell(&handled, &wanted, args.json, &what)
        }
    }
}

async fn print_letters(
    pipeline: &Pipeline,
    wanted: &Wanted,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let listing = list(pipeline, wanted).await?;
    let (mut text, mut lines) = (String::new(), vec![]);
    let now = SystemClock.now();
    for letter in &listing.letters {
        let case = letter.case(pipeline).await?;
        if json {
            lines.push(to_json(letter, &case));
        } else {
            text.push_str(&to_text(letter, &case, now));
        }
    }
    let names: Vec<_> = listing.letters.iter().map(Letter::name).collect();
    let missing = wanted.missing(&names);
    if json {
        let document = json!({ "letters": lines, "elsewhere": listing.elsewhere });
        print(&format!("{document:#}\n"))?;
    } else {
        let count = plural(listing.letters.len(), "dead letter");
        print(&format!("{text}{count}{}\n", in_other_hands(listing.elsewhere)))?;
    }
    Ok(exit_code(&missing, 0))
}

/// A few lines about a letter.
fn to_text(letter: &Letter, case: &Case, now: Timestamp) -> String {
    let source = letter.source().map(|source| format!("  {}", one_line(&source)));
    let (why, at, receives) = match case {
        Case::Dead(result, _) => (reason(result), result.finished_at, Some(result.receives)),
        Case::Begun(_) => {
            ("a redrive was interrupted: redrive it again".to_owned(), letter.sent_at, None)
        }
        Case::Lost => {
            let why =
                "its job has no result: the queue gave the message up, redrive sends it again";
            (why.to_owned(), letter.sent_at, None)
        }
        Case::Over(result) => {
            let state = result.outcome.state();
            let why = format!("its job is {state} since: redrive only deletes this copy");
            (why, letter.sent_at, None)
        }
        Case::Hopeless(why) => (format!("cannot be done: {why}"), letter.sent_at, None),
    };
    let mut facts = ago(at, now);
    if let Some(receives) = receives {
        facts.push_str(&format!(", received {}", times(receives)));
    }
    if let Ok(sender) = &letter.sender
        && sender.redrive > 0
    {
        facts.push_str(&format!(", redriven {}", times(sender.redrive)));
    }
    let (name, source, why) = (letter.name(), source.unwrap_or_default(), one_line(&why));
    format!("{name}{source}\n  {why}\n  {facts}\n")
}

fn times(n: u32) -> String {
    plural(n, "time")
}

fn reason(result: &ResultDocument) -> String {
    match &result.outcome {
        Outcome::Failed { code, reason } | Outcome::Dead { code, reason } => {
            format!("{code}: {reason}")
        }
        Outcome::Done { .. } | Outcome::Redriven { .. } => result.outcome.state().to_owned(),
    }
}

fn to_json(letter: &Letter, case: &Case) -> Json {
    let (standing, result, why) = match case {
        Case::Dead(result, _) => ("dead", Some(result), None),
        Case::Begun(_) => ("interrupted", None, None),
        Case::Lost => ("lost", None, None),
        Case::Over(result) => ("over", Some(result), None),
        Case::Hopeless(why) => ("hopeless", None, Some(why.as_str())),
    };
    let (code, reason) = match result.map(|result| &result.outcome) {
        Some(Outcome::Failed { code, reason } | Outcome::Dead { code, reason }) => {
            (Some(code), Some(reason.as_str()))
        }
        Some(Outcome::Done { .. } | Outcome::Redriven { .. }) | None => (None, why),
    };
    let sender = letter.sender.as_ref().ok();
    json!({
        "name": letter.name().to_string(),
        "batch": sender.map(|sender| &sender.batch),
        "id": sender.map(|sender| &sender.id),
        "source": letter.source(),
        "standing": standing,
        "state": result.map(|result| result.outcome.state()),
        "code": code,
        "reason": reason,
        "receives": result.map(|result| result.receives),
        "redrive": sender.map(|sender| sender.redrive),
        "sent_at": letter.sent_at,
        "finished_at": result.map(|result| result.finished_at),
    })
}

/// All that is known of some letters.
async fn show(pipeline: &Pipeline, wanted: &Wanted, json: bool) -> anyhow::Result<ExitCode> {
    let letters = list(pipeline, wanted).await?.letters;
    let now = SystemClock.now();
    let (mut text, mut documents) = (String::new(), vec![]);
    for letter in &letters {
        let case = letter.case(pipeline).await?;
        let message = serde_json::from_str(&letter.body).unwrap_or(Json::from(&*letter.body));
        let (result, note) = documents_of(pipeline, letter).await?;
        if json {
            let mut document = to_json(letter, &case);
            document["message"] = message;
            document["result"] = json!(result);
            document["attempts"] = json!(note);
            documents.push(document);
            continue;
        }
        text.push_str(&to_text(letter, &case, now));
        text.push_str(&format!("Message\n{message:#}\n"));
        if let Some(mut result) = result {
            // It stands above.
            result.job = None;
            text.push_str(&format!("Result\n{:#}\n", json!(result)));
        }
        if let Some(note) = note {
            text.push_str(&format!("Attempts\n{:#}\n", json!(note)));
        }
    }
    if json {
        text = format!("{:#}\n", json!({ "letters": documents }));
    }
    print(&text)?;
    let names: Vec<_> = letters.iter().map(Letter::name).collect();
    Ok(exit_code(&wanted.missing(&names), 0))
}

async fn documents_of(
    pipeline: &Pipeline,
    letter: &Letter,
) -> anyhow::Result<(Option<ResultDocument>, Option<AttemptNote>)> {
    let Ok(sender) = &letter.sender else { return Ok((None, None)) };
    let standing = read_standing(pipeline, &sender.batch, &sender.id).await?;
    let note = read_note(pipeline, &sender.batch, &sender.id).await?;
    Ok((standing.and_then(|standing| standing.document), note))
}

fn redriven(handled: &Handled) -> String {
    let mut text = format!("Sent {} again\n", plural(handled.sent, "job"));
    if handled.deleted > 0 {
        let copies = plural(handled.deleted, "letter");
        text.push_str(&format!(
            "Deleted {copies} of jobs that have ended or were sent by another\n"
        ));
    }
    if handled.left > 0 {
        let left = plural(handled.left, "letter");
        text.push_str(&format!("Left {left} that cannot be done: `pixmill dead list` says why\n"));
    }
    text
}

/// Says what became of letters.
fn tell(handled: &Handled, wanted: &Wanted, json: bool, text: &str) -> anyhow::Result<ExitCode> {
    let missing = wanted.missing(&handled.names);
    if json {
        let missing: Vec<_> = missing.iter().map(Name::to_string).collect();
        let document = json!({
            "sent": handled.sent, "deleted": handled.deleted, "left": handled.left,
            "elsewhere": handled.elsewhere, "missing": missing,
        });
        print(&format!("{document:#}\n"))?;
    } else {
        let rest = in_other_hands(handled.elsewhere);
        let rest = rest.strip_prefix("; ").map(|rest| format!("{rest}\n")).unwrap_or_default();
        print(&format!("{text}{rest}"))?;
    }
    Ok(exit_code(&missing, handled.left))
}

fn in_other_hands(count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    format!("; {count} more are in somebody else's hands: look again in half a minute")
}

/// Says which names have no letter; they and what was left are no success.
fn exit_code(missing: &[Name], left: usize) -> ExitCode {
    for name in missing {
        eprintln!("pixmill: there is no dead letter of {name}");
    }
    if missing.is_empty() && left == 0 { ExitCode::SUCCESS } else { exit::FAILED.into() }
}
