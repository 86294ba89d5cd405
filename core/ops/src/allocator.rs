//! What becomes of memory that jobs give back: it stays with the process, up to a limit.
//!
//! glibc gives the end of its heap back to the system as soon as it is larger than an eighth of a
//! megabyte, and every block that is larger than that at once. What a job allocates for its files
//! and inside of libjpeg is of that size, so the next job would get it page by page again, each
//! with a fault of the processor: a hundred for a picture of one megapixel.

#![allow(unsafe_code, reason = "a call into the C library")]

use std::ffi::c_int;
use std::sync::Once;

/// Larger blocks are mapped for their own, and go back at once; twice as much is kept of a heap.
/// It is the most that glibc lets the limit grow to by itself.
const LARGE_BYTES: c_int = 32 * 1024 * 1024;

/// Has the allocator keep what is given back, from now on.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep() {
    const TRIM_THRESHOLD: c_int = -1;
    const MMAP_THRESHOLD: c_int = -3;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    static ONCE: Once = Once::new();
    // SAFETY: both parameters are glibc's, which checks the values and may be asked at any time.
    ONCE.call_once(|| unsafe {
        mallopt(TRIM_THRESHOLD, 2 * LARGE_BYTES);
        mallopt(MMAP_THRESHOLD, LARGE_BYTES);
    });
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep() {}
