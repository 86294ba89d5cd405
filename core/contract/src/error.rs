//! The one error of the ports. It answers one question: may the same call succeed later?

use std::error::Error as StdError;

/// What kind of failure it is, which is all that a caller may decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Asked too often; later.
    Throttled,
    /// The other side, the network or the disk cannot do it now; later.
    Unavailable,
    /// The provider has no machine to give; later, or elsewhere.
    InsufficientCapacity,
    /// There is no such object, queue or instance.
    NotFound,
    /// A conditional create found something there.
    AlreadyExists,
    /// A conditional replace or read found something else than it was told to expect.
    Changed,
    /// The delivery is not ours any more.
    LeaseLost,
    /// We may not.
    Denied,
    /// The call can never succeed as it is.
    Invalid,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Throttled | Self::Unavailable | Self::InsufficientCapacity => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Changed
            | Self::LeaseLost
            | Self::Denied
            | Self::Invalid => false,
        }
    }

    /// Whether this is the world's fault and no job's: an outage or a missing permission is never
    /// blamed on a picture.
    pub fn is_the_worlds(self) -> bool {
        self.may_pass() || self == Self::Denied
    }
}

/// A failed call of a port. `Display` says what was attempted, `source` why it failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {attempt}")]
pub struct Error {
    kind: ErrorKind,
    attempt: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with its cause. `attempt` completes "failed to …".
    pub fn new(
        kind: ErrorKind,
        attempt: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, attempt: attempt.into(), source: Some(source.into()) }
    }

    /// An error that is its own cause.
    pub fn bare(kind: ErrorKind, attempt: impl Into<String>) -> Self {
        Self { kind, attempt: attempt.into(), source: None }
    }

    /// The same error as another kind, where a caller knows better what it means.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The whole chain in one line: what, and why.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

/// What the ports return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
