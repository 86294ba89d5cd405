//! What a pixmill job is and what the ports promise.
//!
//! Everything that crosses a process boundary is defined here, and nothing here does any I/O of
//! its own: the documents, recipes and the typed operations with their one table, keys, errors,
//! the ports with their written promises, and (feature `testing`) the conformance suites that
//! every adapter passes and the fault decorators. Roles and adapters depend on this crate; it
//! depends on none of them.

mod aside;
pub mod backoff;
pub mod clock;
pub mod document;
pub mod error;
pub mod id;
pub mod key;
pub mod limits;
pub mod metrics;
mod nearest;
pub mod operation;
pub mod pipeline;
mod plural;
pub mod port;
pub mod recipe;
pub mod reject;
pub mod source;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;

pub use aside::aside;
pub use backoff::Backoff;
pub use clock::{Clock, SystemClock, Timestamp};
pub use document::{Job, Outcome, ResultDocument};
pub use error::{Error, ErrorKind};
pub use id::{BatchId, InstanceId, IntentId, JobId, WorkerId};
pub use key::Key;
pub use limits::Limits;
pub use metrics::MetricsPage;
pub use nearest::nearest;
pub use operation::{Encoding, Format, Operation};
pub use pipeline::{Buckets, Pipeline};
pub use plural::plural;
pub use port::{Fleet, Index, ObjectStore, Queue, ReplyQueues};
pub use recipe::{Output, Recipe, RecipeError, RecipeFile};
pub use reject::{RejectCode, Rejection};
