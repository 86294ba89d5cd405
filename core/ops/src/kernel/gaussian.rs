//! The weights of a Gaussian blur: `OpenCV`'s, in 256ths.
//!
//! `OpenCV` blurs bytes with weights of eight fractional bits. It rounds them from the outside in
//! and carries each rounding error to the next, so that they are symmetric and sum to exactly
//! one. Without a sigma, kernels of up to nine pixels have weights of their own.

/// The weights from the outermost to the centre; the other half mirrors them.
///
/// `kernel` is odd. All weights are at most 256, and the whole kernel sums to 256.
pub(crate) fn half_kernel(kernel: u32, sigma: Option<f64>) -> Vec<u16> {
    if sigma.is_none() {
        let known: &[u16] = match kernel {
            1 => &[256],
            3 => &[64, 128],
            5 => &[16, 64, 96],
            7 => &[8, 28, 56, 72],
            9 => &[4, 13, 30, 51, 60],
            _ => &[],
        };
        if !known.is_empty() {
            return known.to_vec();
        }
    }
    let sigma = sigma.unwrap_or(f64::from(kernel) * 0.15 + 0.35);
    // Positions are doubled, so that they are integers for even kernels too: −1/8, not −1/2.
    let exponent = -0.125 / (sigma * sigma);
    let outer: Vec<f64> = (0..kernel / 2)
        .map(|i| f64::from(kernel - 1 - 2 * i))
        .map(|doubled| (doubled * doubled * exponent).exp())
        .collect();
    let whole = 2.0 * outer.iter().sum::<f64>() + 1.0;

    let mut error = 0.0;
    let mut rest = 256;
    let mut weights = Vec::with_capacity(outer.len() + 1);
    for value in outer {
        let exact = value * (1.0 / whole) * 256.0 + error;
        let rounded = exact.round_ties_even();
        error = exact - rounded;
        rest -= 2 * rounded as i32;
        weights.push(rounded as u16);
    }
    weights.push(u16::try_from(rest).expect("the weights beside the centre sum to less than one"));
    weights
}

/// The whole kernel of `OpenCV`'s weights for a size alone, not rounded; they sum to one.
pub(crate) fn exact(kernel: u32) -> Vec<f64> {
    if kernel <= 9 {
        // Those of small kernels are whole 256ths as they are.
        let half = half_kernel(kernel, None);
        let mirrored = half.iter().rev().skip(1);
        return half.iter().chain(mirrored).map(|weight| f64::from(*weight) / 256.0).collect();
    }
    let sigma = f64::from(kernel) * 0.15 + 0.35;
    let centre = f64::from(kernel / 2);
    let weights: Vec<f64> = (0..kernel)
        .map(|i| f64::from(i) - centre)
        .map(|distance| (-0.5 * distance * distance / (sigma * sigma)).exp())
        .collect();
    let whole: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / whole).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_those_of_opencv() {
        // Whole pictures blurred with these weights equal cv2.GaussianBlur (5.0.0).
        assert_eq!(half_kernel(15, None), GOLDEN_15);
        assert_eq!(half_kernel(9, Some(2.5)), GOLDEN_9_2_5);
        assert_eq!(half_kernel(3, Some(0.01)), [0, 256]);
    }

    const GOLDEN_15: [u16; 8] = [1, 3, 6, 12, 20, 30, 36, 40];
    const GOLDEN_9_2_5: [u16; 5] = [12, 22, 31, 41, 44];

    proptest! {
        #[test]
        fn weights_sum_to_one_whatever_the_kernel(
            half in 0_u32..512,
            sigma in prop::option::of(0.01_f64..1000.0),
        ) {
            let weights = half_kernel(2 * half + 1, sigma);
            prop_assert_eq!(weights.len(), half as usize + 1);
            let (centre, outer) = weights.split_last().unwrap();
            let sum = u32::from(*centre) + 2 * outer.iter().map(|w| u32::from(*w)).sum::<u32>();
            prop_assert_eq!(sum, 256);
        }
    }
}
