//! Identifiers, each a type of its own.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;

/// Longest identifier in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not 1 to {MAX_ID_BYTES} of A-Z a-z 0-9 _ -")]
pub struct IdError(String);

fn checked(text: String) -> Result<String, IdError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=MAX_ID_BYTES).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(IdError(text))
    }
}

/// A new identifier that sorts by time.
fn fresh(now: Timestamp) -> String {
    let (seconds, millis) = (now.millis() / 1000, now.millis() % 1000);
    let nanos = u32::try_from(millis * 1_000_000).unwrap_or(0);
    let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
    uuid::Uuid::new_v7(timestamp).to_string()
}

/// Lower-case hexadecimal of the SHA-256 of the parts, each preceded by its length, so that no
/// two lists of parts give the same bytes.
pub fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

macro_rules! identifier {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                checked(text.into()).map(Self)
            }

            /// A new one, which sorts by time.
            pub fn fresh(now: Timestamp) -> Self {
                Self(fresh(now))
            }

            /// The one that follows from the parts: the same parts give the same identifier.
            pub fn derived(parts: &[&[u8]]) -> Self {
                Self(hash(parts)[..32].to_owned())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
            }
        }
    };
}

identifier!(
    JobId,
    "A job within its batch; chosen by the sender. (batch, id) is the idempotency key."
);
identifier!(BatchId, "A batch of jobs.");
identifier!(WorkerId, "A worker: one process that leases jobs.");
identifier!(InstanceId, "An instance of a fleet: a machine or a process that a worker runs on.");
identifier!(IntentId, "A decision to launch instances.");

impl BatchId {
    /// The batch of a job that names none.
    pub fn single() -> Self {
        Self("single".to_owned())
    }
}

impl JobId {
    /// The identifier of the retry of a job: the same for everyone who asks, so that two requests
    /// fold into one job.
    #[must_use]
    pub fn retry(&self) -> Self {
        Self::derived(&[self.0.as_bytes(), b"retry"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_sort_by_time_and_differ() {
        let early = JobId::fresh(Timestamp::from_millis(1_000_000));
        let late = JobId::fresh(Timestamp::from_millis(1_000_001));
        assert!(early < late);
        assert_ne!(late, JobId::fresh(Timestamp::from_millis(1_000_001)));
    }

    #[test]
    fn a_retry_has_one_id() {
        let id = JobId::new("holiday-1").unwrap();
        assert_eq!(id.retry(), id.retry());
        assert_ne!(id.retry(), id.retry().retry());
    }

    #[test]
    fn hostile_ids_are_refused() {
        for bad in ["", "a/b", "..", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(JobId::new(bad).is_err(), "{bad:?}");
        }
    }
}
