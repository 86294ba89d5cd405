//! Composite: overlays given with a recipe, laid where it says.

use std::sync::Arc;

use pixmill_contract::{Limits, Recipe, RejectCode, Rejection};
use pixmill_ops::{Ground, Mill, Overlays, estimate, inspect};
use png::{BitDepth, ColorType};

use crate::make::{self, Raw, raw};

fn overlays(files: &[(&str, Vec<u8>)], limits: &Limits) -> Result<Overlays, Rejection> {
    let file = |(name, bytes): &(&str, Vec<u8>)| ((*name).to_owned(), Arc::from(&bytes[..]));
    Overlays::inspect(files.iter().map(file), limits)
}

fn grind(source: &[u8], recipe: &str, files: &[(&str, Vec<u8>)]) -> Result<Ground, Rejection> {
    let limits = Limits::default();
    let recipe: Recipe = recipe.parse().unwrap();
    Mill::new(limits.clone()).grind(source, &recipe, &overlays(files, &limits)?)
}

fn pixels_of(source: &[u8], recipe: &str, files: &[(&str, Vec<u8>)]) -> Raw {
    raw(&grind(source, recipe, files).unwrap().pictures[0].bytes)
}

/// A PNG of one colour.
fn flat(size: (usize, usize), color: ColorType, pixel: &[u8]) -> Vec<u8> {
    make::png_of(size, color, BitDepth::Eight, &pixel.repeat(size.0 * size.1), |_| {})
}

/// Left, top, right and bottom of what is not black.
fn place(picture: &Raw) -> [usize; 4] {
    let width = picture.size.0 as usize;
    let lit = picture.pixels.iter().enumerate().filter(|(_, sample)| **sample > 0);
    let at: Vec<_> = lit.map(|(i, _)| (i % width, i / width)).collect();
    let (x, y) = (at.iter().map(|p| p.0), at.iter().map(|p| p.1));
    [x.clone().min(), y.clone().min(), x.max(), y.max()].map(|side| side.unwrap_or(usize::MAX))
}

#[test]
fn gravity_and_offsets_say_where_it_lies() {
    let black = flat((30, 20), ColorType::Grayscale, &[0]);
    let white = [("o", flat((5, 4), ColorType::Grayscale, &[255]))];
    for (how, expected) in [
        ("", [25, 16, 29, 19]),
        (",left=1,top=2", [24, 14, 28, 17]),
        (",northwest,1,2", [1, 2, 5, 5]),
        (",north,top=3", [12, 3, 16, 6]),
        (",northeast,left=3", [22, 0, 26, 3]),
        (",east", [25, 8, 29, 11]),
        (",south", [12, 16, 16, 19]),
        (",southwest,2,1", [2, 15, 6, 18]),
        (",west,left=2", [2, 8, 6, 11]),
        (",centre", [12, 8, 16, 11]),
        (",center,left=4,top=1", [16, 9, 20, 12]),
        (",northwest,28,18", [28, 18, 29, 19]),
        (",southeast,27,18", [0, 0, 2, 1]),
        (",northwest,30,0", [usize::MAX; 4]),
    ] {
        let made = pixels_of(&black, &format!("composite:o{how} -> png"), &white);
        assert_eq!(place(&made), expected, "{how}");
    }
}

#[test]
fn an_overlay_that_is_larger_is_cut_off() {
    let black = flat((6, 5), ColorType::Grayscale, &[0]);
    let large = [("o", make::png(31, 40, ColorType::Grayscale))];
    let cut = pixels_of(&large[0].1, "crop:6,5,left=25,top=35 -> png", &[]);
    assert_eq!(pixels_of(&black, "composite:o -> png", &large), cut);
}

#[test]
fn tiles_cover_everything() {
    let black = flat((23, 17), ColorType::Grayscale, &[0]);
    let tile = [("o", make::png(5, 4, ColorType::Grayscale))];
    let laid = pixels_of(&black, "composite:o,northwest,tile=true -> png", &tile);
    let one = make::pixels(5, 4, 1);
    for (i, sample) in laid.pixels.iter().enumerate() {
        assert_eq!(*sample, one[i / 23 % 4 * 5 + i % 23 % 5]);
    }
}

#[test]
fn gray_becomes_colour_where_the_overlay_has_some() {
    let gray = make::png(9, 9, ColorType::Grayscale);
    for (color, made) in [
        (ColorType::Grayscale, ColorType::Grayscale),
        (ColorType::Rgb, ColorType::Rgb),
        (ColorType::Rgba, ColorType::Rgb),
    ] {
        let over = [("o", make::png(4, 4, color))];
        assert_eq!(pixels_of(&gray, "composite:o -> png", &over).color, made, "{color:?}");
    }
}

#[test]
fn an_overlay_is_put_upright() {
    let black = flat((40, 40), ColorType::Rgb, &[0, 0, 0]);
    let jpeg = make::jpeg(24, 16, 3, false);
    for orientation in 1..=8 {
        let exif = [b"Exif\0\0", &make::exif(orientation)[..]].concat();
        let turned = make::insert(&jpeg, 2, &make::segment(0xe1, &exif));
        let upright = pixels_of(&turned, "rotate:0 -> png", &[]);
        let (width, height) = upright.size;
        let recipe =
            format!("composite:o | crop:{width},{height},{},{} -> png", 40 - width, 40 - height);
        assert_eq!(pixels_of(&black, &recipe, &[("o", turned)]), upright, "{orientation}");
    }
}

#[test]
fn outputs_are_what_each_is_alone_and_a_trim_may_come_before() {
    let source = make::png(90, 60, ColorType::Rgba);
    let files = [("o", make::png(20, 9, ColorType::Rgba)), ("g", make::png(9, 9, ColorType::Rgb))];
    let chains = [
        "composite:o,opacity=0.3 -> png",
        "resize:30 | composite:g,tile=true -> png",
        "pad:9,color=white | trim | composite:o,centre | blur:3 -> webp",
        "composite:o,opacity=0.3 | composite:g,north -> png",
        "flip -> png",
    ];
    let named: Vec<_> = chains.iter().enumerate().map(|(i, c)| format!("o{i} = {c}")).collect();
    let together = grind(&source, &named.join("; "), &files).unwrap().pictures;
    for (chain, picture) in chains.iter().zip(together) {
        let alone = grind(&source, chain, &files).unwrap().pictures;
        assert_eq!(picture.bytes, alone[0].bytes, "{chain}");
    }
}

#[test]
fn what_is_wrong_with_an_overlay_has_its_code() {
    let source = make::png(9, 9, ColorType::Rgb);
    let good = make::png(9, 9, ColorType::Rgba);
    let code = |bytes: &[u8]| {
        let made = grind(&source, "composite:o", &[("o", bytes.to_vec())]);
        made.map(|_| ()).map_err(|rejection| rejection.code)
    };
    assert_eq!(code(&good), Ok(()));
    assert_eq!(code(&good[..good.len() / 2]), Err(RejectCode::BadOverlay), "truncated");
    assert_eq!(code(b"words"), Err(RejectCode::BadOverlay));
    assert_eq!(code(b""), Err(RejectCode::BadOverlay));
    let missing = grind(&source, "composite:o", &[]).unwrap_err();
    assert_eq!(missing.code, RejectCode::OverlayMissing);
    let small = Limits { side: 8, ..Limits::default() };
    let refusal = overlays(&[("o", good)], &small).unwrap_err();
    assert_eq!(refusal.code, RejectCode::BadOverlay);
    assert!(refusal.reason.contains("the limit is 8 a side"), "{}", refusal.reason);
}

#[test]
fn the_estimate_includes_decoded_overlays() {
    let limits = Limits::default();
    let header = inspect(&make::png(9, 9, ColorType::Rgb), &limits).unwrap();
    let recipe: Recipe = "composite:o".parse().unwrap();
    let of = |side: usize| {
        let over = overlays(&[("o", make::png(side, side, ColorType::Rgba))], &limits).unwrap();
        estimate(&header, &recipe, &over, &limits).unwrap().memory_bytes
    };
    assert!(of(1000) - of(10) >= 4 * (1000 * 1000 - 10 * 10));
}
