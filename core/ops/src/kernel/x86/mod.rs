//! Kernels in the machine's own instructions, where the compiler makes little of the plain ones.
//!
//! Each stands beside a plain form that does the same, which is what runs on other machines and
//! what tests compare it with. What it gains is in `benches/RESULTS.md`.

#![allow(unsafe_code, reason = "loads and stores of whole vectors")]
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

pub(crate) mod blur;
pub(crate) mod luma;
pub(crate) mod vectors;
