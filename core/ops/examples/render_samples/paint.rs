//! Painting by formula: a picture is a function from a point to a colour.
//!
//! Only additions, multiplications, divisions and square roots are used, which give the same
//! bits on every machine; sines and exponentials need not.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "coordinates and colours are small numbers, and have short names"
)]

/// Red, green and blue from 0 to 1.
pub(crate) type Color = [f32; 3];

/// A colour from its 8-bit notation.
pub(crate) fn rgb(hex: u32) -> Color {
    [16, 8, 0].map(|shift| ((hex >> shift) & 0xff) as f32 / 255.0)
}

/// `a` where `t` is 0, `b` where it is 1.
pub(crate) fn mix(a: Color, b: Color, t: f32) -> Color {
    let t = t.clamp(0.0, 1.0);
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// A smooth step from 0 below `from` to 1 above `to`.
pub(crate) fn step(from: f32, to: f32, at: f32) -> f32 {
    let t = ((at - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// How much of a pixel is inside, from the signed distance to an edge in pixels.
pub(crate) fn inside(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// The distance from the origin.
pub(crate) fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// The distance to the line from `a` to `b`.
pub(crate) fn to_segment((x, y): (f32, f32), a: (f32, f32), b: (f32, f32)) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let along = ((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy);
    let t = along.clamp(0.0, 1.0);
    length(x - a.0 - t * dx, y - a.1 - t * dy)
}

/// Roughly the signed distance to an ellipse.
pub(crate) fn to_ellipse((x, y): (f32, f32), centre: (f32, f32), radii: (f32, f32)) -> f32 {
    let (dx, dy) = ((x - centre.0) / radii.0, (y - centre.1) / radii.1);
    (length(dx, dy) - 1.0) * radii.0.min(radii.1)
}

/// The signed distance to an upright box.
pub(crate) fn to_box((x, y): (f32, f32), corner: (f32, f32), size: (f32, f32)) -> f32 {
    let dx = (corner.0 - x).max(x - corner.0 - size.0);
    let dy = (corner.1 - y).max(y - corner.1 - size.1);
    dx.max(dy)
}

/// The signed distance to a convex polygon whose corners go clockwise on the screen.
pub(crate) fn to_polygon((x, y): (f32, f32), corners: &[(f32, f32)]) -> f32 {
    let next = corners.iter().cycle().skip(1);
    let edges = corners.iter().zip(next).map(|(a, b)| {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        ((x - a.0) * dy - (y - a.1) * dx) / length(dx, dy)
    });
    edges.fold(f32::MIN, f32::max)
}

/// A number from 0 to 1 that looks random, the same for the same three numbers.
pub(crate) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mixed = x.cast_unsigned().wrapping_mul(0x9e37_79b1)
        ^ y.cast_unsigned().wrapping_mul(0x85eb_ca77)
        ^ seed.wrapping_mul(0xc2b2_ae3d);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
    let mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39);
    ((mixed ^ (mixed >> 15)) >> 8) as f32 / 16_777_216.0
}

/// Smooth noise from 0 to 1 with features of size 1.
pub(crate) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (i, j) = (left as i32, top as i32);
    let (u, v) = (step(0.0, 1.0, x - left), step(0.0, 1.0, y - top));
    let row = |j| hash(i, j, seed) + (hash(i + 1, j, seed) - hash(i, j, seed)) * u;
    row(j) + (row(j + 1) - row(j)) * v
}

/// Noise with finer and finer detail, from 0 to 1.
pub(crate) fn clouds(x: f32, y: f32, seed: u32) -> f32 {
    let octave = |n: u32| {
        let scale = (1 << n) as f32;
        noise(x * scale, y * scale, seed + n) / scale
    };
    (0..5).map(octave).sum::<f32>() / 1.94
}

/// Renders a colour function, with a little grain, as rows of RGB bytes.
pub(crate) fn render(
    (width, height): (u32, u32),
    grain: f32,
    color: impl Fn(f32, f32) -> Color,
) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let noise = (hash(x.cast_signed(), y.cast_signed(), 99) - 0.5) * grain;
        pixels.extend(color(x as f32, y as f32).map(|c| byte(c + noise)));
    }
    pixels
}

/// A byte from a number between 0 and 1.
pub(crate) fn byte(sample: f32) -> u8 {
    (sample * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}
