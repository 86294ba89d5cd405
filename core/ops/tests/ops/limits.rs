//! Every limit refuses with its own code, before anything is decoded.

use pixmill_contract::{Limits, RejectCode};
use pixmill_ops::{Overlays, estimate, inspect};
use png::{BitDepth, ColorType};

use crate::make::{self, AFTER_IHDR, chunk, insert, pixels_of, refusal};

/// A PNG whose header claims a size, over a few bytes of pixels.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut source = make::png(4, 4, ColorType::Rgb);
    source[16..20].copy_from_slice(&width.to_be_bytes());
    source[20..24].copy_from_slice(&height.to_be_bytes());
    let ihdr = chunk(*b"IHDR", &source[16..29]);
    source[8..AFTER_IHDR].copy_from_slice(&ihdr);
    source
}

/// A JPEG whose header claims a size.
fn jpeg_claims(width: u16, height: u16) -> Vec<u8> {
    let mut source = make::jpeg(16, 16, 3, false);
    let sof = source.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    source[sof + 5..sof + 7].copy_from_slice(&height.to_be_bytes());
    source[sof + 7..sof + 9].copy_from_slice(&width.to_be_bytes());
    source
}

fn code(source: &[u8], limits: &Limits) -> Option<RejectCode> {
    inspect(source, limits).err().map(|rejection| rejection.code)
}

#[test]
fn a_huge_claim_is_refused_by_its_header() {
    let limits = Limits::default();
    assert_eq!(code(&claims(65_535, 65_535), &limits), Some(RejectCode::SideTooLarge));
    assert_eq!(code(&claims(u32::MAX, 1), &limits), Some(RejectCode::SideTooLarge));
    assert_eq!(code(&claims(16_384, 16_384), &limits), Some(RejectCode::TooManyPixels));
    assert_eq!(code(&claims(0, 5), &limits), Some(RejectCode::Corrupt));
    assert_eq!(code(&jpeg_claims(65_535, 65_535), &limits), Some(RejectCode::SideTooLarge));
    assert_eq!(code(&jpeg_claims(0, 5), &limits), Some(RejectCode::Corrupt));
}

#[test]
fn a_claim_within_the_limits_is_found_out_by_its_pixels() {
    let truncated = refusal(&jpeg_claims(4000, 3000), "invert", Limits::default());
    assert_eq!(truncated, Some(RejectCode::Truncated));
    let png = refusal(&claims(4000, 3000), "invert", Limits::default());
    assert!(matches!(png, Some(RejectCode::Truncated | RejectCode::Corrupt)), "{png:?}");
}

#[test]
fn every_limit_has_its_code() {
    let source = make::png(400, 300, ColorType::Rgb);
    let all = Limits::default;
    for (recipe, limits, code) in [
        ("invert", Limits { input_bytes: 100, ..all() }, RejectCode::InputTooLarge),
        ("invert", Limits { side: 399, ..all() }, RejectCode::SideTooLarge),
        ("invert", Limits { pixels: 119_999, ..all() }, RejectCode::TooManyPixels),
        ("resize:401,enlarge=true", Limits { side: 400, ..all() }, RejectCode::SideTooLarge),
        ("resize:401,enlarge=true", Limits { pixels: 120_000, ..all() }, RejectCode::TooManyPixels),
        ("a = invert; b = flip", Limits { outputs: 1, ..all() }, RejectCode::TooManyOutputs),
        ("invert | flip", Limits { operations: 1, ..all() }, RejectCode::TooManyOperations),
        ("blur:9", Limits { kernel: 7, ..all() }, RejectCode::KernelTooLarge),
        ("blur:9", Limits { memory_bytes: 500_000, ..all() }, RejectCode::OverMemory),
        ("crop:401,1", all(), RejectCode::Inapplicable),
        ("resize:401,300,fit=exact", all(), RejectCode::Inapplicable),
    ] {
        assert_eq!(refusal(&source, recipe, limits), Some(code), "{recipe}");
    }
}

#[test]
fn the_estimate_refuses_what_grinding_would_refuse() {
    let header = inspect(&make::png(400, 300, ColorType::Rgb), &Limits::default()).unwrap();
    let limits = Limits { memory_bytes: 1_000_000, ..Limits::default() };
    let rejection =
        estimate(&header, &"blur".parse().unwrap(), &Overlays::default(), &limits).unwrap_err();
    assert_eq!(rejection.code, RejectCode::OverMemory);
}

#[test]
fn progressive_pictures_are_estimated_with_their_coefficients() {
    let memory = |progressive| {
        let source = make::jpeg(1000, 1000, 3, progressive);
        let header = inspect(&source, &Limits::default()).unwrap();
        estimate(&header, &"invert".parse().unwrap(), &Overlays::default(), &Limits::default())
            .unwrap()
            .memory_bytes
    };
    // 4:2:0 has one and a half samples of two bytes a pixel.
    assert!(memory(true) - memory(false) >= 3_000_000);
}

#[test]
fn a_thousand_scans_are_refused() {
    let source = make::jpeg(64, 64, 1, true);
    let end = source.len() - 2;
    let scan = source[..end].windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
    let bomb = [&source[..end], &source[scan..end].repeat(1000), &source[end..]].concat();
    assert!(refusal(&bomb, "invert", Limits::default()).is_some());
    let first = source.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let dc_again = source[first..].windows(2).skip(2).position(|m| m == [0xff, 0xc4]).unwrap();
    let repeated = source[first..first + 2 + dc_again].repeat(1000);
    let bomb = insert(&source, first, &repeated);
    assert!(refusal(&bomb, "invert", Limits::default()).is_some());
}

#[test]
fn inflating_text_is_not_read() {
    // The pixels of a black picture, packed, are as good a bomb as any: 16 MB of zeros each.
    let black = make::png_of(
        (4000, 4000),
        ColorType::Grayscale,
        BitDepth::Eight,
        &vec![0; 16_000_000],
        |_| {},
    );
    let start = black.windows(4).position(|kind| kind == b"IDAT").unwrap() + 4;
    let text = chunk(*b"zTXt", &[b"k\0\0", &black[start..black.len() - 16]].concat());
    let source = make::png(20, 10, ColorType::Rgb);
    let dressed = insert(&source, AFTER_IHDR, &text.repeat(50));
    assert_eq!(pixels_of(&dressed, "flip -> png"), pixels_of(&source, "flip -> png"));
}

#[test]
fn a_palette_of_an_odd_length_is_refused() {
    let one = |info: &mut png::Info<'_>| info.palette = Some(vec![1, 2, 3].into());
    let source = make::png_of((2, 2), ColorType::Indexed, BitDepth::Eight, &[0; 4], one);
    make::grind(&source, "invert -> png");
    let of_one = chunk(*b"PLTE", &[1, 2, 3]);
    let at = source.windows(of_one.len()).position(|bytes| bytes == of_one).unwrap();
    for length in [4, 5, 7, 766, 767] {
        let odd = chunk(*b"PLTE", &vec![7; length]);
        let source = [&source[..at], &odd, &source[at + of_one.len()..]].concat();
        let refused = refusal(&source, "invert -> png", Limits::default());
        assert_eq!(refused, Some(RejectCode::Corrupt), "{length}");
    }
}
