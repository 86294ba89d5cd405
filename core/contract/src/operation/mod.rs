//! The typed operations and their one table.
//!
//! An [`Operation`] is a value that was checked when its recipe was parsed; kernels may rely on
//! its ranges. The table [`OPERATIONS`] is read by the parser, the printer, the help and the API.

mod encoding;
mod table;

pub use encoding::{ENCODINGS, Encoding, Format};
pub use table::{Absent, Arguments, Entry, Kind, Parameter, Value};

use table::spoken;

/// The largest side a recipe may ask for, in pixels; a worker's own limits may be lower.
pub const MAX_SIDE: i64 = 65_535;

/// One step of a chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Every colour sample becomes 255 − sample; alpha stays.
    Invert,
    /// One channel of luma (BT.601, as `OpenCV` rounds it); alpha stays.
    Grayscale,
    /// Gaussian blur, borders mirrored without repeating the edge pixel.
    Blur {
        /// Width and height of the kernel in pixels, odd.
        kernel: u32,
        /// Standard deviation in pixels; `None` derives it from the kernel as `OpenCV` does.
        sigma: Option<f64>,
    },
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
}

/// The parameters of [`Operation::Resize`]. At least one of `width` and `height` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// Target width in pixels; `None` follows from the height.
    pub width: Option<u32>,
    /// Target height in pixels; `None` follows from the width.
    pub height: Option<u32>,
    /// How the picture fits when both sides are given.
    pub fit: Fit,
    /// The resampling filter.
    pub filter: Filter,
    /// Whether a smaller picture may grow.
    pub enlarge: bool,
}

/// How a picture fits into a target of both width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The largest size that fits inside, proportions kept.
    Inside,
    /// Covers the target, what stands over is cropped from the centre.
    Cover,
    /// Stretched to the target, proportions ignored.
    Fill,
    /// As [`Fit::Fill`], but a picture that would have to grow is refused instead of left smaller.
    Exact,
}

impl Fit {
    const WORDS: &[&str] = &["inside", "cover", "fill", "exact"];
    pub(crate) const ALL: [Self; 4] = [Self::Inside, Self::Cover, Self::Fill, Self::Exact];
}

/// A resampling filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Takes the nearest sample.
    Nearest,
    /// Area average.
    Box,
    /// Triangle.
    Bilinear,
    /// Cubic, a = −0.5.
    CatmullRom,
    /// Windowed sinc of three lobes.
    Lanczos3,
}

impl Filter {
    const WORDS: &[&str] = &["nearest", "box", "bilinear", "catmullrom", "lanczos3"];
    pub(crate) const ALL: [Self; 5] =
        [Self::Nearest, Self::Box, Self::Bilinear, Self::CatmullRom, Self::Lanczos3];
}

/// A clockwise turn by a multiple of 90 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarterTurns {
    /// 0°.
    None,
    /// 90° clockwise.
    One,
    /// 180°.
    Two,
    /// 270° clockwise.
    Three,
}

impl QuarterTurns {
    const WORDS: &[&str] = &["0", "90", "180", "270", "-90", "-180", "-270"];
    pub(crate) const ALL: [Self; 7] =
        [Self::None, Self::One, Self::Two, Self::Three, Self::Three, Self::Two, Self::One];
}

/// The direction of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

impl Axis {
    const WORDS: &[&str] = &["horizontal", "vertical"];
    pub(crate) const ALL: [Self; 2] = [Self::Horizontal, Self::Vertical];
}

/// The typed value behind a word of a choice.
fn chosen<T: Copy>(words: &[&str], all: &[T], word: Option<&str>) -> Result<T, String> {
    let at = words.iter().position(|w| Some(*w) == word);
    at.and_then(|i| all.get(i).copied()).ok_or_else(|| format!("takes {}", words.join("|")))
}

/// The word of a choice's typed value: the first that means it.
fn worded<T: Copy + PartialEq>(words: &[&'static str], all: &[T], value: T) -> Option<Value> {
    all.iter().position(|v| *v == value).map(|i| Value::Word(words[i]))
}

impl Operation {
    /// Its row in [`OPERATIONS`].
    pub fn entry(&self) -> &'static Entry<Self> {
        let name = match self {
            Self::Invert => "invert",
            Self::Grayscale => "grayscale",
            Self::Blur { .. } => "blur",
            Self::Resize(_) => "resize",
            Self::Crop { .. } => "crop",
            Self::Rotate(_) => "rotate",
            Self::Flip(_) => "flip",
        };
        Entry::find(OPERATIONS, name).expect("every operation has its row")
    }

    /// The arguments that differ from the defaults, in the table's order.
    pub fn arguments(&self) -> Vec<(&'static str, Value)> {
        let size = |n: u32| Value::Integer(i64::from(n));
        let values = match *self {
            Self::Invert | Self::Grayscale => vec![],
            Self::Blur { kernel, sigma } => {
                vec![("kernel", Some(size(kernel))), ("sigma", sigma.map(Value::Number))]
            }
            Self::Resize(resize) => vec![
                ("width", resize.width.map(size)),
                ("height", resize.height.map(size)),
                ("fit", worded(Fit::WORDS, &Fit::ALL, resize.fit)),
                ("filter", worded(Filter::WORDS, &Filter::ALL, resize.filter)),
                ("enlarge", Some(Value::Flag(resize.enlarge))),
            ],
            Self::Crop { width, height, left, top } => vec![
                ("width", Some(size(width))),
                ("height", Some(size(height))),
                ("left", left.map(size)),
                ("top", top.map(size)),
            ],
            Self::Rotate(turns) => {
                vec![("angle", worded(QuarterTurns::WORDS, &QuarterTurns::ALL, turns))]
            }
            Self::Flip(axis) => vec![("axis", worded(Axis::WORDS, &Axis::ALL, axis))],
        };
        spoken(self.entry().parameters, &values)
    }
}

/// A side of a picture or rectangle in pixels.
const fn side(name: &'static str, absent: Absent, help: &'static str) -> Parameter {
    Parameter { name, alias: None, kind: Kind::Integer { min: 1, max: MAX_SIDE }, absent, help }
}

/// A distance in pixels.
const fn offset(name: &'static str, help: &'static str) -> Parameter {
    Parameter {
        name,
        alias: None,
        kind: Kind::Integer { min: 0, max: MAX_SIDE },
        absent: Absent::Derived("centred"),
        help,
    }
}

/// Every operation, in the order in which people read about them.
pub static OPERATIONS: &[Entry<Operation>] = &[
    Entry {
        name: "invert",
        aliases: &["color_inversion"],
        summary: "negative: every colour sample becomes 255 - sample; alpha stays",
        parameters: &[],
        example: "invert",
        build: |_| Ok(Operation::Invert),
    },
    Entry {
        name: "grayscale",
        aliases: &["greyscale", "gray", "grey"],
        summary: "one channel of luma (BT.601), as OpenCV rounds it; alpha stays",
        parameters: &[],
        example: "grayscale -> png",
        build: |_| Ok(Operation::Grayscale),
    },
    Entry {
        name: "blur",
        aliases: &[],
        summary: "Gaussian blur; borders are mirrored (OpenCV's `REFLECT_101`)",
        parameters: &[
            Parameter {
                name: "kernel",
                alias: None,
                kind: Kind::Odd { min: 1, max: 1023 },
                absent: Absent::Means(Value::Integer(15)),
                help: "width and height of the kernel in pixels",
            },
            Parameter {
                name: "sigma",
                alias: None,
                kind: Kind::Number { min: 0.01, max: 1000.0 },
                absent: Absent::Derived("from kernel"),
                help: "standard deviation in pixels",
            },
        ],
        example: "blur:kernel=9,sigma=2.5",
        build: |a| {
            let kernel = a.size("kernel").ok_or("needs a kernel")?;
            Ok(Operation::Blur { kernel, sigma: a.number("sigma") })
        },
    },
    Entry {
        name: "resize",
        aliases: &[],
        summary: "another size; a picture never grows unless asked",
        parameters: &[
            side("width", Absent::Derived("from height"), "target width in pixels"),
            side("height", Absent::Derived("from width"), "target height in pixels"),
            Parameter {
                name: "fit",
                alias: None,
                kind: Kind::Choice(Fit::WORDS),
                absent: Absent::Means(Value::Word("inside")),
                help: "with both sides: inside keeps proportions, cover crops what stands over, \
                       fill stretches, exact stretches and refuses to leave it smaller",
            },
            Parameter {
                name: "filter",
                alias: None,
                kind: Kind::Choice(Filter::WORDS),
                absent: Absent::Means(Value::Word("lanczos3")),
                help: "resampling filter",
            },
            Parameter {
                name: "enlarge",
                alias: None,
                kind: Kind::Flag,
                absent: Absent::Means(Value::Flag(false)),
                help: "let a smaller picture grow",
            },
        ],
        example: "resize:512,512,fit=cover -> jpeg",
        build: |a| {
            let (width, height) = (a.size("width"), a.size("height"));
            if width.is_none() && height.is_none() {
                return Err("needs a width or a height".into());
            }
            let fit = chosen(Fit::WORDS, &Fit::ALL, a.word("fit"))?;
            if fit != Fit::Inside && (width.is_none() || height.is_none()) {
                return Err("needs both width and height for this fit".into());
            }
            let filter = chosen(Filter::WORDS, &Filter::ALL, a.word("filter"))?;
            let enlarge = a.flag("enlarge");
            Ok(Operation::Resize(Resize { width, height, fit, filter, enlarge }))
        },
    },
    Entry {
        name: "crop",
        aliases: &["extract"],
        summary: "a rectangle of the picture; one that reaches outside is refused",
        parameters: &[
            side("width", Absent::Refused, "width of the rectangle in pixels"),
            side("height", Absent::Refused, "height of the rectangle in pixels"),
            offset("left", "distance from the left edge in pixels"),
            offset("top", "distance from the top edge in pixels"),
        ],
        example: "crop:640,480,left=10,top=20",
        build: |a| {
            let width = a.size("width").ok_or("needs a width")?;
            let height = a.size("height").ok_or("needs a height")?;
            Ok(Operation::Crop { width, height, left: a.size("left"), top: a.size("top") })
        },
    },
    Entry {
        name: "rotate",
        aliases: &[],
        summary: "a turn clockwise, without loss",
        parameters: &[Parameter {
            name: "angle",
            alias: None,
            kind: Kind::Choice(QuarterTurns::WORDS),
            absent: Absent::Refused,
            help: "degrees clockwise",
        }],
        example: "rotate:90",
        build: |a| {
            chosen(QuarterTurns::WORDS, &QuarterTurns::ALL, a.word("angle")).map(Operation::Rotate)
        },
    },
    Entry {
        name: "flip",
        aliases: &["mirror"],
        summary: "a mirror image",
        parameters: &[Parameter {
            name: "axis",
            alias: Some("direction"),
            kind: Kind::Choice(Axis::WORDS),
            absent: Absent::Means(Value::Word("vertical")),
            help: "vertical: top and bottom change places; horizontal: left and right do",
        }],
        example: "flip:horizontal",
        build: |a| chosen(Axis::WORDS, &Axis::ALL, a.word("axis")).map(Operation::Flip),
    },
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
    fn every_default_is_a_value_that_its_parameter_accepts() {
        for parameter in OPERATIONS.iter().flat_map(|e| e.parameters) {
            if let Absent::Means(value) = parameter.absent {
                let mut arguments = Arguments::new(std::slice::from_ref(parameter));
                arguments.set(parameter, &value.to_string()).unwrap();
                assert_eq!(arguments.get(parameter.name), Some(value));
            }
        }
    }
}
