//! Drawings: sharp lines, few colours, transparency, text, and a plain gradient.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "coordinates and colours are small numbers, and have short names"
)]

use png::{BitDepth, ColorType};

use super::files::{jpeg, png};
use super::glyphs;
use super::paint::{Color, byte, hash, inside, length, mix, rgb, step, to_ellipse, to_segment};

/// One channel: light falling on a wall, smooth enough to show banding.
pub(crate) fn gradient() -> Vec<u8> {
    let (width, height) = (800, 600);
    let mut pixels = vec![];
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let lamp = step(0.95, 0.0, length(u - 0.3, (v - 0.35) * 0.75));
        let grain = (hash(x, y, 2) - 0.5) / 255.0;
        pixels.push(byte(0.08 + 0.84 * lamp * (1.0 - 0.35 * v) + grain));
    }
    jpeg((800, 600), &pixels, 90)
}

const LINE_ART: (u32, u32) = (960, 720);
/// Paper, ink, brick, sky.
const PALETTE: [u32; 4] = [0xfb_f7ee, 0x1d_1d29, 0xb6_4b3c, 0x5b_87a6];

/// A windmill in four colours without a soft edge among them, as a palette of two bits.
pub(crate) fn line_art() -> Vec<u8> {
    let (width, height) = LINE_ART;
    let indices: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| windmill(x as f32, y as f32))).collect();
    let pack = |four: &[u8]| four.iter().fold(0, |byte, index| byte << 2 | index);
    let packed: Vec<u8> = indices.chunks_exact(4).map(pack).collect();
    let palette: Vec<u8> = PALETTE.iter().flat_map(|color| rgb(*color).map(byte)).collect();
    png(LINE_ART, ColorType::Indexed, BitDepth::Two, &palette, &packed)
}

/// The index of the colour at a point.
fn windmill(x: f32, y: f32) -> u8 {
    let (paper, ink, brick, sky) = (0, 1, 2, 3);
    let at = (x, y);
    let hub = (480.0, 262.0);
    let line = |a, b, width: f32| to_segment(at, a, b) < width / 2.0;
    // Four sails: a spar, a frame and its slats.
    for (dx, dy) in [(0.8, -0.6), (0.6, 0.8), (-0.8, 0.6), (-0.6, -0.8)] {
        let along = |t: f32, s: f32| (hub.0 + dx * t - dy * s, hub.1 + dy * t + dx * s);
        let slats = (0..12).any(|i| {
            let t = 70.0 + 15.0 * i as f32;
            line(along(t, 0.0), along(t, 44.0), 2.0)
        });
        let frame = line(along(70.0, 44.0), along(238.0, 44.0), 3.0);
        if slats || frame || line(hub, along(244.0, 0.0), 7.0) {
            return ink;
        }
    }
    if length(x - hub.0, y - hub.1) < 15.0 {
        return brick;
    }
    if line((60.0, 640.0), (900.0, 640.0), 4.0) {
        return ink;
    }
    let taper = 70.0 + (y - 262.0) * 0.17;
    let from_axis = (x - 480.0).abs();
    if (262.0..640.0).contains(&y) && from_axis < taper + 2.0 {
        let course = ((y - 262.0) / 18.0).floor();
        let along = x - 480.0 + if course as i32 % 2 == 0 { 0.0 } else { 18.0 };
        let joint = (y - 262.0) % 18.0 < 2.0 || along.rem_euclid(36.0) < 2.0;
        let door = from_axis < 26.0 && y > 560.0;
        let window = from_axis < 17.0 && (396.0..440.0).contains(&y);
        let edge = from_axis > taper - 2.0;
        return if edge || door || window || joint { ink } else { brick };
    }
    if to_ellipse(at, (480.0, 264.0), (76.0, 74.0)) < 0.0 && y < 264.0 {
        return ink;
    }
    // Clouds and grass are single strokes.
    let ring = |centre, radius: f32| (to_ellipse(at, centre, (radius, radius))).abs() < 1.5;
    let cloud = |cx: f32, cy: f32| {
        y < cy
            && (ring((cx - 44.0, cy), 30.0) || ring((cx, cy), 44.0) || ring((cx + 50.0, cy), 34.0))
            || line((cx - 74.0, cy), (cx + 84.0, cy), 3.0)
    };
    if cloud(180.0, 180.0) || cloud(770.0, 130.0) || cloud(800.0, 400.0) {
        return sky;
    }
    let blade = (x / 14.0).floor() * 14.0 + 7.0;
    let tall = 8.0 + 26.0 * hash(blade as i32, 3, 1);
    let lean = (hash(blade as i32, 4, 1) - 0.5) * 18.0;
    let grows = (70.0..890.0).contains(&x) && from_axis > 142.0;
    if grows && line((blade, 640.0), (blade + lean, 640.0 - tall), 2.0) { ink } else { paper }
}

/// A mill wheel with a soft shadow, on nothing: straight alpha from 0 to 255.
pub(crate) fn logo() -> Vec<u8> {
    let mut pixels = vec![];
    for (y, x) in (0..512).flat_map(|y| (0..512).map(move |x| (y as f32, x as f32))) {
        let shadow = step(28.0, -28.0, to_ellipse((x, y), (262.0, 276.0), (196.0, 196.0))) * 0.45;
        let (color, cover) = wheel(x, y);
        let alpha = cover + shadow * (1.0 - cover);
        // The shadow is black: it adds to alpha and takes from the colour.
        let color = color.map(|c| if alpha > 0.0 { c * cover / alpha } else { 0.0 });
        pixels.extend(color.map(byte));
        pixels.push(byte(alpha));
    }
    png((512, 512), ColorType::Rgba, BitDepth::Eight, &[], &pixels)
}

/// The colour of the wheel and how much of the pixel it covers.
fn wheel(x: f32, y: f32) -> (Color, f32) {
    let (dx, dy) = (x - 256.0, y - 256.0);
    let radius = length(dx, dy);
    let tint = mix(rgb(0xf2_a541), rgb(0xc8_4b31), (dx + dy) / 500.0 + 0.5);
    let rim = inside((radius - 172.0).abs() - 22.0);
    let hub = inside(radius - 40.0) - inside(radius - 16.0);
    let mut spokes: f32 = 0.0;
    // Eight directions whose lengths are exact: multiples of 45° and no sines.
    let diagonal = 0.5_f32.sqrt();
    for (ux, uy) in [(1.0, 0.0), (0.0, 1.0), (diagonal, diagonal), (diagonal, -diagonal)] {
        let (along, across) = ((dx * ux + dy * uy).abs(), (dx * uy - dy * ux).abs());
        let spoke = inside((across - 9.0).max(along - 172.0).max(30.0 - along));
        let bucket = inside((across - 26.0).max(along - 216.0).max(184.0 - along));
        spokes = spokes.max(spoke).max(bucket);
    }
    let shine = step(0.0, -160.0, dx + dy) * 0.25;
    (mix(tint, [1.0; 3], shine), rim.max(hub).max(spokes))
}

const PAGE: (u32, u32) = (1000, 1414);

/// A printed page, gray.
pub(crate) fn page() -> Vec<u8> {
    let (width, height) = (PAGE.0 as usize, PAGE.1 as usize);
    let mut pixels = vec![252_u8; width * height];
    let mut write = |text: &str, (left, top): (usize, usize), size: usize| {
        for (i, character) in text.chars().enumerate() {
            for (x, y) in glyphs::dots(character) {
                let corner = (left + (i * 6 + x) * size, top + y * size);
                for row in corner.1..corner.1 + size {
                    pixels[row * width + corner.0..][..size].fill(24);
                }
            }
        }
    };
    write("THE MILL BY THE HARBOUR", (100, 110), 5);
    write("A PAGE TO TRY SHARP EDGES ON", (100, 170), 3);
    let columns = 66;
    for (paragraph, text) in TEXT.iter().enumerate() {
        let mut line = String::new();
        let mut top = 250 + paragraph * 200;
        for word in text.split(' ') {
            if line.len() + word.len() + 1 > columns {
                write(&line, (100, top), 2);
                top += 24;
                line.clear();
            }
            line.push_str(word);
            line.push(' ');
        }
        write(&line, (100, top), 2);
    }
    write("- 1 -", (470, 1330), 2);
    png(PAGE, ColorType::Grayscale, BitDepth::Eight, &[], &pixels)
}

const TEXT: [&str; 5] = [
    "EVERY MORNING THE BOATS CAME IN WITH PICTURES INSTEAD OF FISH. THERE WERE LARGE ONES AND \
     SMALL ONES, SOME LYING ON THEIR SIDE, SOME WITH A HOLE IN THE MIDDLE, AND NOW AND THEN ONE \
     THAT WAS NO PICTURE AT ALL BUT A POEM THAT CLAIMED TO BE ONE.",
    "THE MILLER LOOKED AT THE LABEL FIRST. A CRATE THAT SAID IT HELD 65535 BY 65535 DOTS WENT \
     STRAIGHT BACK ON THE QUAY, UNOPENED, WITH A NOTE THAT SAID WHY. A CRATE WITHOUT A BOTTOM \
     GOT A NOTE AS WELL. NOBODY HAD TO WAIT LONG FOR A NOTE.",
    "THE REST WENT UNDER THE STONES. WHAT CAME OUT WAS SMALLER, OR GRAYER, OR SOFTER, AS THE \
     RECIPE HAD IT, AND THE SAME CRATE WITH THE SAME RECIPE CAME OUT THE SAME ON ANY DAY, IN ANY \
     WEATHER, FROM ANY OF THE WHEELS.",
    "WHEN THE WIND GREW, MORE WHEELS WERE HUNG INTO THE STREAM. WHEN IT FELL, THEY FINISHED WHAT \
     THEY HELD BEFORE THEY WERE LIFTED OUT. THE MILLER KEPT NO CRATE OVERNIGHT THAT COULD HAVE \
     BEEN FINISHED, AND LOST NONE THAT COULD NOT.",
    "ASKED HOW IT WAS DONE, THE MILLER SAID: WRITE DOWN WHAT YOU MADE BEFORE YOU SAY THAT IT IS \
     DONE, AND LOOK WHETHER IT IS WRITTEN DOWN BEFORE YOU MAKE IT.",
];
