//! The ports: what the roles need of the world, and what every adapter promises.
//!
//! A port promises what all of its adapters can keep. The promises are numbered; the conformance
//! suites in [`testing`](crate::testing) name the number that each test holds an adapter to.

mod fleet;
mod index;
mod queue;
mod replies;
mod store;

pub use fleet::{Fleet, Impairment, Instance, Intent, Lifecycle, TargetHealth, TargetState};
pub use index::Index;
pub use queue::{Delivery, Depth, MAX_VISIBILITY, NewMessage, Queue, Receipt, Receive, send_one};
pub use replies::ReplyQueues;
pub use store::{Condition, Etag, Listed, Meta, Object, ObjectStore, OwnerTag, Payload, Put};
