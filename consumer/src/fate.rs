//! The fate of a delivery, and what stops the work on its job before that is known.

use pixmill_contract::document::ResultDocument;
use pixmill_contract::{Error, Rejection};

/// What is to become of a delivery.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The job's result stands: reply, delete.
    Ended(Box<ResultDocument>),
    /// The job's result stands and is `dead`: dead-letter queue, reply, delete.
    Dead(Box<ResultDocument>),
    /// Other messages and results stand for this one: delete.
    Superseded,
    /// One job's bad luck: note it, release after a while.
    Transient(String),
    /// Our own code panicked for the first time: note it, release after a while.
    Panicked(String),
    /// The picture takes longer than it may: note it, and end this process.
    Stuck,
    /// We have to stop: release now. Not an attempt.
    Interrupted,
    /// The message belongs to somebody else: touch nothing.
    LeaseLost,
    /// No job, or two jobs with one name: left for the dead-letter queue and for people.
    Left(String),
}

impl Fate {
    /// Whether the message goes from the queue by it.
    pub(crate) fn ends_the_message(&self) -> bool {
        match self {
            Self::Ended(_) | Self::Dead(_) | Self::Superseded => true,
            Self::Transient(_)
            | Self::Panicked(_)
            | Self::Stuck
            | Self::Interrupted
            | Self::LeaseLost
            | Self::Left(_) => false,
        }
    }
}

/// Why a job's work stopped before its outputs were there.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The picture or the job is to blame.
    Rejected(Rejection),
    /// Something else decides.
    Fate(Fate),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Fate> for Stop {
    fn from(fate: Fate) -> Self {
        Self::Fate(fate)
    }
}

/// A failed call that the weather did not wait out: nothing we know how to handle.
impl From<Error> for Fate {
    fn from(error: Error) -> Self {
        Self::Transient(error.chain())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fate(error.into())
    }
}
