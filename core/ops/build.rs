//! Compiles the shim around libjpeg-turbo (`src/codec/jpeg/shim.c`) with the headers of the library
//! that is linked.

#![allow(clippy::disallowed_methods, reason = "this is how build scripts are told things")]

use std::env;

const SHIM: &str = "src/codec/jpeg/shim.c";

fn main() {
    println!("cargo::rerun-if-changed={SHIM}");
    // Said by the build of turbojpeg-sys, which knows what it built.
    let headers =
        env::var("DEP_TURBOJPEG_INCLUDE").expect("turbojpeg-sys says where its headers are");
    let mut shim = cc::Build::new();
    shim.file(SHIM).includes(headers.split(',')).warnings(true).extra_warnings(true);
    shim.compile("pixmill_jpeg");
}
