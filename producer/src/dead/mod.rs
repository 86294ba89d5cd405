//! Dead letters: looked at, sent again, thrown away. Called by the program's `dead` command.
//!
//! The dead-letter queue is a plain queue, so looking at a letter means receiving it: see `walk`.
//! A redrive is, in this order: a tombstone in the place of the `dead` result, by compare-and-swap;
//! the attempt note cleared; the message sent with the tombstone's number; the letter deleted. A
//! crash anywhere leaves the letter, and whoever redrives it again goes on from the tombstone; a
//! message that is sent twice by that folds together as every duplicate does.

mod letter;
mod redrive;
mod walk;

use std::collections::HashMap;

use pixmill_contract::{Error, Pipeline};

pub use self::letter::{Letter, Sender, Wanted};
pub use self::redrive::Case;
use self::redrive::{Step, prepare};
use self::walk::Walk;
use crate::name::Name;
use crate::submit::offer;

/// The letters that were found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The letters, by the time that they were sent.
    pub letters: Vec<Letter>,
    /// How many others somebody else has in hand, about.
    pub elsewhere: u64,
}

/// What became of letters.
#[derive(Debug, Default)]
pub struct Handled {
    /// Jobs whose messages were sent again.
    pub sent: usize,
    /// Letters that were deleted without sending anything.
    pub deleted: usize,
    /// Letters that were left, because sending them again would lead nowhere.
    pub left: usize,
    /// How many others somebody else has in hand, about.
    pub elsewhere: u64,
    /// What was handled, a letter each.
    pub names: Vec<Name>,
}

/// Looks at the wanted letters; all of them are given back.
pub async fn list(pipeline: &Pipeline, wanted: &Wanted) -> Result<Listing, Error> {
    let mut walk = Walk::begin(pipeline).await?;
    let mut letters = vec![];
    let walked = async {
        while let Some(page) = walk.next().await? {
            walk.hold(&page);
            letters.extend(page.into_iter().filter(|letter| wanted.holds(letter)));
        }
        Ok(())
    };
    let walked = walked.await;
    let elsewhere = walk.end().await;
    letters.sort_by_key(|letter| letter.sent_at);
    walked.map(|()| Listing { letters, elsewhere })
}

/// Sends the messages of the wanted letters again, so that their jobs have all their attempts anew.
/// Letters whose jobs have ended otherwise are only deleted; those of jobs that this very redrive has
/// sent are left, so that it ends although its jobs die again. After an error some were redriven, and
/// redriving all of them again is harmless.
pub async fn redrive(pipeline: &Pipeline, wanted: &Wanted) -> Result<Handled, Error> {
    let mut handled = Handled::default();
    let mut sent = HashMap::new();
    let mut walk = Walk::begin(pipeline).await?;
    let walked = async {
        while let Some(page) = walk.next().await? {
            let page = hold_others(&mut walk, page, |letter| {
                wanted.holds(letter) && !has_died_again(letter, &sent)
            });
            let redriven = redrive_page(pipeline, &mut walk, &page, &mut sent, &mut handled).await;
            if redriven.is_err() {
                walk.hold(&page);
                return redriven;
            }
        }
        Ok(())
    };
    let walked = walked.await;
    handled.elsewhere = walk.end().await;
    walked.map(|()| handled)
}

/// Whether a letter is of a job that died of what was sent, by the numbers under which that was. No
/// times are compared: those of letters are of another clock than ours.
fn has_died_again(letter: &Letter, sent: &HashMap<Name, u32>) -> bool {
    let Ok(sender) = &letter.sender else { return false };
    sent.get(&letter.name()).is_some_and(|number| sender.redrive >= *number)
}

/// Redrives letters: first everything up to the messages, then these in one go, then the letters.
async fn redrive_page(
    pipeline: &Pipeline,
    walk: &mut Walk,
    page: &[Letter],
    sent: &mut HashMap<Name, u32>,
    handled: &mut Handled,
) -> Result<(), Error> {
    let (mut messages, mut finished, mut copies) = (vec![], vec![], 0);
    for letter in page {
        handled.names.push(letter.name());
        match (prepare(pipeline, letter).await?, &letter.sender) {
            (Step::Send(body, number), Ok(sender)) => {
                // Of two letters of one job one message is enough.
                if sent.insert(letter.name(), number) != Some(number) {
                    messages.push((&sender.id, body));
                } else {
                    copies += 1;
                }
                finished.push(letter);
            }
            (Step::Delete, _) => {
                copies += 1;
                finished.push(letter);
            }
            (Step::Leave | Step::Send(..), _) => {
                handled.left += 1;
                walk.hold(std::slice::from_ref(letter));
            }
        }
    }
    let count = messages.len();
    offer(pipeline, messages).await.map_err(|unsent| unsent.error)?;
    handled.sent += count;
    walk.delete(&finished).await?;
    handled.deleted += copies;
    Ok(())
}

/// Deletes the wanted letters. The results of their jobs stay as they are.
pub async fn discard(pipeline: &Pipeline, wanted: &Wanted) -> Result<Handled, Error> {
    let mut handled = Handled::default();
    let mut walk = Walk::begin(pipeline).await?;
    let walked = async {
        while let Some(page) = walk.next().await? {
            let page = hold_others(&mut walk, page, |letter| wanted.holds(letter));
            walk.delete(&page.iter().collect::<Vec<_>>()).await?;
            handled.deleted += page.len();
            handled.names.extend(page.iter().map(Letter::name));
        }
        Ok(())
    };
    let walked = walked.await;
    handled.elsewhere = walk.end().await;
    walked.map(|()| handled)
}

/// Holds the letters that are none of these, and returns those that are.
fn hold_others(
    walk: &mut Walk,
    page: Vec<Letter>,
    is_wanted: impl Fn(&Letter) -> bool,
) -> Vec<Letter> {
    let (page, others): (Vec<_>, Vec<_>) = page.into_iter().partition(is_wanted);
    walk.hold(&others);
    page
}
