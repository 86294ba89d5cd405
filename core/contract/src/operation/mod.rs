//! The typed operations and their one table.
//!
//! An [`Operation`] is a value that was checked when its recipe was parsed; kernels may rely on
//! its ranges. The table [`OPERATIONS`] is read by the parser, the printer, the help and the API.
//! Its rows, and the parameters that need a type of their own, live in a file for each family.

mod color;
mod composite;
mod encoding;
mod filter;
mod format;
mod geometry;
mod table;
mod tone;
mod vision;

pub use color::Color;
pub use composite::{Composite, Gravity};
pub use encoding::{Carry, ENCODINGS, Effort, Encoding, Icc, Metadata, Subsampling};
pub use filter::{Morph, Shaping, sharpening_kernel};
pub use format::{Format, PICTURE_EXTENSIONS};
pub use geometry::{Axis, Filter, Fit, Pad, QuarterTurns, Resize};
pub use table::{Absent, Arguments, Entry, Group, Kind, Parameter, Unit, Value};
pub use vision::{Adaptive, AdaptiveMethod, Length, Lines};

use table::spoken;
pub(crate) use table::{MAX_TEXT_BYTES, is_text};

/// The largest side a recipe may ask for, in pixels; a worker's own limits may be lower.
pub const MAX_SIDE: i64 = 65_535;

/// One step of a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Every colour sample becomes 255 − sample; alpha stays.
    Invert,
    /// One channel of luma (BT.601, as `OpenCV` rounds it); alpha stays.
    Grayscale,
    /// Every colour sample × `factor` + `add`.
    Brightness {
        /// Multiplier, at least 0.
        factor: f64,
        /// Added afterwards, −255 to 255.
        add: f64,
    },
    /// Every colour sample's distance from 128, times a factor.
    Contrast {
        /// Multiplier, at least 0.
        factor: f64,
    },
    /// Every colour sample's distance from its pixel's luma, times a factor.
    Saturation {
        /// Multiplier, at least 0.
        factor: f64,
    },
    /// A power of each colour sample.
    Gamma {
        /// The inverse of the exponent.
        gamma: f64,
    },
    /// Levels stretched so that two percentiles of luma become 0 and 255.
    Normalize {
        /// In percent, below `upper`.
        lower: f64,
        /// In percent.
        upper: f64,
    },
    /// Levels of luma made equally frequent.
    Equalize,
    /// Luma in the hue of one colour.
    Tint {
        /// What middle gray becomes, opaque.
        color: Color,
    },
    /// Gaussian blur, borders mirrored without repeating the edge pixel.
    Blur {
        /// Width and height of the kernel in pixels, odd.
        kernel: u32,
        /// Standard deviation in pixels; `None` derives it from the kernel as `OpenCV` does.
        sigma: Option<f64>,
    },
    /// Unsharp mask.
    Sharpen {
        /// Standard deviation of the blur in pixels.
        sigma: f64,
        /// How much of the difference to the blurred picture is added.
        amount: f64,
    },
    /// The median of a square.
    Median {
        /// Width and height of the square in pixels, odd.
        kernel: u32,
    },
    /// Squares of one colour.
    Pixelate {
        /// Side of a square in pixels.
        size: u32,
    },
    /// Canny's edges, one channel.
    Edges {
        /// Lower threshold of the L1 gradient.
        low: u32,
        /// Upper threshold of the L1 gradient, at least `low`.
        high: u32,
    },
    /// Samples above a value become `max`, others 0.
    Threshold {
        /// The value, unless `otsu`.
        value: u8,
        /// What samples above become.
        max: u8,
        /// Whether the value is Otsu's, of the histogram of luma.
        otsu: bool,
    },
    /// Luma compared with its neighbourhood.
    AdaptiveThreshold(Adaptive),
    /// Straight lines found and drawn.
    Lines(Lines),
    /// Contours of what is lighter than a value, drawn.
    Contours {
        /// The value.
        value: u8,
    },
    /// Dilate 5, open 5, close 5.
    Morphology,
    /// One morphological operation.
    Morph(Morph),
    /// Another size.
    Resize(Resize),
    /// A rectangle of the picture.
    Crop {
        /// Width of the rectangle in pixels.
        width: u32,
        /// Height of the rectangle in pixels.
        height: u32,
        /// Distance from the left edge in pixels; `None` centres it.
        left: Option<u32>,
        /// Distance from the top edge in pixels; `None` centres it.
        top: Option<u32>,
    },
    /// A turn clockwise.
    Rotate(QuarterTurns),
    /// A mirror image.
    Flip(Axis),
    /// Pixels of one colour around the picture.
    Pad(Pad),
    /// Another picture laid over it.
    Composite(Composite),
    /// Borders that look like one colour, taken off.
    Trim {
        /// A sample that is further from the colour than this belongs to the picture.
        threshold: u8,
        /// The colour; `None` is that of the pixel at the top left.
        color: Option<Color>,
    },
}

/// The typed value behind a word of a choice.
fn chosen<T: Copy>(words: &[&str], all: &[T], word: Option<&str>) -> Result<T, String> {
    let at = words.iter().position(|w| Some(*w) == word);
    at.and_then(|i| all.get(i).copied()).ok_or_else(|| format!("takes {}", words.join("|")))
}

/// The word of a choice's typed value: the first that means it.
fn worded<T: Copy + PartialEq>(
    words: &[&'static str],
    all: &[T],
    value: T,
) -> Option<Value<'static>> {
    all.iter().position(|v| *v == value).map(|i| Value::Word(words[i]))
}

impl Operation {
    /// Its row in [`OPERATIONS`].
    pub fn entry(&self) -> &'static Entry<Self> {
        let name = match self {
            Self::Invert => "invert",
            Self::Grayscale => "grayscale",
            Self::Brightness { .. } => "brightness",
            Self::Contrast { .. } => "contrast",
            Self::Saturation { .. } => "saturation",
            Self::Gamma { .. } => "gamma",
            Self::Normalize { .. } => "normalize",
            Self::Equalize => "equalize",
            Self::Tint { .. } => "tint",
            Self::Blur { .. } => "blur",
            Self::Sharpen { .. } => "sharpen",
            Self::Median { .. } => "median",
            Self::Pixelate { .. } => "pixelate",
            Self::Edges { .. } => "edges",
            Self::Threshold { .. } => "threshold",
            Self::AdaptiveThreshold(_) => "adaptive_threshold",
            Self::Lines(_) => "lines",
            Self::Contours { .. } => "contours",
            Self::Morphology => "morphology",
            Self::Morph(morph) => morph.name(),
            Self::Resize(_) => "resize",
            Self::Crop { .. } => "crop",
            Self::Rotate(_) => "rotate",
            Self::Flip(_) => "flip",
            Self::Pad(_) => "pad",
            Self::Composite(_) => "composite",
            Self::Trim { .. } => "trim",
        };
        Entry::find(OPERATIONS, name).expect("every operation has its row")
    }

    /// The arguments that differ from the defaults, in the table's order.
    pub fn arguments(&self) -> Vec<(&'static str, Value<'_>)> {
        let number = |n| Some(Value::Number(n));
        let whole = |n: u32| Some(Value::from(n));
        let level = |n: u8| Some(Value::from(u32::from(n)));
        let values = match *self {
            Self::Invert | Self::Grayscale | Self::Equalize | Self::Morphology => vec![],
            Self::Brightness { factor, add } => {
                vec![("factor", number(factor)), ("add", number(add))]
            }
            Self::Contrast { factor } | Self::Saturation { factor } => {
                vec![("factor", number(factor))]
            }
            Self::Gamma { gamma } => vec![("gamma", number(gamma))],
            Self::Normalize { lower, upper } => {
                vec![("lower", number(lower)), ("upper", number(upper))]
            }
            Self::Tint { color } => vec![("color", Some(Value::Color(color)))],
            Self::Blur { kernel, sigma } => {
                vec![("kernel", whole(kernel)), ("sigma", sigma.map(Value::Number))]
            }
            Self::Sharpen { sigma, amount } => {
                vec![("sigma", number(sigma)), ("amount", number(amount))]
            }
            Self::Median { kernel } => vec![("kernel", whole(kernel))],
            Self::Pixelate { size } => vec![("size", whole(size))],
            Self::Edges { low, high } => vec![("low", whole(low)), ("high", whole(high))],
            Self::Threshold { value, max, otsu } => vec![
                ("value", level(value)),
                ("max", level(max)),
                ("otsu", Some(Value::Flag(otsu))),
            ],
            Self::AdaptiveThreshold(adaptive) => adaptive.values(),
            Self::Lines(lines) => lines.values(),
            Self::Contours { value } => vec![("value", level(value))],
            Self::Morph(morph) => morph.values(),
            Self::Resize(resize) => resize.values(),
            Self::Crop { width, height, left, top } => vec![
                ("width", whole(width)),
                ("height", whole(height)),
                ("left", left.map(Value::from)),
                ("top", top.map(Value::from)),
            ],
            Self::Rotate(turns) => {
                vec![("angle", worded(QuarterTurns::WORDS, &QuarterTurns::ALL, turns))]
            }
            Self::Flip(axis) => vec![("axis", worded(Axis::WORDS, &Axis::ALL, axis))],
            Self::Pad(pad) => pad.values(),
            Self::Composite(ref composite) => composite.values(),
            Self::Trim { threshold, color } => {
                vec![("threshold", level(threshold)), ("color", color.map(Value::Color))]
            }
        };
        spoken(self.entry().parameters, &values)
    }

    /// The overlay that it needs, as its recipe names it.
    pub fn overlay(&self) -> Option<&str> {
        let Self::Composite(composite) = self else { return None };
        Some(&composite.image)
    }

    /// The side of the largest kernel that it needs, in pixels; 1 for what looks at single pixels.
    pub fn largest_kernel(&self) -> u32 {
        match *self {
            Self::Blur { kernel, .. } | Self::Median { kernel } => kernel,
            Self::Sharpen { sigma, .. } => sharpening_kernel(sigma),
            Self::AdaptiveThreshold(adaptive) => adaptive.block,
            Self::Morph(morph) => morph.effective_kernel(),
            Self::Morphology => 9,
            Self::Edges { .. } | Self::Lines(_) | Self::Contours { .. } => 3,
            Self::Invert
            | Self::Grayscale
            | Self::Brightness { .. }
            | Self::Contrast { .. }
            | Self::Saturation { .. }
            | Self::Gamma { .. }
            | Self::Normalize { .. }
            | Self::Equalize
            | Self::Tint { .. }
            | Self::Pixelate { .. }
            | Self::Threshold { .. }
            | Self::Resize(_)
            | Self::Crop { .. }
            | Self::Rotate(_)
            | Self::Flip(_)
            | Self::Pad(_)
            | Self::Composite(_)
            | Self::Trim { .. } => 1,
        }
    }
}

/// Every operation, in the order in which people read about them.
pub static OPERATIONS: &[Entry<Operation>] = &[
    geometry::RESIZE,
    geometry::CROP,
    geometry::ROTATE,
    geometry::FLIP,
    geometry::PAD,
    geometry::TRIM,
    composite::COMPOSITE,
    tone::INVERT,
    tone::GRAYSCALE,
    tone::BRIGHTNESS,
    tone::CONTRAST,
    tone::SATURATION,
    tone::GAMMA,
    tone::NORMALIZE,
    tone::EQUALIZE,
    tone::TINT,
    filter::BLUR,
    filter::SHARPEN,
    filter::MEDIAN,
    filter::PIXELATE,
    filter::MORPHOLOGY,
    filter::DILATE,
    filter::ERODE,
    filter::OPEN,
    filter::CLOSE,
    vision::EDGES,
    vision::THRESHOLD,
    vision::ADAPTIVE_THRESHOLD,
    vision::LINES,
    vision::CONTOURS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<_> =
            OPERATIONS.iter().flat_map(|e| e.aliases.iter().chain([&e.name])).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_row_says_what_it_does_to_pixels_and_its_example_parses() {
        for entry in OPERATIONS {
            assert!(!entry.pixels.is_empty(), "{}", entry.name);
            let recipe: crate::Recipe = entry.example.parse().unwrap();
            let chain = &recipe.outputs()[0].chain;
            assert!(chain.iter().any(|step| step.entry().name == entry.name), "{}", entry.name);
        }
    }

    #[test]
    fn every_default_is_a_value_that_its_parameter_accepts() {
        for parameter in OPERATIONS.iter().flat_map(|e| e.parameters) {
            if let Absent::Means(value) = parameter.absent {
                let text = value.to_string();
                let mut arguments = Arguments::new(std::slice::from_ref(parameter));
                arguments.set(parameter, &text).unwrap();
                assert_eq!(arguments.get(parameter.name), Some(value));
            }
        }
    }
}
