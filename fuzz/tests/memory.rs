//! Memory as the kernel counts it, C libraries included, a process for each picture.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use pixmill_contract::Limits;
use pixmill_ops::{Mill, Overlays};

/// Pages of code and stack that are touched for the first time.
const ALLOWANCE: u64 = 3 << 20;

/// A BMP of noise, so that nothing is packed well.
fn bitmap(width: u16, height: u16) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend(u32::from(width).to_le_bytes());
    file.extend(u32::from(height).to_le_bytes());
    file.extend([1, 0, 24, 0]);
    file.extend([0; 24]);
    let row = (usize::from(width) * 3).next_multiple_of(4);
    let mut noise = fastrand::Rng::with_seed(7);
    file.extend(
        (0..row * usize::from(height)).map(|n| noise.u8(0..64) + u8::try_from(n % 192).unwrap()),
    );
    file
}

fn peak(file: &Path, recipe: &str) -> (u64, u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_pixmill-fuzz"))
        .args(["peak", file.to_str().unwrap(), recipe])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [estimated, grown] = numbers[..] else {
        panic!("{recipe}: {text}{}", String::from_utf8_lossy(&output.stderr))
    };
    (estimated, grown)
}

#[test]
fn a_job_takes_no_more_than_it_is_admitted_with_in_c_either() {
    let place = tempfile::tempdir().unwrap();
    let bitmap = bitmap(1200, 900);
    let mut mill = Mill::new(Limits::default());
    let encodings = [
        "jpeg:q=95",
        "jpeg:q=95,progressive=true",
        "png",
        "webp:q=90",
        "webp:lossless=true,effort=0",
    ];
    for (number, encoding) in encodings.into_iter().enumerate() {
        let recipe = format!("rotate:0 -> {encoding}").parse().unwrap();
        let made = mill.grind(&bitmap, &recipe, &Overlays::default()).unwrap();
        let file = place.path().join(number.to_string());
        fs::write(&file, &made.pictures[0].bytes).unwrap();
        for recipe in [
            "rotate:0 -> webp:effort=4",
            "rotate:0 -> webp:lossless=true,effort=2",
            "rotate:90 -> jpeg:progressive=true",
            "a = blur:31 -> png; b = rotate:90 | median:5 -> jpeg",
        ] {
            let (estimated, grown) = peak(&file, recipe);
            assert!(grown > 1 << 20, "{encoding}, {recipe}: nothing was measured");
            let bound = estimated + ALLOWANCE;
            assert!(grown <= bound, "{encoding}, {recipe}: {grown} of {estimated} bytes");
        }
    }
}

#[test]
fn a_long_life_takes_no_more_than_a_short_one() {
    // Two rounds of all there is, on each of two threads, in a process of its own.
    let life = Command::new(env!("CARGO_BIN_EXE_pixmill-fuzz")).args(["life", "700"]).output();
    let life = life.unwrap();
    assert!(life.status.success(), "{}", String::from_utf8_lossy(&life.stdout));
}
