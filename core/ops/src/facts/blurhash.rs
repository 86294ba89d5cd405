//! `BlurHash`: a few cosines of a picture in linear light, in base 83 (<https://blurha.sh>).
//!
//! Cosines and powers come from the platform, whose last bits differ from others'; here they are
//! rounded, and everything else is exact to the bit, so that hashes are equal on every machine.

use std::f64::consts::PI;

use super::reduce::Small;

const DIGITS: &[u8; 83] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/// Fractional bits that cosines and levels of light are rounded to.
const SCALE: f64 = 4_294_967_296.0;

fn rounded(number: f64) -> f64 {
    (number * SCALE).round() / SCALE
}

/// The hash of a small picture, of `across` × `down` components, each 1–9.
pub(super) fn hash(small: &Small, (across, down): (u8, u8)) -> String {
    let light: Vec<f64> = (0..=255).map(|level| to_linear(f64::from(level))).collect();
    let linear: Vec<[f64; 3]> =
        small.pixels.iter().map(|pixel| pixel.map(|sample| light[usize::from(sample)])).collect();
    let factors: Vec<[f64; 3]> = (0..down)
        .flat_map(|v| (0..across).map(move |u| (u, v)))
        .map(|component| factor(small, &linear, component))
        .collect();
    let (dc, ac) = factors.split_first().expect("there is at least one component");

    let mut hash = String::new();
    push(&mut hash, u32::from(across - 1) + u32::from(down - 1) * 9, 1);
    let largest = ac.as_flattened().iter().fold(0.0_f64, |most, f| most.max(f.abs()));
    let quantised = ((largest * 166.0 - 0.5).floor() as i64).clamp(0, 82);
    push(&mut hash, if ac.is_empty() { 0 } else { quantised as u32 }, 1);
    let scale = if ac.is_empty() { 1.0 } else { (quantised as f64 + 1.0) / 166.0 };
    let [r, g, b] = dc.map(to_srgb);
    push(&mut hash, u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b), 4);
    for factor in ac {
        let [r, g, b] = factor.map(|f| {
            let root = (f / scale).abs().sqrt().copysign(f);
            (root * 9.0 + 9.5).floor().clamp(0.0, 18.0) as u32
        });
        push(&mut hash, r * 361 + g * 19 + b, 2);
    }
    hash
}

/// How much of one component there is.
fn factor(small: &Small, linear: &[[f64; 3]], (u, v): (u8, u8)) -> [f64; 3] {
    let wave = |frequency: u8, side: usize| -> Vec<f64> {
        let angle = |at: usize| PI * f64::from(frequency) * at as f64 / side as f64;
        (0..side).map(|at| rounded(angle(at).cos())).collect()
    };
    let (across, down) = (wave(u, small.width), wave(v, small.height));
    let mut sums = [0.0; 3];
    for (row, down) in linear.chunks_exact(small.width).zip(down) {
        for (pixel, across) in row.iter().zip(&across) {
            let basis = across * down;
            sums.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += basis * sample);
        }
    }
    let normalisation = if (u, v) == (0, 0) { 1.0 } else { 2.0 };
    sums.map(|sum| sum * normalisation / linear.len() as f64)
}

/// The light of a level of sRGB, 0–255, or between two.
fn to_linear(level: f64) -> f64 {
    let v = level / 255.0;
    rounded(if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) })
}

/// The level whose light is nearest, as levels go.
fn to_srgb(linear: f64) -> u8 {
    // As many levels are passed as there are middles between two of them below.
    (0..255).filter(|level| linear >= to_linear(f64::from(*level) + 0.5)).count() as u8
}

/// Appends a number in base 83.
fn push(hash: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 83_u32.pow(place) % 83;
        hash.push(char::from(DIGITS[digit as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back_from_their_light() {
        for level in 0..=255 {
            assert_eq!(to_srgb(to_linear(f64::from(level))), level);
        }
        assert_eq!((to_srgb(-0.1), to_srgb(1.1)), (0, 255));
    }

    /// Levels as a power of the light, which the thresholds stand for.
    #[test]
    fn between_levels_the_nearest_is_taken() {
        for step in 0..=9999 {
            let v = f64::from(step) / 9999.0;
            let curve =
                if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
            assert_eq!(to_srgb(v), (curve * 255.0 + 0.5) as u8, "{v}");
        }
    }
}
