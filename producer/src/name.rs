//! What people call a job.

use std::fmt;
use std::str::FromStr;

use pixmill_contract::id::IdError;
use pixmill_contract::{BatchId, JobId};

/// A job as people name it: `BATCH/JOB`, or `JOB` alone, which is one of that name in any batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// The batch, if it is given.
    pub batch: Option<BatchId>,
    /// The job.
    pub id: JobId,
}

impl FromStr for Name {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((batch, id)) => Ok(Self { batch: Some(batch.parse()?), id: id.parse()? }),
            None => Ok(Self { batch: None, id: text.parse()? }),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.batch {
            Some(batch) => write!(f, "{batch}/{}", self.id),
            None => self.id.fmt(f),
        }
    }
}

impl Name {
    /// Whether this is what somebody else called `other`.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.id == other.id && (self.batch.is_none() || self.batch == other.batch)
    }
}
