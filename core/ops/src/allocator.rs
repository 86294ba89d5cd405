//! What becomes of memory that jobs give back: it stays with the process, up to a limit.
//!
//! glibc gives the end of its heap back to the system as soon as it is larger than an eighth of a
//! megabyte, and every block that is larger than that at once. What a job allocates for its files
//! and inside of libjpeg is of that size, so the next job would get it page by page again, each
//! with a fault of the processor: a hundred for a picture of one megapixel.

#![allow(unsafe_code, reason = "a call into the C library")]

use std::ffi::c_int;
#[cfg(target_os = "linux")]
use std::ffi::c_void;
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

/// Smaller blocks do not gain from large pages.
#[cfg(target_os = "linux")]
const WORTH_LARGE_PAGES: usize = 4 * 1024 * 1024;

/// Asks the system for large pages for a block that is not in use yet. With the usual ones a pass over
/// 36 MB finds nine thousand of them, each by a walk through tables.
#[cfg(target_os = "linux")]
pub(crate) fn in_large_pages(block: &mut [u8]) {
    const LARGE_PAGE: usize = 2 * 1024 * 1024;
    const MADV_HUGEPAGE: c_int = 14;
    unsafe extern "C" {
        fn madvise(begin: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    let before = block.as_ptr().addr().next_multiple_of(LARGE_PAGE) - block.as_ptr().addr();
    if let Some(within @ 1..) = block.len().checked_sub(before)
        && block.len() >= WORTH_LARGE_PAGES
    {
        let begin = block[before..].as_mut_ptr();
        // SAFETY: all of it is in the block; the advice changes nothing that is in it, and where the
        // system does not take it, nothing happens.
        unsafe { madvise(begin.cast(), within / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE) };
    }
}

/// Other systems are left to themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn in_large_pages(_: &mut [u8]) {}
