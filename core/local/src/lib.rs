//! The ports of pixmill on one machine: a directory and SQLite.
//!
//! Nothing to install and no service to run: any number of processes of one machine share a data
//! directory, and each may be killed at any moment. What that costs nobody is written in the
//! ports' promises, to which the conformance suites of `pixmill_contract::testing` hold these
//! adapters as well.
//!
//! * [`SqliteQueue`]: queues in one SQLite file.
//! * [`DirStore`]: objects as files below a directory, with directories of the user's mounted in.
//! * [`SqliteIndex`]: what was read of a store, so that it need not be read again.
//! * [`ProcessFleet`]: workers as child processes.
//! * [`DropFolder`](drop::DropFolder): files that are put into a directory, taken each exactly once.
//! * [`Standstill`]: workers that are stopped for too long, whatever they hold.
//! * [`LocalBackend`]: the first two, laid out in one data directory; what roles are composed with.
//!
//! This is no server and no network file system: SQLite's locks and its write-ahead log need all
//! processes to be on the machine that has the disk.

mod backend;
pub mod doctor;
pub mod drop;
mod error;
mod fleet;
mod hash;
mod index;
mod path;
mod queue;
mod sqlite;
mod standstill;
mod store;

pub use backend::{
    LocalBackend, MAX_RECEIVE_COUNT, read_mounts, write_mounts, write_mounts_that_survive,
};
pub use fleet::{ProcessFleet, WorkerCommand};
pub use index::SqliteIndex;
pub use path::{key_for_path, path_for_key};
pub use queue::{QueueFile, QueueSettings, SqliteQueue};
pub use sqlite::Durability;
pub use standstill::Standstill;
pub use store::{Access, DirStore, DirStoreOptions, Mount};
