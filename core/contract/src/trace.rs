//! How a trace goes on from one process to the next: messages and requests carry the `traceparent` of
//! W3C's Trace Context.
//!
//! Whoever exports spans says at its start how it is read and followed, once a process, as it says
//! where spans go. Where nobody does, messages carry none, and this costs nothing. Roles know no more
//! of tracing than the crate `tracing`.

use std::sync::OnceLock;

use tracing::Span;

/// What exports spans, as far as traces that go on elsewhere are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Tracer {
    /// The `traceparent` of the span that we are in, if it is one of a trace.
    pub current: fn() -> Option<String>,
    /// Makes a span that has not been entered yet a child of the one that a `traceparent` names.
    /// What is none is passed over: it comes from outside.
    pub follow: fn(&Span, &str),
}

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Says what exports spans. The first one counts.
pub fn export_by(tracer: Tracer) {
    TRACER.get_or_init(|| tracer);
}

/// The `traceparent` of the span that we are in, if spans are exported.
pub fn current() -> Option<String> {
    TRACER.get().and_then(|tracer| (tracer.current)())
}

/// Makes a span go on with a trace that began elsewhere, if spans are exported.
pub fn follow(span: &Span, traceparent: &str) {
    if let Some(tracer) = TRACER.get() {
        (tracer.follow)(span, traceparent);
    }
}
