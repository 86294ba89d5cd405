//! Trim, and what may follow it: its size is known when it has run.

use pixmill_contract::{Limits, RejectCode};
use png::{BitDepth, ColorType};

use crate::make::{self, grind, pixels_of, refusal};

/// A ground of one level with a rectangle of noise in it, all opaque.
fn framed(
    (width, height): (usize, usize),
    [left, top, w, h]: [usize; 4],
    color: ColorType,
) -> Vec<u8> {
    let noise = make::pixels(width, height, color.samples());
    let sample = |i: usize| {
        let (x, y) = (i / color.samples() % width, i / color.samples() / width);
        let inside = (left..left + w).contains(&x) && (top..top + h).contains(&y);
        match i % color.samples() {
            3 => 255,
            _ if inside => noise[i] | 0x80,
            _ => 100,
        }
    };
    let pixels: Vec<u8> = (0..width * height * color.samples()).map(sample).collect();
    make::png_of((width, height), color, BitDepth::Eight, &pixels, |_| {})
}

const KINDS: [ColorType; 3] = [ColorType::Grayscale, ColorType::Rgb, ColorType::Rgba];

#[test]
fn trimming_is_cropping_to_what_is_there() {
    for color in KINDS {
        let source = framed((60, 40), [7, 9, 20, 15], color);
        for after in
            ["", " | invert", " | blur:3 | rotate:90", " | resize:10", " | pad:2,color=white"]
        {
            let trimmed = pixels_of(&source, &format!("trim{after} -> png"));
            let cropped = pixels_of(&source, &format!("crop:20,15,7,9{after} -> png"));
            assert_eq!(trimmed, cropped, "{color:?}{after}");
        }
    }
}

#[test]
fn the_colour_and_the_threshold_decide_what_a_border_is() {
    let source = framed((60, 40), [7, 9, 20, 15], ColorType::Rgb);
    let size = |recipe: &str| pixels_of(&source, &format!("{recipe} -> png")).size;
    assert_eq!(size("trim:color=white"), (60, 40));
    assert_eq!(size("trim:color=#5a5a5a"), (20, 15), "within ten levels of the ground");
    assert_eq!(size("trim:threshold=9,color=#5a5a5a"), (60, 40));
    assert_eq!(size("pad:5,color=red | trim:color=red"), (60, 40));
    assert_eq!(size("pad:5,color=red | trim | trim"), (20, 15));
    assert_eq!(size("pad:5,color=transparent | trim"), (60, 40));
}

#[test]
fn a_picture_of_one_colour_is_left_as_it_is() {
    for color in KINDS {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (30, 20)] {
            let source = framed((width, height), [0; 4], color);
            let left = pixels_of(&source, "trim -> png");
            assert_eq!(left, pixels_of(&source, "rotate:0 -> png"));
        }
    }
}

#[test]
fn outputs_share_a_trim_and_are_what_each_is_alone() {
    let source = framed((400, 300), [30, 10, 50, 250], ColorType::Rgba);
    let chains = [
        "trim -> png",
        "trim | resize:40 -> png",
        "trim | blur:5 | crop:50,10 -> webp",
        "trim | blur:5 | trim:90 | flip -> auto",
        "trim | resize:20,20,fit=cover -> jpeg",
        "rotate:90 | trim | lines:20,50,20 -> lines",
        "trim -> info",
        "resize:90 -> png",
    ];
    let named = chains.iter().enumerate().map(|(i, chain)| format!("o{i} = {chain}"));
    let together = grind(&source, &named.collect::<Vec<_>>().join("; "));
    for (chain, picture) in chains.iter().zip(together) {
        assert_eq!(picture.bytes, grind(&source, chain)[0].bytes, "{chain}");
    }
}

#[test]
fn what_does_not_apply_to_what_is_left_is_refused() {
    let source = framed((400, 300), [200, 0, 4, 300], ColorType::Rgb);
    let code = |recipe: &str| refusal(&source, recipe, Limits::default());
    assert_eq!(code("crop:300,300"), None);
    assert_eq!(code("trim | crop:300,300"), Some(RejectCode::Inapplicable));
    assert_eq!(code("a = flip; b = trim | resize:9,9,exact"), Some(RejectCode::Inapplicable));
    assert_eq!(code("trim | resize:300,enlarge=true"), Some(RejectCode::SideTooLarge));
    let limits = Limits { side: u32::MAX, pixels: u64::MAX, ..Limits::default() };
    let grown = "trim | resize:2000,enlarge=true -> png";
    assert_eq!(refusal(&source, grown, limits), Some(RejectCode::OverMemory));
}
