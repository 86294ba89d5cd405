//! Parameters of encodings, `auto`, and what is written instead of a picture.

use pixmill_contract::{Format, Limits};
use pixmill_ops::inspect;
use png::{BitDepth, ColorType};
use serde_json::{Value as Json, json};

use crate::make::{self, grind, pixels_of, raw};

/// A smooth picture, as photographs are.
fn smooth(width: usize, height: usize) -> Vec<u8> {
    let sample = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        u8::try_from((x * 2 + y * (c + 1) + (x * y) / 97) / 3 % 256).unwrap()
    };
    let pixels: Vec<u8> = (0..width * height * 3).map(sample).collect();
    make::png_of((width, height), ColorType::Rgb, BitDepth::Eight, &pixels, |_| {})
}

fn json(source: &[u8], recipe: &str) -> Json {
    let picture = grind(source, recipe).remove(0);
    assert_eq!(picture.format, Format::Json);
    serde_json::from_slice(&picture.bytes).unwrap()
}

#[test]
fn jpegs_parameters_do_what_they_say() {
    let source = smooth(200, 150);
    let jpeg = |how: &str| grind(&source, &format!("rotate:0 -> jpeg:{how}")).remove(0).bytes;
    let sof = |bytes: &[u8]| {
        let at = |marker: u8| bytes.windows(2).position(|w| w == [0xff, marker]);
        let at = at(0xc0).or_else(|| at(0xc2)).unwrap();
        // The marker, and the sampling factors of luma.
        (bytes[at + 1], bytes[at + 11])
    };
    assert_eq!(sof(&jpeg("q=85")), (0xc0, 0x22));
    assert_eq!(sof(&jpeg("subsampling=422")), (0xc0, 0x21));
    assert_eq!(sof(&jpeg("subsampling=444")), (0xc0, 0x11));
    assert_eq!(sof(&jpeg("progressive=true")), (0xc2, 0x22));
    assert_eq!(sof(&jpeg("q=85")), (0xc0, 0x22), "nothing of one output is left for the next");
    assert!(jpeg("q=30").len() < jpeg("q=90").len());
}

#[test]
fn small_pngs_hold_the_same_pixels_in_fewer_bytes() {
    let few: Vec<u8> = (0..90 * 70)
        .flat_map(|i| if i / 30 % 3 == 0 { [1, 2, 3, 255] } else { [9, 8, 7, 100] })
        .collect();
    let drawing = make::png_of((90, 70), ColorType::Rgba, BitDepth::Eight, &few, |_| {});
    for source in [
        smooth(120, 90),
        drawing,
        make::png(50, 40, ColorType::Grayscale),
        make::png(1, 1, ColorType::Rgb),
    ] {
        let made = grind(&source, "fast = rotate:0 -> png; small = rotate:0 -> png:effort=small");
        assert!(made[1].bytes.len() <= made[0].bytes.len());
        let [fast, small] =
            [&made[0], &made[1]].map(|p| pixels_of(&p.bytes, "rotate:0 -> png").pixels);
        assert_eq!(fast, small);
    }
}

#[test]
fn palettes_of_every_depth_read_back() {
    for count in [1, 2, 3, 4, 5, 16, 17, 255, 256] {
        let colour = |i: usize| {
            let n = u8::try_from(i * 31 % count).unwrap();
            [n, n ^ 0x55, 7, if n % 3 == 0 { 255 - n / 2 } else { 255 }]
        };
        let pixels: Vec<u8> = (0..37 * 41).flat_map(colour).collect();
        let source = make::png_of((37, 41), ColorType::Rgba, BitDepth::Eight, &pixels, |_| {});
        let small = grind(&source, "rotate:0 -> png:effort=small").remove(0).bytes;
        assert_eq!(raw(&small).color, ColorType::Indexed, "{count} colours");
        let back = grind(&small, "flip | flip -> png").remove(0).bytes;
        let expected: Vec<u8> = if raw(&back).color == ColorType::Rgba {
            pixels
        } else {
            pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
        };
        assert_eq!(raw(&back).pixels, expected, "{count} colours");
    }
}

#[test]
fn auto_goes_by_the_finished_picture() {
    let format = |source: &[u8], recipe: &str| grind(source, recipe)[0].format;
    let photo = smooth(200, 150);
    assert_eq!(format(&photo, "rotate:0 -> auto"), Format::Jpeg);
    assert_eq!(format(&photo, "crop:3,3 -> auto"), Format::Png);
    let glass = make::png(40, 40, ColorType::Rgba);
    assert_eq!(format(&glass, "rotate:0 -> auto"), Format::Png);
    let mut opaque = make::pixels(40, 40, 4);
    opaque.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
    let opaque = make::png_of((40, 40), ColorType::Rgba, BitDepth::Eight, &opaque, |_| {});
    assert_eq!(format(&opaque, "rotate:0 -> auto"), Format::Jpeg);
    assert_eq!(
        grind(&opaque, "rotate:0 -> auto")[0].bytes,
        grind(&opaque, "rotate:0 -> jpeg")[0].bytes
    );
}

#[test]
fn facts_are_told() {
    let source = make::jpeg(64, 48, 3, false);
    let exif = make::segment(0xe1, &[&b"Exif\0\0"[..], &make::exif(6)].concat());
    let turned = make::insert(&source, 2, &exif);
    let info = json(&turned, "resize:24 | grayscale -> info");
    assert_eq!((info["width"].as_u64(), info["height"].as_u64()), (Some(24), Some(32)));
    assert_eq!((info["channels"].as_u64(), info["alpha"].as_bool()), (Some(1), Some(false)));
    let told = &info["source"];
    assert_eq!((told["width"].as_u64(), told["height"].as_u64()), (Some(48), Some(64)));
    assert_eq!((told["format"].as_str(), told["turned"].as_bool()), (Some("jpeg"), Some(true)));
    assert_eq!((told["gps"].as_bool(), told["icc"].as_bool()), (Some(false), Some(false)));
}

#[test]
fn dominant_colours_are_told() {
    let mut pixels = [200, 10, 10].repeat(60 * 100);
    pixels.extend([10, 10, 200].repeat(40 * 100));
    let source = make::png_of((100, 100), ColorType::Rgb, BitDepth::Eight, &pixels, |_| {});
    let palette = json(&source, "rotate:0 -> palette:count=3");
    let colours: Vec<_> =
        palette["palette"].as_array().unwrap().iter().map(|c| c["colour"].as_str()).collect();
    assert_eq!(colours, [Some("#c80a0a"), Some("#0a0ac8")]);
    assert_eq!(palette["palette"][0]["share"].as_f64(), Some(0.6));
    // Of what nobody sees no colour is told.
    let clear = make::png_of((8, 8), ColorType::Rgba, BitDepth::Eight, &[0; 256], |_| {});
    assert_eq!(json(&clear, "rotate:0 -> palette")["palette"].as_array().map(Vec::len), Some(0));
}

#[test]
fn pictures_that_look_alike_have_hashes_that_are_near() {
    let hash = |source: &[u8], recipe: &str| {
        let hash =
            json(source, &format!("{recipe} -> phash"))["phash"].as_str().unwrap().to_owned();
        assert_eq!(hash.len(), 16);
        u64::from_str_radix(&hash, 16).unwrap()
    };
    let source = smooth(300, 200);
    let jpeg = &grind(&source, "resize:120 -> jpeg:q=60")[0].bytes;
    let apart = (hash(&source, "rotate:0") ^ hash(jpeg, "rotate:0")).count_ones();
    assert!(apart <= 6, "{apart}");
    let other = (hash(&source, "rotate:0") ^ hash(&source, "rotate:90")).count_ones();
    assert!(other > 12, "{other}");
}

#[test]
fn blurhashes_are_those_of_the_reference() {
    let hash = |source: &[u8], how: &str| {
        json(source, &format!("rotate:0 -> blurhash:{how}"))["blurhash"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // By the algorithm's published reference, for 64×64 pixels of one colour and of four quarters.
    let flat =
        make::png_of((64, 64), ColorType::Rgb, BitDepth::Eight, &[255, 0, 0].repeat(4096), |_| {});
    assert_eq!(hash(&flat, "x=1,y=1"), "00TI:j");
    let quarters: Vec<u8> = (0..4096)
        .flat_map(|i| match (i % 64 < 32, i / 64 < 32) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        })
        .collect();
    let quarters = make::png_of((64, 64), ColorType::Rgb, BitDepth::Eight, &quarters, |_| {});
    assert_eq!(hash(&quarters, "x=4,y=3"), QUARTERS);
    assert_eq!(hash(&quarters, "x=9,y=9").len(), 4 + 2 * 81);
}

/// What the reference gives.
const QUARTERS: &str = "L~Lqe9l}e;pYoU[=o1J*fOo1fQa|";

/// A light rectangle with a dark one in it, and a single light pixel.
fn drawing(color: ColorType) -> Vec<u8> {
    let light = |x: usize, y: usize| {
        let inside = (5..25).contains(&x) && (6..21).contains(&y);
        let hole = (10..14).contains(&x) && (10..13).contains(&y);
        (inside && !hole) || (x, y) == (30, 25)
    };
    let sample = |i: usize| {
        let (pixel, channel) = (i / color.samples(), i % color.samples());
        if channel == 3 { 9 } else { u8::from(light(pixel % 40, pixel / 40)) * 200 }
    };
    let pixels: Vec<u8> = (0..40 * 30 * color.samples()).map(sample).collect();
    make::png_of((40, 30), color, BitDepth::Eight, &pixels, |_| {})
}

/// What cv2.HoughLines, cv2.clipLine, cv2.findContours and cv2.boundingRect (5.0.0) say of it.
#[test]
fn lines_and_contours_are_told_as_opencv_finds_them() {
    for color in [ColorType::Grayscale, ColorType::Rgb, ColorType::Rgba] {
        let source = drawing(color);
        let line = |to: [u32; 2]| {
            let theta = 1.553_343_057_632_446_3;
            let line = json!({ "rho": 20, "theta": theta, "votes": 20, "from": [0, 20], "to": to });
            json!({ "width": 40, "height": 30, "total": 1, "lines": [line] })
        };
        assert_eq!(json(&source, "rotate:0 -> lines:votes=18"), line([39, 19]));
        assert_eq!(json(&source, "rotate:0 -> lines:votes=18,length=full"), line([39, 18]));
        let contour = |[left, top, width, height]: [u32; 4], points: u32, hole: bool| {
            json!({
                "left": left, "top": top, "width": width, "height": height,
                "points": points, "hole": hole,
            })
        };
        let contours = [
            contour([5, 6, 20, 15], 4, false),
            contour([9, 9, 6, 5], 8, true),
            contour([30, 25, 1, 1], 1, false),
        ];
        let expected = json!({ "width": 40, "height": 30, "total": 3, "contours": contours });
        assert_eq!(json(&source, "rotate:0 -> contours"), expected);
        let none = json!({ "width": 40, "height": 30, "total": 0, "contours": [] });
        assert_eq!(json(&source, "rotate:0 -> contours:200"), none);
    }
}

#[test]
fn long_lists_are_cut_and_their_length_is_told() {
    let source = make::png(400, 300, ColorType::Rgb);
    for (what, measure) in [("lines:0,0,1", "votes"), ("contours", "width")] {
        let told = json(&source, &format!("rotate:0 -> {what}"));
        let listed = told[&what[..what.find(':').unwrap_or(what.len())]].as_array().unwrap();
        assert_eq!(listed.len(), 1000);
        assert!(told["total"].as_u64().unwrap() > 1000);
        assert!(listed[0][measure].as_u64() >= listed[999][measure].as_u64());
    }
}

#[test]
fn every_encoding_takes_every_kind_and_the_smallest_pictures() {
    let encodings = [
        "jpeg:subsampling=444,progressive=true",
        "jpeg:subsampling=422",
        "png:effort=small",
        "webp",
        "webp:lossless=true,effort=6",
        "webp:effort=0,q=1",
        "auto",
        "info",
        "palette:32",
        "blurhash:9,9",
        "phash",
        "lines:votes=1",
        "contours:0",
    ];
    let kinds = [ColorType::Grayscale, ColorType::Rgb, ColorType::GrayscaleAlpha, ColorType::Rgba];
    for (width, height) in [(1, 1), (1, 17), (19, 1), (3, 2), (16, 16)] {
        for color in kinds {
            let source = make::png(width, height, color);
            for encoding in encodings {
                let picture = grind(&source, &format!("rotate:0 -> {encoding}")).remove(0);
                assert_eq!((picture.width as usize, picture.height as usize), (width, height));
                if picture.format == Format::Json {
                    serde_json::from_slice::<Json>(&picture.bytes).unwrap();
                } else {
                    let header = inspect(&picture.bytes, &Limits::default()).unwrap();
                    assert_eq!((header.width as usize, header.height as usize), (width, height));
                    grind(&picture.bytes, "invert");
                }
            }
        }
    }
}
