//! Histograms of luma, and what is read off them: Otsu's threshold, equalized levels.

use super::luma::luma;
use crate::shape::Layout;

/// How many pixels there are of each luma. Alpha is not looked at.
pub(crate) fn of_luma(layout: Layout, pixels: &[u8]) -> [u64; 256] {
    let mut histogram = [0; 256];
    match layout {
        Layout::Gray => pixels.iter().for_each(|sample| histogram[usize::from(*sample)] += 1),
        Layout::Rgb | Layout::Rgba => {
            for pixel in pixels.chunks_exact(layout.channels()) {
                histogram[usize::from(luma(pixel[0], pixel[1], pixel[2]))] += 1;
            }
        }
    }
    histogram
}

/// The level that parts the histogram into the two classes that differ most, as `OpenCV` computes
/// it (`THRESH_OTSU`): in `f64`, in this order.
pub(crate) fn otsu(histogram: &[u64; 256]) -> u8 {
    let scale = 1.0 / histogram.iter().sum::<u64>() as f64;
    let levels =
        || histogram.iter().enumerate().map(|(level, count)| (level as f64, *count as f64));
    let mean = levels().map(|(level, count)| level * count).sum::<f64>() * scale;
    let (mut below_mean, mut below) = (0.0, 0.0);
    let (mut best, mut best_level) = (0.0, 0.0);
    let nothing = f64::from(f32::EPSILON);
    for (level, count) in levels() {
        let share = count * scale;
        below_mean *= below;
        below += share;
        let above: f64 = 1.0 - below;
        if below.min(above) < nothing || below.max(above) > 1.0 - nothing {
            continue;
        }
        below_mean = (below_mean + level * share) / below;
        let above_mean = (mean - below * below_mean) / above;
        let distance = below * above * (below_mean - above_mean) * (below_mean - above_mean);
        if distance > best {
            (best, best_level) = (distance, level);
        }
    }
    best_level as u8
}

/// What becomes of each level when all are made equally frequent, as `cv2.equalizeHist` rounds it.
pub(crate) fn equalized(histogram: &[u64; 256]) -> [u8; 256] {
    let total = histogram.iter().sum::<u64>();
    let first = histogram.iter().position(|count| *count > 0).unwrap_or(0);
    if histogram[first] == total {
        return [first as u8; 256];
    }
    let scale = 255.0_f32 / (total - histogram[first]) as f32;
    let mut table = [0; 256];
    let mut sum = 0;
    for level in first + 1..256 {
        sum += histogram[level];
        table[level] = (sum as f32 * scale).round_ties_even().min(255.0) as u8;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(levels: &[(usize, u64)]) -> [u64; 256] {
        let mut histogram = [0; 256];
        for (level, count) in levels {
            histogram[*level] = *count;
        }
        histogram
    }

    #[test]
    fn otsu_parts_two_hills() {
        assert_eq!(otsu(&histogram(&[(10, 50), (12, 50), (200, 30), (210, 70)])), 12);
        assert_eq!(otsu(&histogram(&[(77, 5)])), 0);
    }

    #[test]
    fn equalizing_spreads_to_both_ends() {
        let table = equalized(&histogram(&[(50, 4), (60, 4), (70, 4)]));
        assert_eq!((table[50], table[60], table[70]), (0, 128, 255));
        assert_eq!(equalized(&histogram(&[(9, 3)]))[9], 9);
    }
}
