//! Broken pictures: cut off anywhere, changed anywhere. Never a panic, never half a picture.

use pixmill_contract::{Limits, Recipe, RejectCode};
use pixmill_ops::{Mill, Overlays};
use png::ColorType;
use proptest::prelude::*;

use crate::{files, make};

fn whole_pictures() -> Vec<Vec<u8>> {
    vec![
        make::jpeg(70, 50, 3, false),
        make::jpeg(70, 50, 3, true),
        make::jpeg(33, 90, 1, false),
        make::png(40, 30, ColorType::Rgb),
        make::png(40, 30, ColorType::GrayscaleAlpha),
        make::jpeg(30, 20, 4, false),
        written("webp:q=60"),
        written("webp:lossless=true"),
        written("webp:metadata=all"),
        without(1, files::gif()),
        files::bmp(8, 7, &make::pixels(8, 7, 3)),
        without(4, tiff()),
    ]
}

/// A picture with alpha, as it is encoded here.
fn written(encoding: &str) -> Vec<u8> {
    let source = make::png(30, 20, ColorType::Rgba);
    make::grind(&source, &format!("rotate:0 -> {encoding}")).remove(0).bytes
}

/// A file without its last bytes, which say only that nothing follows.
fn without(count: usize, mut file: Vec<u8>) -> Vec<u8> {
    file.truncate(file.len() - count);
    file
}

fn tiff() -> Vec<u8> {
    let pixels = make::pixels(9, 7, 3);
    files::Tiff::new(9, 7, 3, &pixels).file()
}

/// How many [`whole_pictures`] there are.
const KINDS: usize = 12;

#[test]
fn no_prefix_of_a_picture_passes_for_one() {
    let recipe: Recipe = "resize:9".parse().unwrap();
    let mut mill = Mill::new(Limits::default());
    for source in whole_pictures() {
        mill.grind(&source, &recipe, &Overlays::default()).unwrap();
        for cut in 0..source.len() {
            let rejection = mill.grind(&source[..cut], &recipe, &Overlays::default()).unwrap_err();
            let expected = match cut {
                0 => matches!(rejection.code, RejectCode::Empty),
                _ => matches!(rejection.code, RejectCode::Truncated | RejectCode::Corrupt),
            };
            assert!(expected, "{cut} of {} bytes: {rejection}", source.len());
        }
    }
}

#[test]
fn pixels_that_are_missing_before_the_end_marker_are_missed() {
    for source in &whole_pictures()[..3] {
        for kept in [source.len() - 40, source.len() * 3 / 4] {
            let cut = [&source[..kept], &[0xff, 0xd9]].concat();
            let code = make::refusal(&cut, "invert", Limits::default());
            assert!(matches!(code, Some(RejectCode::Truncated | RejectCode::Corrupt)), "{code:?}");
        }
    }
}

#[test]
fn a_mill_reads_on_after_a_header_that_libjpeg_refuses() {
    let good = make::jpeg(40, 30, 3, false);
    let mut bad = good.clone();
    // A Huffman table of a class that does not exist: own code looks at no tables.
    let table = bad.windows(2).position(|marker| marker == [0xff, 0xc4]).unwrap();
    bad[table + 4] = 0x7f;
    let mut mill = Mill::new(Limits::default());
    let recipe: Recipe = "resize:9".parse().unwrap();
    assert_eq!(
        mill.grind(&bad, &recipe, &Overlays::default()).unwrap_err().code,
        RejectCode::Corrupt
    );
    mill.grind(&good, &recipe, &Overlays::default()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_change_of_bytes_makes_it_panic(
        which in 0_usize..KINDS,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut source = whole_pictures()[which].clone();
        for (at, byte) in changes {
            let at = at.index(source.len());
            source[at] = byte;
        }
        let recipe: Recipe = "a = resize:9; b = blur:3 | rotate:90 -> jpeg".parse().unwrap();
        drop(Mill::new(Limits::default()).grind(&source, &recipe, &Overlays::default()));
    }

    #[test]
    fn no_change_of_a_header_makes_it_panic(
        which in 0_usize..KINDS,
        changes in prop::collection::vec((0_usize..64, any::<u8>()), 1..4),
    ) {
        let mut source = whole_pictures()[which].clone();
        for (at, byte) in changes {
            let at = at % source.len();
            source[at] = byte;
        }
        let limits = Limits { pixels: 1_000_000, ..Limits::default() };
        drop(Mill::new(limits).grind(&source, &"invert".parse().unwrap(), &Overlays::default()));
    }

    #[test]
    fn no_bytes_behind_a_signature_make_it_panic(
        which in 0_usize..6,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let signatures: [&[u8]; 6] = [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"RIFF\x80\0\0\0WEBP",
            b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
            b"II*\0\x08\0\0\0",
        ];
        let signature = signatures[which];
        let source = [signature, &bytes].concat();
        let result = Mill::new(Limits::default()).grind(&source, &"invert".parse().unwrap(), &Overlays::default());
        prop_assert!(result.is_err());
    }
}
