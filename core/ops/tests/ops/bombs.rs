//! Small files that ask for much work or memory: a great many pieces, text and profiles that inflate,
//! directories that lead back to themselves. Each is ground or refused in a moment.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pixmill_contract::{Limits, RejectCode};
use pixmill_ops::{Mill, Overlays};
use png::ColorType;

use crate::{files, make};

/// So many pieces of nothing fit into a few megabytes.
const PIECES: usize = 200_000;

/// What is carried on, so that everything in a file is looked at.
const KEEPING: &str = "resize:9 -> png:icc=keep,metadata=all";

/// Why it is refused, if it is.
fn refusal(source: &[u8]) -> Option<RejectCode> {
    make::refusal(source, KEEPING, Limits::default())
}

#[test]
fn a_great_many_pieces_of_nothing_are_passed_over() {
    let chunks = make::chunk(*b"zzZz", b"").repeat(PIECES);
    let png = make::insert(&make::png(40, 30, ColorType::Rgb), make::AFTER_IHDR, &chunks);
    assert_eq!(refusal(&png), None);

    let segments = make::segment(0xfe, b"").repeat(PIECES);
    let jpeg = make::insert(&make::jpeg(40, 30, 3, false), 2, &segments);
    assert_eq!(refusal(&jpeg), None);

    // A GIF's palette of four colours is behind its first thirteen bytes.
    let gif = files::gif();
    let behind = 13 + 3 * (2 << (gif[10] & 7));
    let gif = make::insert(&gif, behind, &b"\x21\xfe\0".repeat(PIECES));
    assert_eq!(refusal(&gif), None);

    let mut webp =
        make::grind(&make::png(40, 30, ColorType::Rgba), "rotate:0 -> webp").remove(0).bytes;
    webp.extend(b"junk\0\0\0\0".repeat(PIECES));
    let size = u32::try_from(webp.len() - 8).unwrap();
    webp[4..8].copy_from_slice(&size.to_le_bytes());
    assert_eq!(refusal(&webp), None);
}

#[test]
fn a_profile_that_inflates_is_as_good_as_none() {
    let mut zlib = ZlibEncoder::new(vec![], Compression::best());
    for _ in 0..512 {
        zlib.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let inflating = [b"profile\0\0", &zlib.finish().unwrap()[..]].concat();
    assert!(inflating.len() < 1 << 20, "{}", inflating.len());
    let chunk = make::chunk(*b"iCCP", &inflating);
    let png = make::insert(&make::png(40, 30, ColorType::Rgb), make::AFTER_IHDR, &chunk);
    assert!(make::raw(&make::grind(&png, KEEPING)[0].bytes).profile.is_none());
}

/// An Exif payload whose first directory has these entries and is followed by the one at `next`.
fn exif(entries: &[[u8; 12]], next: u32) -> Vec<u8> {
    let count = u16::try_from(entries.len()).unwrap().to_be_bytes();
    let tiff = [&b"MM\0*\0\0\0\x08"[..], &count, &entries.concat(), &next.to_be_bytes()].concat();
    make::segment(0xe1, &[b"Exif\0\0", &tiff[..]].concat())
}

/// An entry: tag, type, count, value.
fn entry(tag: u16, kind: u16, count: u32, value: u32) -> [u8; 12] {
    let mut entry = [0; 12];
    entry[..2].copy_from_slice(&tag.to_be_bytes());
    entry[2..4].copy_from_slice(&kind.to_be_bytes());
    entry[4..8].copy_from_slice(&count.to_be_bytes());
    entry[8..].copy_from_slice(&value.to_be_bytes());
    entry
}

#[test]
fn an_exif_whose_directories_lead_back_to_themselves_ends() {
    let jpeg = make::jpeg(40, 30, 3, false);
    let loops = exif(&[entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8)], 8);
    assert_eq!(refusal(&make::insert(&jpeg, 2, &loops)), None);
    let claims = exif(&[entry(0x010f, 2, u32::MAX, 8), entry(0x927c, 7, 0x7fff_ffff, 0)], u32::MAX);
    assert_eq!(refusal(&make::insert(&jpeg, 2, &claims)), None);
    let many = exif(&vec![entry(0x010f, 2, 4, 0); 5000], 8);
    assert_eq!(refusal(&make::insert(&jpeg, 2, &many)), None);
}

#[test]
fn a_mill_that_was_shown_bombs_is_as_good_as_new() {
    let good = make::png(40, 30, ColorType::Rgb);
    let fresh = make::grind(&good, KEEPING);
    let mut mill = Mill::new(Limits::default());
    let recipe = KEEPING.parse().unwrap();
    let segments = make::segment(0xfe, b"").repeat(PIECES);
    let jpeg = make::insert(&make::jpeg(40, 30, 3, false), 2, &segments);
    drop(mill.grind(&jpeg, &recipe, &Overlays::default()));
    let again = mill.grind(&good, &recipe, &Overlays::default()).unwrap();
    assert_eq!(again.pictures, fresh);
}
