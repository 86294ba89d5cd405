//! Which instructions kernels run with: the best that the machine has, found out at run time.
//!
//! A kernel is written once, in plain Rust, and compiled several times. What comes out never
//! depends on the level: the arithmetic is that of integers, or of single operations in floating
//! point, and tests run every kernel at every level. Kernels that the compiler makes little of
//! have a form of their own in [`x86`](super::x86), beside the plain one.

#![allow(unsafe_code, reason = "compiled for instructions that the compiler cannot know are there")]

/// Instructions beyond those that every machine of the architecture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// None.
    Portable,
    /// AVX2, and what came with it.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with bytes, shorter vectors, permutations of bytes and sums of products: Ice Lake,
    /// Zen 4 and later.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best of this machine.
    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        // Each question is answered from a word in memory after the first time.
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vnni");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            (false, _) => Self::Portable,
        }
    }

    /// The best of this machine.
    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Self {
        Self::Portable
    }

    /// The one to run at.
    pub(crate) fn current() -> Self {
        #[cfg(any(test, feature = "bench"))]
        if let Some(level) = forced::level() {
            return level;
        }
        Self::best()
    }
}

/// Work that is worth compiling several times.
///
/// A trait and not a function, because only of a method that is `inline(always)`, as are all that
/// it calls, is it certain that it becomes part of its caller, and so is compiled for its level.
pub(crate) trait Kernel {
    /// What comes of it.
    type Made;

    /// Does the work.
    fn run(self) -> Self::Made;
}

/// Runs a kernel at the current level, but not beyond AVX2.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Made {
    match Level::current() {
        Level::Portable => kernel.run(),
        // SAFETY: the machine has the instructions, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unsafe { with_avx2(kernel) },
    }
}

/// Runs a kernel at the current level; for those that AVX-512 makes faster.
pub(crate) fn run_widest<K: Kernel>(kernel: K) -> K::Made {
    match Level::current() {
        // SAFETY: the machine has the instructions, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { with_avx512(kernel) },
        Level::Portable => kernel.run(),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { with_avx2(kernel) },
    }
}

/// Runs a kernel that is for AVX2 only, and for nothing below it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(crate) fn with_avx2<K: Kernel>(kernel: K) -> K::Made {
    kernel.run()
}

/// Runs a kernel that is for AVX-512 only.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
#[target_feature(enable = "avx512vbmi,avx512vbmi2,avx512vnni")]
pub(crate) fn with_avx512<K: Kernel>(kernel: K) -> K::Made {
    kernel.run()
}

/// Levels below the best, for tests and measurements.
#[cfg(any(test, feature = "bench"))]
pub(crate) mod forced {
    use std::cell::Cell;

    use super::Level;

    thread_local! {
        static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
    }

    pub(super) fn level() -> Option<Level> {
        FORCED.get()
    }

    /// The levels that this machine can run at, the portable one first.
    pub(crate) fn levels() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        let known = [Level::Portable, Level::Avx2, Level::Avx512];
        #[cfg(not(target_arch = "x86_64"))]
        let known = [Level::Portable];
        known.into_iter().filter(|level| *level <= Level::best()).collect()
    }

    /// Runs this thread at a level, if the machine has it; `None` is the best.
    pub(crate) fn set(level: Option<Level>) {
        FORCED.set(level.filter(|level| *level <= Level::best()));
    }
}
