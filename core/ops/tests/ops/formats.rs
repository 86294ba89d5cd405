//! Formats and kinds of pictures: what each is read as, and what is carried on.

use pixmill_contract::{Format, Limits, RejectCode};
use pixmill_ops::inspect;
use png::{BitDepth, ColorType};

use crate::make::{self, AFTER_IHDR, chunk, grind, insert, pixels_of, raw, refusal, segment};

const ASIS: &str = "rotate:0 -> png";

#[test]
fn every_kind_of_png_is_read_as_gray_rgb_or_rgba() {
    let kinds = [
        (ColorType::Grayscale, ColorType::Grayscale),
        (ColorType::Rgb, ColorType::Rgb),
        (ColorType::GrayscaleAlpha, ColorType::Rgba),
        (ColorType::Rgba, ColorType::Rgba),
    ];
    for (stored, read) in kinds {
        let source = make::png(13, 7, stored);
        let result = pixels_of(&source, ASIS);
        assert_eq!((result.size, result.color), ((13, 7), read));
        let header = inspect(&source, &Limits::default()).unwrap();
        assert_eq!(usize::from(header.channels), read.samples());
        let pixels = make::pixels(13, 7, stored.samples());
        match stored {
            ColorType::GrayscaleAlpha => {
                let expand = |p: &[u8]| [p[0], p[0], p[0], p[1]];
                let expected: Vec<u8> = pixels.chunks_exact(2).flat_map(expand).collect();
                assert_eq!(result.pixels, expected);
            }
            ColorType::Grayscale | ColorType::Rgb | ColorType::Rgba | ColorType::Indexed => {
                assert_eq!(result.pixels, pixels);
            }
        }
    }
}

#[test]
fn palettes_are_expanded_with_their_transparency() {
    let palette = |info: &mut png::Info<'_>| {
        info.palette = Some(vec![255, 0, 0, 0, 255, 0, 0, 0, 255].into());
    };
    let packed = [0b00_01_10_00];
    let opaque = make::png_of((3, 1), ColorType::Indexed, BitDepth::Two, &packed, palette);
    let result = pixels_of(&opaque, ASIS);
    assert_eq!(result.color, ColorType::Rgb);
    assert_eq!(result.pixels, [255, 0, 0, 0, 255, 0, 0, 0, 255]);

    let glass = make::png_of((3, 1), ColorType::Indexed, BitDepth::Two, &packed, |info| {
        palette(info);
        info.trns = Some(vec![0, 100].into());
    });
    let result = pixels_of(&glass, ASIS);
    assert_eq!(result.color, ColorType::Rgba);
    assert_eq!(result.pixels, [255, 0, 0, 0, 0, 255, 0, 100, 0, 0, 255, 255]);
}

#[test]
fn of_sixteen_bits_the_high_byte_is_kept() {
    let samples = [0x00, 0xff, 0x01, 0x00, 0x80, 0x80, 0xff, 0xfe];
    let source = make::png_of((4, 1), ColorType::Grayscale, BitDepth::Sixteen, &samples, |_| {});
    assert_eq!(pixels_of(&source, ASIS).pixels, [0x00, 0x01, 0x80, 0xff]);
}

#[test]
fn few_bits_are_spread_over_the_whole_range() {
    let source =
        make::png_of((4, 1), ColorType::Grayscale, BitDepth::Two, &[0b00_01_10_11], |_| {});
    assert_eq!(pixels_of(&source, ASIS).pixels, [0, 85, 170, 255]);
}

#[test]
fn gray_jpeg_stays_gray_and_rgb_stays_rgb() {
    for (channels, color) in [(1, ColorType::Grayscale), (3, ColorType::Rgb)] {
        for progressive in [false, true] {
            let result = pixels_of(&make::jpeg(50, 31, channels, progressive), ASIS);
            assert_eq!((result.size, result.color), ((50, 31), color));
        }
    }
}

#[test]
fn without_an_encoding_the_format_stays() {
    assert_eq!(grind(&make::jpeg(9, 9, 3, false), "invert")[0].format, Format::Jpeg);
    assert_eq!(grind(&make::png(9, 9, ColorType::Rgb), "invert")[0].format, Format::Png);
}

#[test]
fn every_orientation_is_applied_to_the_pixels() {
    let source = make::png(5, 3, ColorType::Rgb);
    for (orientation, same_as) in [
        (1, "rotate:0"),
        (2, "flip:horizontal"),
        (3, "rotate:180"),
        (4, "flip:vertical"),
        (5, "flip:horizontal | rotate:270"),
        (6, "rotate:90"),
        (7, "flip:horizontal | rotate:90"),
        (8, "rotate:270"),
    ] {
        let turned = insert(&source, AFTER_IHDR, &chunk(*b"eXIf", &make::exif(orientation)));
        let expected = pixels_of(&source, &format!("{same_as} -> png"));
        assert_eq!(pixels_of(&turned, ASIS), expected, "orientation {orientation}");
        let header = inspect(&turned, &Limits::default()).unwrap();
        assert_eq!((header.width, header.height), expected.size);
    }
}

#[test]
fn a_jpegs_orientation_is_applied_at_every_scale() {
    let source = make::jpeg(400, 300, 3, false);
    let exif = segment(0xe1, &[&b"Exif\0\0"[..], &make::exif(6)].concat());
    let turned = insert(&source, 2, &exif);
    for width in [20, 70, 140] {
        let upright = pixels_of(&source, &format!("resize:height={width} | rotate:90 -> png"));
        let result = pixels_of(&turned, &format!("resize:{width} -> png"));
        assert_eq!(result.size, upright.size);
        // Columns are resampled before rows, and rounded between: not equal, but very close.
        let apart = result.pixels.iter().zip(&upright.pixels).map(|(a, b)| a.abs_diff(*b));
        let total: usize = apart.map(usize::from).sum();
        assert!(total <= result.pixels.len(), "width {width}: {total}");
    }
}

#[test]
fn nothing_private_survives() {
    let secret = b"52.5200 N, 13.4050 E, ACME 9000";
    let mut jpeg = make::jpeg(40, 30, 3, false);
    for (marker, prefix) in [
        (0xe1, &b"Exif\0\0"[..]),
        (0xe1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xed, b""),
        (0xfe, b""),
    ] {
        jpeg = insert(&jpeg, 2, &segment(marker, &[prefix, secret].concat()));
    }
    let png = make::png(40, 30, ColorType::Rgb);
    let text = chunk(*b"tEXt", &[b"Comment\0", &secret[..]].concat());
    let png = insert(&png, AFTER_IHDR, &[text, chunk(*b"eXIf", secret)].concat());
    for source in [jpeg, png] {
        for picture in grind(&source, "a = invert -> jpeg; b = invert -> png") {
            let leaks = picture.bytes.windows(4).any(|w| w == &secret[..4]);
            assert!(!leaks, "{:?}", picture.format);
        }
    }
}

#[test]
fn a_profile_is_carried_where_it_still_fits() {
    let keep = "invert -> png:icc=keep";
    let both = "a = invert -> jpeg:icc=keep; b = invert -> png:icc=keep; \
                c = grayscale -> png:icc=keep; d = grayscale -> jpeg:icc=keep";
    for length in [200, 60_001, 300_000] {
        let profile = make::profile(*b"RGB ", length);
        let jpeg = make::with_profile(&make::jpeg(40, 30, 3, false), &profile);
        let png = make::png_of(
            (40, 30),
            ColorType::Rgb,
            BitDepth::Eight,
            &make::pixels(40, 30, 3),
            |info| {
                info.icc_profile = Some(profile.clone().into());
            },
        );
        for source in [jpeg, png] {
            let made = grind(&source, both);
            // Read what was spliced into the JPEG by going once more through the mill.
            let through = grind(&made[0].bytes, keep);
            assert_eq!(raw(&through[0].bytes).profile.as_ref(), Some(&profile));
            assert_eq!(raw(&made[1].bytes).profile.as_ref(), Some(&profile));
            assert_eq!(raw(&made[2].bytes).profile, None);
            assert_eq!(raw(&grind(&made[3].bytes, keep)[0].bytes).profile, None);
        }
    }
}

#[test]
fn a_profile_that_is_too_large_or_of_another_family_is_dropped() {
    let huge = make::profile(*b"RGB ", 1024 * 1024 + 1);
    let gray = make::profile(*b"GRAY", 500);
    for profile in [huge, gray] {
        let source = make::with_profile(&make::jpeg(40, 30, 3, false), &profile);
        assert_eq!(raw(&grind(&source, "invert -> png:icc=keep")[0].bytes).profile, None);
    }
}

#[test]
fn jpeg_outputs_lie_over_white() {
    let clear = make::png_of((8, 8), ColorType::Rgba, BitDepth::Eight, &[0; 256], |_| {});
    let jpeg = &grind(&clear, "rotate:0 -> jpeg:q=100")[0].bytes;
    assert!(pixels_of(jpeg, ASIS).pixels.iter().all(|sample| *sample == 255));
}

#[test]
fn what_follows_the_end_is_ignored() {
    for source in [make::jpeg(40, 30, 3, false), make::png(40, 30, ColorType::Rgb)] {
        let longer = [&source[..], b"\0\0\0 trailing \xff\xd8\xff bytes"].concat();
        assert_eq!(pixels_of(&longer, ASIS), pixels_of(&source, ASIS));
    }
}

#[test]
fn bytes_before_the_end_marker_are_ignored() {
    let source = make::jpeg(40, 30, 3, false);
    let padded = insert(&source, source.len() - 2, &[0; 7]);
    assert_eq!(pixels_of(&padded, ASIS), pixels_of(&source, ASIS));
}

#[test]
fn no_bytes_are_empty() {
    assert_eq!(refusal(b"", "invert", Limits::default()), Some(RejectCode::Empty));
}
