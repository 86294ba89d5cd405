//! One folder with everything in it: files of all formats as other programs write them, pictures of
//! all kinds and sizes, and what is no picture or only half of one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::harness::{Place, codes, files, ground, photo_of, source_tree};

const FILES: usize = 2000;

/// Name and content of the files that other programs wrote, `good` or `bad` ones.
fn foreign(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = source_tree().join("tests/files").join(folder);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// A picture of a random size in a random format that is written.
fn generated(rng: &mut Rng, photo: &[u8]) -> (&'static str, Vec<u8>) {
    let encodings = [
        ("jpg", "jpeg:q=70"),
        ("jpg", "jpeg:q=95,subsampling=444,progressive=true"),
        ("png", "png"),
        ("png", "png:effort=small"),
        ("webp", "webp:q=60"),
        ("webp", "webp:lossless=true"),
    ];
    let (extension, encoding) = encodings[rng.usize(..encodings.len())];
    let (width, height) = (rng.u32(1..90), rng.u32(1..90));
    let recipe = format!("resize:{width},{height},fill -> {encoding}");
    (extension, ground(photo, &recipe))
}

#[test]
fn a_mixed_folder_comes_out_as_its_files_deserve() {
    let place = Place::new();
    let (good, bad) = (foreign("good"), foreign("bad"));
    let (mut rng, photo) = (Rng::with_seed(3), photo_of(3, 90, 90));
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut done = 0;
    for n in 0..FILES {
        let folder = format!("{:02}", n % 40);
        match n % 4 {
            0 => {
                let (name, content) = &good[n / 4 % good.len()];
                place.put(format!("{folder}/{n}-{name}"), content);
                done += 1;
            }
            1 => {
                let (name, content) = &bad[n / 4 % bad.len()];
                place.put(format!("{folder}/{n}-{name}"), content);
                let (code, _) = name.split_once("--").unwrap();
                *expected.entry(format!("failed/{code}")).or_default() += 1;
            }
            _ => {
                let (extension, mut content) = generated(&mut rng, &photo);
                if n % 20 == 2 {
                    // Whatever is cut off at its half is found out.
                    content.truncate(content.len() / 2);
                    *expected.entry("failed/truncated".to_owned()).or_default() += 1;
                } else {
                    done += 1;
                }
                place.put(format!("{folder}/{n}.{extension}"), &content);
            }
        }
    }
    let run = place.run("small = resize:24 -> webp; facts = rotate:0 -> info").args([
        "--json",
        "--name",
        "{dir}/{stem}.{srcext}-{name}.{ext}",
    ]);
    let report = run.go().expect(1).json();

    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for code in codes(&report).into_values() {
        *found.entry(code).or_default() += 1;
    }
    assert_eq!(found, expected);
    assert_eq!(report["total"], FILES);
    assert_eq!(report["done"], done);
    assert_eq!(report["workers_died"], 0);
    assert_eq!(files(&place.out()).len(), 2 * done);
    // What these pictures need is little; the program itself is most of it.
    let memory = report["worker_memory_bytes"].as_u64().expect("Linux tells");
    assert!(memory < 200 << 20, "{memory}");
}
