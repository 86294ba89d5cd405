//! Numbers of things, as people read them.

use std::fmt::Display;

/// So many of something: `1 job`, `2 jobs`.
pub fn plural<N: Copy + Display + PartialEq + From<u8>>(n: N, what: &str) -> String {
    let s = if n == N::from(1) { "" } else { "s" };
    format!("{n} {what}{s}")
}
