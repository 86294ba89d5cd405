//! What adapters are tested with: conformance suites, fault decorators, a clock that can be paused.

mod clock;

pub use clock::PausedClock;
