//! Colour profiles and metadata: what is converted, what is carried on, what is dropped.

use moxcms::ColorProfile;
use pixmill_contract::{Limits, RejectCode};
use png::{BitDepth, ColorType};

use crate::files::Tiff;
use crate::make::{self, AFTER_IHDR, chunk, grind, insert, pixels_of, raw, refusal, segment};

const ASIS: &str = "rotate:0 -> png";

fn with_profile(color: ColorType, pixels: &[u8], profile: &[u8]) -> Vec<u8> {
    let width = pixels.len() / color.samples();
    make::png_of((width, 1), color, BitDepth::Eight, pixels, |info| {
        info.icc_profile = Some(profile.to_vec().into());
    })
}

/// Exif with make, artist, copyright, a place and an orientation, little-endian.
fn exif() -> Vec<u8> {
    let texts: [(u16, &[u8]); 3] =
        [(0x010f, b"ACME cameras\0"), (0x013b, b"Ada Artist\0"), (0x8298, b"(c) Ada 2024\0")];
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let entries = 5;
    let mut behind = 8 + 2 + entries * 12 + 4;
    let (mut directory, mut values) = (vec![], vec![]);
    let mut push = |tag: u16, kind: u16, count: usize, value: [u8; 4]| {
        directory
            .extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &long(count), &value].concat());
    };
    push(texts[0].0, 2, texts[0].1.len(), long(behind));
    values.extend(texts[0].1);
    behind += texts[0].1.len();
    push(0x0112, 3, 1, [6, 0, 0, 0]);
    for (tag, text) in &texts[1..] {
        push(*tag, 2, text.len(), long(behind));
        values.extend(*text);
        behind += text.len();
    }
    push(0x8825, 4, 1, long(behind));
    let place = b"52.5200 N\0";
    let gps_values = behind + 2 + 12 + 4;
    values.extend(
        [
            &1_u16.to_le_bytes()[..],
            &0x001d_u16.to_le_bytes(),
            &2_u16.to_le_bytes(),
            &long(place.len()),
            &long(gps_values),
            &[0; 4],
            place,
        ]
        .concat(),
    );
    [
        b"II*\0\x08\0\0\0",
        &u16::try_from(entries).unwrap().to_le_bytes()[..],
        &directory,
        &[0; 4],
        &values,
    ]
    .concat()
}

const XMP: &[u8] = b"<x:xmpmeta tiff:Orientation=\"6\">somewhere</x:xmpmeta>";

/// The same belongings in every container that has a place for them.
fn sources() -> Vec<Vec<u8>> {
    let jpeg = make::jpeg(20, 12, 3, false);
    let jpeg = insert(&jpeg, 2, &segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP].concat()));
    let jpeg = insert(&jpeg, 2, &segment(0xe1, &[&b"Exif\0\0"[..], &exif()].concat()));
    let xmp = chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", XMP].concat());
    let png = make::png(20, 12, ColorType::Rgb);
    let png = insert(&png, AFTER_IHDR, &[chunk(*b"eXIf", &exif()), xmp].concat());
    let webp = grind(&png, "rotate:270 -> webp:metadata=all").remove(0).bytes;
    vec![jpeg, png, webp]
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn metadata_goes_as_far_as_the_policy_lets_it() {
    for source in sources() {
        for encoding in ["jpeg", "png", "png:effort=small", "webp", "webp:lossless=true", "auto"] {
            let join = if encoding.contains(':') { "," } else { ":" };
            let made = |policy: &str| {
                grind(&source, &format!("resize:9 -> {encoding}{join}metadata={policy}"))
                    .remove(0)
                    .bytes
            };
            let told = |bytes: &[u8]| {
                [&b"ACME"[..], b"Ada Artist", b"(c) Ada", b"52.5200", b"somewhere"]
                    .map(|t| holds(bytes, t))
            };
            assert_eq!(told(&made("none")), [false; 5], "{encoding}");
            assert_eq!(told(&made("copyright")), [false, true, true, false, false], "{encoding}");
            let all = made("all");
            assert_eq!(told(&all), [true; 5], "{encoding}");
            assert!(!holds(&all, b"Orientation=\"6\""));
            // Upright for whoever reads it next: no second turn.
            assert_eq!(pixels_of(&all, ASIS).size.0, 9);
        }
    }
}

#[test]
fn without_an_encoding_nothing_is_carried_on() {
    for source in sources() {
        let bytes = &grind(&source, "resize:9")[0].bytes;
        assert!(!holds(bytes, b"Ada") && !holds(bytes, b"somewhere"));
    }
}

#[test]
fn a_tiffs_own_directory_is_its_exif() {
    let pixels = make::pixels(4, 4, 3);
    let mut tiff = Tiff::new(4, 4, 3, &pixels).with(315, 4, &[0x6164_4100, 0]);
    // A text of four bytes: written where other numbers would be.
    tiff.tags.iter_mut().filter(|tag| tag.0 == 315).for_each(|tag| tag.2.truncate(1));
    let mut file = tiff.file();
    let at = file.windows(4).rposition(|w| w == [0x3b, 0x01, 4, 0]).unwrap();
    file[at + 2] = 2;
    file[at + 4] = 4;
    file[at + 8..at + 12].copy_from_slice(b"Ada\0");
    let made = grind(&file, "rotate:0 -> jpeg:metadata=copyright").remove(0).bytes;
    assert!(holds(&made, b"Ada\0"));
}

#[test]
fn wide_gamuts_become_srgb_before_the_first_operation() {
    let profile = ColorProfile::new_adobe_rgb().encode().unwrap();
    let pixels: Vec<u8> = vec![0, 200, 0, 128, 128, 128, 200, 100, 50];
    let source = with_profile(ColorType::Rgb, &pixels, &profile);
    let converted = pixels_of(&source, ASIS);
    assert_eq!(converted.profile, None);
    assert_ne!(converted.pixels, pixels);
    // Grays stay grays; the two curves differ by a little.
    assert_eq!(converted.pixels[3..6], [129, 129, 129]);
    let inverted: Vec<u8> = converted.pixels.iter().map(|sample| 255 - sample).collect();
    assert_eq!(pixels_of(&source, "invert -> png").pixels, inverted);

    let kept = pixels_of(&source, "rotate:0 -> png:icc=keep");
    assert_eq!((kept.pixels, kept.profile.as_ref()), (pixels.clone(), Some(&profile)));
    // Whoever keeps metadata keeps the profile, unless told otherwise.
    assert_eq!(pixels_of(&source, "rotate:0 -> png:metadata=all").profile, Some(profile));
    let told = pixels_of(&source, "rotate:0 -> png:metadata=all,icc=srgb");
    assert_eq!((told.pixels, told.profile), (converted.pixels.clone(), None));
    // Both at once, from one picture.
    let both = grind(&source, "a = rotate:0 -> png; b = rotate:0 -> png:icc=keep");
    assert_eq!(raw(&both[0].bytes).pixels, converted.pixels);
    assert_eq!(raw(&both[1].bytes).pixels, pixels);
}

#[test]
fn srgb_profiles_change_nothing() {
    let profile = ColorProfile::new_srgb().encode().unwrap();
    let pixels = make::pixels(300, 1, 3);
    let source = with_profile(ColorType::Rgb, &pixels, &profile);
    assert_eq!(pixels_of(&source, ASIS).pixels, pixels);
}

#[test]
fn profiles_of_jpeg_and_webp_are_applied_as_those_of_png() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let source = with_profile(ColorType::Rgb, &make::pixels(90, 1, 3), &profile);
    let expected = pixels_of(&source, ASIS).pixels;
    let webp = grind(&source, "rotate:0 -> webp:lossless=true,icc=keep").remove(0).bytes;
    assert_eq!(pixels_of(&webp, ASIS).pixels, expected);
    let jpeg = grind(&source, "rotate:0 -> jpeg:q=100,subsampling=444,icc=keep").remove(0).bytes;
    let apart =
        pixels_of(&jpeg, ASIS).pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart.unwrap() < 12, "{apart:?}");
    let plain = grind(&source, "rotate:0 -> jpeg:q=100,subsampling=444").remove(0).bytes;
    assert!(!holds(&plain, b"ICC_PROFILE"));
}

#[test]
fn absurd_profiles_are_as_good_as_none() {
    let good = ColorProfile::new_display_p3().encode().unwrap();
    let pixels = make::pixels(40, 1, 3);
    let mut absurd =
        vec![vec![], vec![0; 200], make::profile(*b"RGB ", 500), good[..good.len() / 2].to_vec()];
    absurd.push(make::profile(*b"RGB ", 900_000));
    for profile in absurd {
        let source = with_profile(ColorType::Rgb, &pixels, &profile);
        assert_eq!(pixels_of(&source, ASIS).pixels, pixels, "{} bytes", profile.len());
    }
    // Any byte of a good one may be any other: the picture is read, whatever its colours become.
    for at in (0..good.len()).step_by(3) {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut profile = good.clone();
            profile[at] = byte;
            let source = with_profile(ColorType::Rgb, &pixels, &profile);
            assert_eq!(refusal(&source, ASIS, Limits::default()), None, "byte {at}");
        }
    }
}

#[test]
fn cmyk_becomes_rgb() {
    let source = make::jpeg(40, 30, 4, false);
    let result = pixels_of(&source, ASIS);
    assert_eq!((result.size, result.color), ((40, 30), ColorType::Rgb));
    let header = pixmill_ops::inspect(&source, &Limits::default()).unwrap();
    assert_eq!(header.channels, 3);
    // Reduced, turned and with a profile that makes no sense.
    let exif = segment(0xe1, &[&b"Exif\0\0"[..], &make::exif(6)].concat());
    let turned = insert(&make::jpeg(400, 300, 4, true), 2, &exif);
    let dressed = make::with_profile(&turned, &make::profile(*b"CMYK", 70_000));
    for source in [turned, dressed] {
        assert_eq!(pixels_of(&source, "resize:30 -> png").size, (30, 40));
    }
    assert_eq!(
        refusal(&source[..source.len() / 2], ASIS, Limits::default()),
        Some(RejectCode::Truncated)
    );
}

#[test]
fn a_profile_whose_parts_make_no_whole_is_as_good_as_none() {
    let plain = make::jpeg(40, 30, 3, false);
    let part = |number: u8, count: u8| {
        segment(0xe2, &[&b"ICC_PROFILE\0"[..], &[number, count], &[7; 9]].concat())
    };
    for parts in
        [vec![part(1, 1), part(1, 1)], vec![part(1, 2)], vec![part(0, 0)], vec![part(1, 1); 300]]
    {
        let source = insert(&plain, 2, &parts.concat());
        assert_eq!(pixels_of(&source, ASIS), pixels_of(&plain, ASIS));
    }
}

#[test]
fn gray_with_alpha_has_its_profile_applied() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let gray = |recipe: &str| {
        pixels_of(&with_profile(ColorType::Grayscale, &[0, 128, 255], &linear), recipe)
    };
    let levels = gray(ASIS).pixels;
    assert!(levels[1].abs_diff(188) <= 1, "{levels:?}");
    let expected: Vec<u8> = levels.iter().flat_map(|n| [*n, *n, *n, 77]).collect();
    let glass = with_profile(ColorType::GrayscaleAlpha, &[0, 77, 128, 77, 255, 77], &linear);
    let clear =
        make::png_of((3, 1), ColorType::Grayscale, BitDepth::Eight, &[0, 128, 255], |info| {
            info.icc_profile = Some(linear.clone().into());
            info.trns = Some(vec![0, 9].into());
        });
    for recipe in [ASIS, "rotate:0 -> png:icc=keep"] {
        let result = pixels_of(&glass, recipe);
        assert_eq!((result.pixels, result.profile), (expected.clone(), None), "{recipe}");
        let opaque: Vec<u8> = levels.iter().flat_map(|n| [*n, *n, *n, 255]).collect();
        assert_eq!(pixels_of(&clear, recipe).pixels, opaque, "{recipe}");
    }
    assert_eq!(gray("rotate:0 -> png:icc=keep").profile.as_ref(), Some(&linear));
}

#[test]
fn a_profile_of_grays_is_settled_where_gray_is_written_as_rgb() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let source = with_profile(ColorType::Grayscale, &[0, 128, 255], &linear);
    let made =
        grind(&source, "a = rotate:0 -> webp:lossless=true,icc=keep; b = rotate:0 -> png:icc=keep");
    assert!(!holds(&made[0].bytes, b"ICCP"));
    let expected: Vec<u8> = pixels_of(&source, ASIS).pixels.iter().flat_map(|n| [*n; 3]).collect();
    assert_eq!(pixels_of(&made[0].bytes, ASIS).pixels, expected);
    assert_eq!(raw(&made[1].bytes).profile, Some(linear));
}
