//! Kernels in the machine's own instructions, where the compiler makes little of the plain ones.
//!
//! Each stands beside a plain form that does the same, which is what runs on other machines and
//! what tests compare it with. What it gains is in `benches/RESULTS.md`.

#![allow(unsafe_code, reason = "loads and stores of whole vectors")]

pub(crate) mod blur;
pub(crate) mod luma;
