//! Ways for tests to make the decoder fail as no picture should (feature `test-hooks`).
//!
//! A source that holds one of the markers anywhere, say in a JPEG comment or behind the end of
//! the picture, takes the whole process down, panics, or never returns. Never built into a release.

/// Does what the marker in `source` asks for, if there is one.
pub(crate) fn before_decoding(source: &[u8]) {
    let holds = |marker: &[u8]| source.windows(marker.len()).any(|window| window == marker);
    if !holds(b"pixmill-test:") {
        return;
    }
    if holds(b"pixmill-test:abort") {
        std::process::abort();
    }
    assert!(!holds(b"pixmill-test:panic"), "the source asked for a panic");
    while holds(b"pixmill-test:hang") {
        std::thread::park();
    }
}
