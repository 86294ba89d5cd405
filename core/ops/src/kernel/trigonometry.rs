//! Sines and cosines of whole degrees in `f32`, as `NumPy`'s vectorised functions round them.
//!
//! The prototype computed the ends of its lines with them. They are off by one unit in the last
//! place at some angles, and then an end may be off by a pixel, so the angles are listed here.
//! Printed by `NumPy` 2.4 with AVX2 and AVX-512; `benches/parity` compares what is drawn.

/// One degree, as `OpenCV` holds it.
const STEP: f32 = (std::f64::consts::PI / 180.0) as f32;

/// Degrees whose cosine is rounded up where down would be nearer.
const COSINE_UP: [u8; 21] = [
    39, 62, 63, 64, 65, 67, 74, 91, 105, 107, 108, 110, 111, 112, 117, 137, 138, 143, 144, 145, 151,
];

/// Degrees whose cosine is rounded down where up would be nearer.
const COSINE_DOWN: [u8; 18] =
    [17, 47, 50, 51, 53, 54, 85, 88, 93, 97, 99, 103, 119, 121, 122, 125, 126, 128];

/// Degrees whose sine is rounded up where down would be nearer.
const SINE_UP: [u8; 13] = [49, 51, 52, 56, 131, 138, 142, 144, 145, 148, 149, 151, 177];

/// Degrees whose sine is rounded down where up would be nearer.
const SINE_DOWN: [u8; 10] = [43, 65, 68, 127, 132, 134, 167, 170, 175, 176];

/// `numpy.cos` of `degrees` in radians, 0–179.
pub(crate) fn cosine_of_numpy(degrees: u8) -> f32 {
    rounded(radians(degrees).cos(), degrees, &COSINE_UP, &COSINE_DOWN)
}

/// `numpy.sin` of `degrees` in radians, 0–179.
pub(crate) fn sine_of_numpy(degrees: u8) -> f32 {
    rounded(radians(degrees).sin(), degrees, &SINE_UP, &SINE_DOWN)
}

/// The angle as `cv2.HoughLines` returns it.
fn radians(degrees: u8) -> f64 {
    f64::from(f32::from(degrees) * STEP)
}

fn rounded(exact: f64, degrees: u8, up: &[u8], down: &[u8]) -> f32 {
    let nearest = exact as f32;
    if up.contains(&degrees) {
        nearest.next_up()
    } else if down.contains(&degrees) {
        nearest.next_down()
    } else {
        nearest
    }
}
