//! Redriving one letter: how its job stands decides what becomes of it.

use pixmill_contract::document::{Outcome, ResultDocument};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, Pipeline};
use serde_json::Value as Json;

use super::letter::{Letter, Sender};
use crate::documents::{Standing, read_standing};
use crate::patience::patiently;

/// How often a result may change under our hands before we say that something is wrong.
const MAX_CHANGES: usize = 100;

/// How a letter's job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Case {
    /// It is dead, and can be redriven.
    Dead(Box<ResultDocument>, Etag),
    /// Its redrive by this number has begun and may have been interrupted.
    Begun(u32),
    /// It has no result: the job queue's own limit took the message.
    Lost,
    /// It has ended, or another letter stands for it: this one is a leftover.
    Over(Box<ResultDocument>),
    /// Sending it again would lead nowhere; why.
    Hopeless(String),
}

/// What is left to do with a letter that is to be redriven.
pub(super) enum Step {
    /// Send this body under this redrive number, then delete the letter.
    Send(String, u32),
    /// Delete the letter.
    Delete,
    /// Leave it to people.
    Leave,
}

impl Letter {
    /// How its job stands.
    pub async fn case(&self, pipeline: &Pipeline) -> Result<Case, Error> {
        match &self.sender {
            Err(why) => Ok(Case::Hopeless(why.clone())),
            Ok(sender) => {
                let read = || read_standing(pipeline, &sender.batch, &sender.id);
                Ok(judge(sender, patiently(read).await?))
            }
        }
    }
}

fn judge(sender: &Sender, standing: Option<Standing>) -> Case {
    let Some(Standing { document: Some(result), etag }) = standing else { return Case::Lost };
    if result.digest != sender.digest {
        return Case::Hopeless("another job bears the same batch and id".to_owned());
    }
    match result.outcome {
        Outcome::Dead { .. } if sender.redrive >= result.redrive => {
            Case::Dead(Box::new(result), etag)
        }
        Outcome::Redriven { redrives } if next(sender) == redrives => Case::Begun(redrives),
        Outcome::Redriven { redrives } if sender.redrive >= redrives => Case::Lost,
        Outcome::Dead { .. }
        | Outcome::Redriven { .. }
        | Outcome::Done { .. }
        | Outcome::Failed { .. } => Case::Over(Box::new(result)),
    }
}

fn next(sender: &Sender) -> u32 {
    sender.redrive.saturating_add(1)
}

/// Does everything for a letter's redrive but send its message and delete the letter. Every write
/// can be repeated: whoever finds the letter again, and the tombstone, goes on from there.
pub(super) async fn prepare(pipeline: &Pipeline, letter: &Letter) -> Result<Step, Error> {
    let Ok(sender) = &letter.sender else { return Ok(Step::Leave) };
    let mut changes = 0;
    let number = loop {
        match letter.case(pipeline).await? {
            Case::Dead(result, etag) => match bury(pipeline, *result, etag, next(sender)).await {
                Ok(()) => break next(sender),
                // Somebody was faster, or the answer to this very write was lost: look again.
                Err(error) if error.kind() == ErrorKind::Changed && changes < MAX_CHANGES => {
                    changes += 1;
                }
                Err(error) => return Err(error),
            },
            Case::Begun(number) => break number,
            Case::Lost => break sender.redrive,
            Case::Over(_) => return Ok(Step::Delete),
            Case::Hopeless(_) => return Ok(Step::Leave),
        }
    };
    // Before the message is there: a worker that found the old note would give the job up at once.
    let note = Key::attempts(&sender.batch, &sender.id);
    patiently(|| pipeline.store.delete(&note)).await?;
    Ok(Step::Send(numbered(&letter.body, sender, number), number))
}

/// Puts a tombstone in the place of a `dead` result.
async fn bury(
    pipeline: &Pipeline,
    result: ResultDocument,
    etag: Etag,
    redrives: u32,
) -> Result<(), Error> {
    let outcome = Outcome::Redriven { redrives };
    let tombstone = ResultDocument { outcome, ..result };
    let put = Put {
        key: Key::result(&tombstone.batch, &tombstone.id),
        payload: Payload::Bytes(tombstone.to_bytes()),
        media_type: "application/json",
        condition: Condition::IfMatch(etag),
        owner: None,
    };
    patiently(|| pipeline.store.put(put.clone())).await.map(drop)
}

/// The body under a redrive number, everything else as its sender wrote it.
fn numbered(body: &str, sender: &Sender, number: u32) -> String {
    match serde_json::from_str(body) {
        Ok(Json::Object(mut members)) if number != sender.redrive => {
            members.insert("redrive".to_owned(), number.into());
            Json::Object(members).to_string()
        }
        _ => body.to_owned(),
    }
}
