//! Small pictures and what `OpenCV` made of them: printed by opencv-python-headless 5.0.0, so
//! that a slip in kernel and reference alike is caught without it. `benches/parity` compares more.

use pixmill_contract::operation::{Adaptive, AdaptiveMethod};

use super::morph::{Extreme, extremes};
use super::{canny, contour, equalize, histogram, hough, line, median, threshold};
use crate::shape::{Layout, Shape};

const GRAY: Shape = Shape { width: 8, height: 6, layout: Layout::Gray };

fn gray() -> Vec<u8> {
    (0..48).map(|i| ((i * 37 + 11) % 256) as u8).collect()
}

fn rgb() -> Vec<u8> {
    (0..144).map(|i| ((i * i * 7 + i * 31 + 5) % 256) as u8).collect()
}

/// Rows of `#` and `.`, of whatever is not 0.
fn drawn(width: usize, samples: &[u8]) -> Vec<String> {
    let mark = |sample: &u8| if *sample == 0 { '.' } else { '#' };
    samples.chunks(width).map(|row| row.iter().map(mark).collect()).collect()
}

fn edges(layout: Layout, pixels: &[u8], thresholds: (u32, u32)) -> Vec<String> {
    let shape = Shape { layout, ..GRAY };
    let (mut scratch, mut found) = (vec![0; canny::scratch_bytes(shape)], vec![0; 48]);
    canny::edges(shape, pixels, thresholds, &mut scratch, &mut found);
    drawn(8, &found)
}

#[test]
fn edges_are_those_of_canny() {
    let of_gray = ["...#..#.", "..#..##.", ".#..##..", "#..##..#", "..##..#.", "..#..#.."];
    assert_eq!(edges(Layout::Gray, &gray(), (200, 500)), of_gray);
    let of_rgb = ["#..#..##", "...#.#..", ".#.#...#", "......##", "...#....", "....#.#."];
    assert_eq!(edges(Layout::Rgb, &rgb(), (300, 700)), of_rgb);
}

#[test]
fn a_line_is_a_rectangle_with_a_cross_on_each_end() {
    let shape = Shape { width: 11, height: 9, layout: Layout::Gray };
    let line = |from, to| {
        let mut pixels = [0; 99];
        let mut pen = line::Pen::new(shape, &mut pixels);
        pen.draw(from, to);
        drawn(11, &pixels)
    };
    let inside = [
        "...........",
        "...........",
        "......##...",
        ".....####..",
        "....#####..",
        "..######...",
        ".#####.....",
        ".####......",
        "..##.......",
    ];
    assert_eq!(line((2, 7), (7, 3)), inside);
    let through = [
        "...........",
        "...........",
        "...........",
        "#..........",
        "##.........",
        "####.......",
        "#####......",
        "..#####....",
        "...#####...",
    ];
    assert_eq!(line((-1000, -700), (1001, 710)), through);
}

#[test]
fn lines_are_those_of_hough() {
    let shape = Shape { width: 60, height: 40, layout: Layout::Gray };
    let mut edges = vec![0; shape.bytes()];
    for y in 0..40 {
        edges[y * 60 + 10] = 255;
    }
    let mut found = vec![];
    let mut list = vec![0; hough::list_bytes(shape)];
    hough::find(shape, hough::list(shape, &edges, &mut list), 30, |line| found.push(line));
    let straight = hough::Line { rho: 10, degrees: 0, votes: 40 };
    assert_eq!(found.iter().max_by_key(|line| line.votes), Some(&straight));
}

#[test]
fn contours_are_stamped_as_drawn() {
    let shape = Shape { width: 12, height: 12, layout: Layout::Rgb };
    let mut pixels = vec![0; shape.bytes()];
    for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % 12, i / 12);
        pixel.fill(if (4..10).contains(&x) && (3..9).contains(&y) { 200 } else { 0 });
    }
    contour::draw(shape, &mut pixels, 127, &[0, 255, 0]);
    let green: Vec<u8> = pixels.chunks(3).map(|p| u8::from(p == [0, 255, 0])).collect();
    let expected = [
        "............",
        "............",
        "....######..",
        "...########.",
        "...########.",
        "...###..###.",
        "...###..###.",
        "...########.",
        "...########.",
        "....######..",
        "............",
        "............",
    ];
    assert_eq!(drawn(12, &green), expected);
}

#[test]
fn levels_and_thresholds_are_those_of_opencv() {
    assert_eq!(histogram::otsu(&histogram::of_luma(Layout::Gray, &gray())), 103);
    let mut equalized = gray();
    equalize::equalize(Layout::Gray, &mut equalized);
    assert_eq!(equalized[..8], [0, 38, 76, 114, 152, 190, 228, 5]);
    assert_eq!(equalized[40..], [217, 255, 33, 71, 109, 146, 184, 222]);
    let mut colours = rgb();
    equalize::equalize(Layout::Rgb, &mut colours);
    let expected = [
        0, 17, 68, 206, 255, 123, 188, 54, 189, 121, 255, 208, 77, 27, 0, 255, 251, 255, 0, 21, 69,
        199, 255, 109,
    ];
    assert_eq!(colours[..24], expected);
}

#[test]
fn neighbourhoods_are_compared_as_by_opencv() {
    let compared = |method| {
        let mut made = [0; 48];
        let parameters = Adaptive { method, block: 5, c: 2.0, max: 1 };
        threshold::adaptive(GRAY, &gray(), parameters, &mut made);
        drawn(8, &made)
    };
    let mean = ["....###.", "..####..", ".####...", ".###...#", "###...##", "##...###"];
    assert_eq!(compared(AdaptiveMethod::Mean), mean);
    let gaussian = [".....##.", "..####..", ".####..#", ".###...#", ".##...##", "##..####"];
    assert_eq!(compared(AdaptiveMethod::Gaussian), gaussian);
}

#[test]
fn medians_and_extremes_are_those_of_opencv() {
    let mut made = [0; 48];
    median::median(GRAY, &gray(), 3, &mut made);
    assert_eq!(made[..8], [48, 51, 88, 125, 162, 196, 196, 17]);
    assert_eq!(made[40..], [211, 211, 66, 66, 100, 137, 174, 177]);
    median::median(GRAY, &gray(), 5, &mut made);
    assert_eq!(made[..8], [51, 85, 122, 128, 159, 159, 94, 54]);
    assert_eq!(made[40..], [211, 205, 131, 103, 103, 134, 140, 174]);
    extremes(GRAY, &gray(), [Some((Extreme::Largest, 3)), None], &mut made);
    assert_eq!(made[..8], [88, 125, 162, 199, 236, 236, 236, 233]);
    assert_eq!(made[40..], [248, 248, 248, 245, 140, 177, 214, 214]);
    extremes(GRAY, &gray(), [Some((Extreme::Smallest, 3)), None], &mut made);
    assert_eq!(made[..8], [11, 11, 48, 85, 122, 17, 14, 14]);
}
