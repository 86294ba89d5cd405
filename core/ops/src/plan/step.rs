//! Steps: operations whose numbers are settled for one picture.

use pixmill_contract::operation::{Adaptive, Axis, Color, Filter, Lines, Pad, Resize};

use crate::geometry::{Rectangle, Window};
use crate::kernel::composite::Placing;
use crate::kernel::morph::Extremes;
use crate::kernel::tone::Levels;
use crate::kernel::{blur, canny, contour, hough, median, morph, resize, threshold};
use crate::shape::{Layout, Shape};

/// An operation, or a part of one. Steps that change nothing do not exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Invert,
    /// RGB becomes one channel.
    Luma,
    /// RGBA keeps its channels, with equal colours.
    Desaturate,
    /// More channels: gray becomes RGB or RGBA, RGB becomes RGBA.
    Widen,
    Levels(Levels),
    Saturate {
        factor: f64,
    },
    Normalize {
        lower: f64,
        upper: f64,
    },
    Equalize,
    /// RGB or RGBA.
    Tint(Color),
    Blur {
        kernel: u32,
        sigma: Option<f64>,
    },
    Sharpen {
        kernel: u32,
        sigma: f64,
        amount: f64,
    },
    Median {
        kernel: u32,
    },
    Pixelate {
        size: u32,
    },
    Extremes(Extremes),
    /// Makes one channel of any layout.
    Edges {
        low: u32,
        high: u32,
    },
    Threshold {
        value: u8,
        max: u8,
    },
    /// Gray, or RGBA of equal colours.
    Otsu {
        max: u8,
    },
    /// Gray, or RGBA of equal colours.
    Adaptive(Adaptive),
    /// Drawn into RGB or RGBA.
    Lines(Lines),
    /// Drawn into RGB or RGBA.
    Contours {
        value: u8,
    },
    Resample {
        window: Window,
        filter: Filter,
    },
    Crop(Rectangle),
    Pad(Pad),
    QuarterTurn,
    HalfTurn,
    ThreeQuarterTurn,
    Flip(Axis),
    /// A crop whose rectangle is known when the picture is there.
    Trim {
        threshold: u8,
        color: Option<Color>,
    },
    /// Drawn into a picture that has the colours of the overlay with this number.
    Composite {
        overlay: usize,
        placing: Placing,
    },
    /// A resize of what a trim will have left: reckoned with, never run.
    Unsettled(Resize),
}

impl Step {
    /// Whether it makes its picture in the buffer of the one it reads.
    pub(crate) fn works_in_place(self) -> bool {
        match self {
            Self::Invert
            | Self::Desaturate
            | Self::Levels(_)
            | Self::Saturate { .. }
            | Self::Normalize { .. }
            | Self::Equalize
            | Self::Tint(_)
            | Self::Pixelate { .. }
            | Self::Threshold { .. }
            | Self::Otsu { .. }
            | Self::Lines(_)
            | Self::Contours { .. }
            | Self::Composite { .. }
            | Self::HalfTurn
            | Self::Flip(_) => true,
            Self::Luma
            | Self::Widen
            | Self::Blur { .. }
            | Self::Sharpen { .. }
            | Self::Median { .. }
            | Self::Extremes(_)
            | Self::Edges { .. }
            | Self::Adaptive(_)
            | Self::Resample { .. }
            | Self::Crop(_)
            | Self::Pad(_)
            | Self::QuarterTurn
            | Self::ThreeQuarterTurn
            | Self::Trim { .. }
            | Self::Unsettled(_) => false,
        }
    }

    /// Bytes of a buffer that it needs for itself, besides those of both pictures.
    pub(crate) fn scratch_bytes(self, from: Shape) -> usize {
        let plane = Shape { layout: Layout::Gray, ..from }.bytes();
        match self {
            Self::Edges { .. } => canny::scratch_bytes(from),
            Self::Lines(_) => hough::scratch_bytes(from),
            Self::Adaptive(_) if from.layout == Layout::Rgba => 2 * plane,
            Self::Adaptive(_)
            | Self::Invert
            | Self::Luma
            | Self::Desaturate
            | Self::Widen
            | Self::Levels(_)
            | Self::Saturate { .. }
            | Self::Normalize { .. }
            | Self::Equalize
            | Self::Tint(_)
            | Self::Blur { .. }
            | Self::Sharpen { .. }
            | Self::Median { .. }
            | Self::Pixelate { .. }
            | Self::Extremes(_)
            | Self::Threshold { .. }
            | Self::Otsu { .. }
            | Self::Contours { .. }
            | Self::Resample { .. }
            | Self::Crop(_)
            | Self::Pad(_)
            | Self::QuarterTurn
            | Self::HalfTurn
            | Self::ThreeQuarterTurn
            | Self::Flip(_)
            | Self::Composite { .. }
            | Self::Trim { .. }
            | Self::Unsettled(_) => 0,
        }
    }

    /// Bytes that its kernel allocates while it works, or keeps for the next job.
    pub(crate) fn allocated_bytes(self, from: Shape, to: Shape) -> u64 {
        match self {
            Self::Blur { kernel, .. } | Self::Sharpen { kernel, .. } => {
                blur::scratch_bytes(from, kernel)
            }
            Self::Resample { .. } | Self::Unsettled(_) => resize::scratch_bytes(from, to),
            Self::Median { kernel } => median::row_bytes(from, kernel),
            Self::Extremes(extremes) => morph::row_bytes(from, extremes),
            Self::Edges { .. } => canny::row_bytes(from),
            Self::Contours { .. } => contour::row_bytes(from),
            Self::Lines(_) => hough::row_bytes(from),
            Self::Adaptive(adaptive) => threshold::row_bytes(from, adaptive.block),
            Self::Invert
            | Self::Luma
            | Self::Desaturate
            | Self::Widen
            | Self::Levels(_)
            | Self::Saturate { .. }
            | Self::Normalize { .. }
            | Self::Equalize
            | Self::Tint(_)
            | Self::Pixelate { .. }
            | Self::Threshold { .. }
            | Self::Otsu { .. }
            | Self::Crop(_)
            | Self::Pad(_)
            | Self::QuarterTurn
            | Self::HalfTurn
            | Self::ThreeQuarterTurn
            | Self::Flip(_)
            | Self::Composite { .. }
            | Self::Trim { .. } => 0,
        }
    }

    /// Roughly how long one core works on it, in nanoseconds measured on a small server.
    pub(crate) fn nanoseconds(self, from: Shape, to: Shape) -> u64 {
        let samples = from.bytes() as u64;
        match self {
            Self::Blur { kernel, .. } => samples * (8 + u64::from(kernel)) / 8,
            Self::Sharpen { kernel, .. } => samples * (16 + u64::from(kernel)) / 8,
            Self::Resample { .. } | Self::Unsettled(_) => samples + 4 * to.bytes() as u64,
            Self::Median { kernel } => samples * if kernel == 3 { 2 } else { 60 },
            Self::Edges { .. } => 10 * samples,
            // Every edge pixel votes for each angle.
            Self::Lines(_) => 60 * from.pixels(),
            Self::Contours { .. } => 6 * from.pixels(),
            Self::Composite { .. } => 20 * from.pixels(),
            Self::Adaptive(adaptive) => from.pixels() * (10 + 2 * u64::from(adaptive.block)),
            Self::Crop(_) | Self::Pad(_) | Self::Widen => to.bytes() as u64,
            Self::Saturate { .. } | Self::Tint(_) | Self::Equalize | Self::Normalize { .. } => {
                4 * samples
            }
            Self::QuarterTurn
            | Self::ThreeQuarterTurn
            | Self::Pixelate { .. }
            | Self::Otsu { .. }
            | Self::Extremes(_)
            | Self::Trim { .. } => 2 * samples,
            Self::Invert
            | Self::Luma
            | Self::Desaturate
            | Self::Levels(_)
            | Self::Threshold { .. }
            | Self::Flip(_)
            | Self::HalfTurn => samples,
        }
    }
}
