//! Operations that look at a pixel's neighbours and give a picture of the same kind: blur,
//! sharpen, median, pixelate, and morphology.

use super::table::{Absent, Arguments, Entry, Group, Kind, Parameter, Unit, Value};
use super::{MAX_SIDE, Operation};

/// Which of the morphological operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shaping {
    /// The largest sample under the kernel.
    Dilate,
    /// The smallest sample under the kernel.
    Erode,
    /// Erodes, then dilates.
    Open,
    /// Dilates, then erodes.
    Close,
}

/// The parameters of [`Operation::Morph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Morph {
    /// What is done.
    pub shaping: Shaping,
    /// Width and height of the square kernel in pixels, odd.
    pub kernel: u32,
    /// How often; erosions come one after the other, and so do dilations.
    pub iterations: u32,
}

impl Morph {
    /// The one kernel that does the same as all iterations.
    pub fn effective_kernel(self) -> u32 {
        self.iterations.saturating_mul(self.kernel.saturating_sub(1)).saturating_add(1)
    }

    pub(super) fn name(self) -> &'static str {
        match self.shaping {
            Shaping::Dilate => "dilate",
            Shaping::Erode => "erode",
            Shaping::Open => "open",
            Shaping::Close => "close",
        }
    }

    pub(super) fn values(self) -> Vec<(&'static str, Option<Value<'static>>)> {
        vec![("kernel", Some(self.kernel.into())), ("iterations", Some(self.iterations.into()))]
    }

    fn build(shaping: Shaping, a: &Arguments<'_>) -> Result<Operation, String> {
        let kernel = a.size("kernel").ok_or("needs a kernel")?;
        let iterations = a.size("iterations").ok_or("needs iterations")?;
        Ok(Operation::Morph(Self { shaping, kernel, iterations }))
    }
}

/// The kernel that a sharpening of this sigma blurs with: three sigmas to each side.
pub fn sharpening_kernel(sigma: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the table keeps sigma between 0.01 and 100"
    )]
    let radius = (3.0 * sigma).ceil() as u32;
    2 * radius + 1
}

/// The width and height of a kernel.
const fn kernel(max: i64, absent: Absent) -> Parameter {
    Parameter {
        name: "kernel",
        alias: Some("size"),
        kind: Kind::Odd { min: 1, max },
        absent,
        unit: Unit::Pixels,
        help: "width and height of the kernel in pixels",
    }
}

const MORPH: &[Parameter] = &[
    kernel(1023, Absent::Means(Value::Integer(5))),
    Parameter {
        name: "iterations",
        alias: None,
        kind: Kind::Integer { min: 1, max: 1023 },
        absent: Absent::Means(Value::Integer(1)),
        unit: Unit::None,
        help: "how often",
    },
];

/// What all of morphology does to the kinds of pixels.
const MORPH_PIXELS: &str = "gray, RGB channel by channel; alpha stays";

pub(super) const BLUR: Entry<Operation> = Entry {
    name: "blur",
    group: Group::Filter,
    aliases: &[],
    summary: "Gaussian blur; borders are mirrored (OpenCV's `REFLECT_101`)",
    pixels: "gray, RGB; with alpha on colours multiplied by it, so that nothing bleeds",
    parameters: &[
        Parameter { alias: None, ..kernel(1023, Absent::Means(Value::Integer(15))) },
        Parameter {
            name: "sigma",
            alias: None,
            kind: Kind::Number { min: 0.01, max: 1000.0 },
            absent: Absent::Derived("from kernel"),
            unit: Unit::Pixels,
            help: "standard deviation in pixels",
        },
    ],
    example: "blur:kernel=9,sigma=2.5",
    build: |a| {
        let kernel = a.size("kernel").ok_or("needs a kernel")?;
        Ok(Operation::Blur { kernel, sigma: a.number("sigma") })
    },
};

pub(super) const SHARPEN: Entry<Operation> = Entry {
    name: "sharpen",
    group: Group::Filter,
    aliases: &[],
    summary: "unsharp mask: sample + amount × (sample - blurred), rounded half to even, blurred by \
              a Gaussian of three sigmas to each side",
    pixels: "gray, RGB; with alpha the blurred colours are those of `blur`, alpha itself stays",
    parameters: &[
        Parameter {
            name: "sigma",
            alias: None,
            kind: Kind::Number { min: 0.01, max: 100.0 },
            absent: Absent::Means(Value::Number(1.0)),
            unit: Unit::Pixels,
            help: "standard deviation of the blur in pixels",
        },
        Parameter {
            name: "amount",
            alias: None,
            kind: Kind::Number { min: 0.0, max: 100.0 },
            absent: Absent::Means(Value::Number(1.0)),
            unit: Unit::None,
            help: "how much of the difference is added",
        },
    ],
    example: "resize:800 | sharpen:sigma=0.8,amount=0.6 -> jpeg",
    build: |a| {
        let sigma = a.number("sigma").ok_or("needs a sigma")?;
        Ok(Operation::Sharpen { sigma, amount: a.number("amount").ok_or("needs an amount")? })
    },
};

pub(super) const MEDIAN: Entry<Operation> = Entry {
    name: "median",
    group: Group::Filter,
    aliases: &[],
    summary: "the median of a square, as cv2.medianBlur; edge pixels are repeated outside",
    pixels: "gray, RGB channel by channel; alpha stays",
    // 65,025 samples in a window are what 16-bit counters hold.
    parameters: &[kernel(255, Absent::Means(Value::Integer(3)))],
    example: "median:5",
    build: |a| Ok(Operation::Median { kernel: a.size("kernel").ok_or("needs a kernel")? }),
};

pub(super) const PIXELATE: Entry<Operation> = Entry {
    name: "pixelate",
    group: Group::Filter,
    aliases: &[],
    summary: "squares of one colour, their mean rounded half up; cut off at the right and bottom",
    pixels: "gray, RGB; with alpha colours are weighted by it",
    parameters: &[Parameter {
        name: "size",
        alias: Some("block"),
        kind: Kind::Integer { min: 1, max: MAX_SIDE },
        absent: Absent::Refused,
        unit: Unit::Pixels,
        help: "side of a square in pixels",
    }],
    example: "pixelate:16",
    build: |a| Ok(Operation::Pixelate { size: a.size("size").ok_or("needs a size")? }),
};

pub(super) const MORPHOLOGY: Entry<Operation> = Entry {
    name: "morphology",
    group: Group::Filter,
    aliases: &["morphological_operations"],
    summary: "dilate 5, open 5, close 5, one after the other, as OpenCV does",
    pixels: MORPH_PIXELS,
    parameters: &[],
    example: "morphology",
    build: |_| Ok(Operation::Morphology),
};

pub(super) const DILATE: Entry<Operation> = Entry {
    name: "dilate",
    group: Group::Filter,
    aliases: &[],
    summary: "the largest sample under a square, as cv2.dilate",
    pixels: MORPH_PIXELS,
    parameters: MORPH,
    example: "dilate:3,iterations=2",
    build: |a| Morph::build(Shaping::Dilate, a),
};

pub(super) const ERODE: Entry<Operation> = Entry {
    name: "erode",
    group: Group::Filter,
    aliases: &[],
    summary: "the smallest sample under a square, as cv2.erode",
    pixels: MORPH_PIXELS,
    parameters: MORPH,
    example: "erode:3",
    build: |a| Morph::build(Shaping::Erode, a),
};

pub(super) const OPEN: Entry<Operation> = Entry {
    name: "open",
    group: Group::Filter,
    aliases: &[],
    summary: "erodes, then dilates: small light things go, as with cv2.MORPH_OPEN",
    pixels: MORPH_PIXELS,
    parameters: MORPH,
    example: "threshold | open:3",
    build: |a| Morph::build(Shaping::Open, a),
};

pub(super) const CLOSE: Entry<Operation> = Entry {
    name: "close",
    group: Group::Filter,
    aliases: &[],
    summary: "dilates, then erodes: small dark things go, as with cv2.MORPH_CLOSE",
    pixels: MORPH_PIXELS,
    parameters: MORPH,
    example: "threshold | close:3",
    build: |a| Morph::build(Shaping::Close, a),
};
