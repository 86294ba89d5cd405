//! Operations on each pixel's colour: invert, grayscale, brightness, contrast, saturation, gamma,
//! normalize, equalize, tint.

use super::table::{Absent, Entry, Group, Kind, Parameter, Unit, Value};
use super::{Color, Operation};

/// The most that a factor of brightness, contrast or saturation may be.
const MAX_FACTOR: f64 = 100.0;

/// A multiplier, 1 for no change.
const fn factor(name: &'static str, absent: Absent, help: &'static str) -> Parameter {
    let kind = Kind::Number { min: 0.0, max: MAX_FACTOR };
    Parameter { name, alias: None, kind, absent, unit: Unit::Times, help }
}

/// A percentile of a histogram.
const fn percentile(name: &'static str, default: f64, help: &'static str) -> Parameter {
    let kind = Kind::Number { min: 0.0, max: 100.0 };
    Parameter {
        name,
        alias: None,
        kind,
        absent: Absent::Means(Value::Number(default)),
        unit: Unit::Percent,
        help,
    }
}

pub(super) const INVERT: Entry<Operation> = Entry {
    name: "invert",
    group: Group::Tone,
    aliases: &["color_inversion", "negate"],
    summary: "negative: every colour sample becomes 255 - sample",
    pixels: "gray, RGB; alpha stays",
    parameters: &[],
    example: "invert",
    build: |_| Ok(Operation::Invert),
};

pub(super) const GRAYSCALE: Entry<Operation> = Entry {
    name: "grayscale",
    group: Group::Tone,
    aliases: &["greyscale", "gray", "grey"],
    summary: "luma (BT.601), as OpenCV rounds it",
    pixels: "gray stays, RGB becomes one channel; with alpha it stays RGBA of equal colours",
    parameters: &[],
    example: "grayscale -> png",
    build: |_| Ok(Operation::Grayscale),
};

pub(super) const BRIGHTNESS: Entry<Operation> = Entry {
    name: "brightness",
    group: Group::Tone,
    aliases: &[],
    summary: "sample × factor + add, rounded half to even, cut off at 0 and 255",
    pixels: "gray, RGB; alpha stays",
    parameters: &[
        factor("factor", Absent::Means(Value::Number(1.0)), "multiplier; 1 changes nothing"),
        Parameter {
            name: "add",
            alias: None,
            kind: Kind::Number { min: -255.0, max: 255.0 },
            absent: Absent::Means(Value::Number(0.0)),
            unit: Unit::Levels,
            help: "added after multiplying, in levels of 255",
        },
    ],
    example: "brightness:1.2",
    build: |a| {
        let factor = a.number("factor").ok_or("needs a factor")?;
        Ok(Operation::Brightness { factor, add: a.number("add").ok_or("needs an add")? })
    },
};

pub(super) const CONTRAST: Entry<Operation> = Entry {
    name: "contrast",
    group: Group::Tone,
    aliases: &[],
    summary: "128 + (sample - 128) × factor, rounded half to even, cut off at 0 and 255",
    pixels: "gray, RGB; alpha stays",
    parameters: &[factor("factor", Absent::Refused, "above 1 is more contrast, below 1 less")],
    example: "contrast:1.3",
    build: |a| Ok(Operation::Contrast { factor: a.number("factor").ok_or("needs a factor")? }),
};

pub(super) const SATURATION: Entry<Operation> = Entry {
    name: "saturation",
    group: Group::Tone,
    aliases: &[],
    summary: "luma + (sample - luma) × factor, rounded half to even, cut off at 0 and 255",
    pixels: "gray stays as it is; RGB; alpha stays",
    parameters: &[factor("factor", Absent::Refused, "0 is gray, 1 changes nothing")],
    example: "saturation:1.5",
    build: |a| Ok(Operation::Saturation { factor: a.number("factor").ok_or("needs a factor")? }),
};

pub(super) const GAMMA: Entry<Operation> = Entry {
    name: "gamma",
    group: Group::Tone,
    aliases: &[],
    summary: "255 × (sample / 255) ^ (1 / gamma), rounded half to even",
    pixels: "gray, RGB; alpha stays",
    parameters: &[Parameter {
        name: "gamma",
        alias: None,
        kind: Kind::Number { min: 0.1, max: 10.0 },
        absent: Absent::Means(Value::Number(2.2)),
        unit: Unit::None,
        help: "above 1 brightens, below 1 darkens",
    }],
    example: "gamma:1.8",
    build: |a| Ok(Operation::Gamma { gamma: a.number("gamma").ok_or("needs a gamma")? }),
};

pub(super) const NORMALIZE: Entry<Operation> = Entry {
    name: "normalize",
    group: Group::Tone,
    aliases: &["normalise"],
    summary: "stretches the levels: two percentiles of luma become 0 and 255, all channels alike",
    pixels: "gray, RGB; alpha stays, and transparent pixels count",
    parameters: &[
        percentile("lower", 1.0, "percentile of luma that becomes 0"),
        percentile("upper", 99.0, "percentile of luma that becomes 255"),
    ],
    example: "normalize:lower=0.5,upper=99.5",
    build: |a| {
        let lower = a.number("lower").ok_or("needs a lower")?;
        let upper = a.number("upper").ok_or("needs an upper")?;
        if lower >= upper {
            return Err("needs a lower below its upper".into());
        }
        Ok(Operation::Normalize { lower, upper })
    },
};

pub(super) const EQUALIZE: Entry<Operation> = Entry {
    name: "equalize",
    group: Group::Tone,
    aliases: &["equalise"],
    summary: "levels of luma made equally frequent, as cv2.equalizeHist does",
    pixels: "gray; RGB on the Y of YCrCb, as OpenCV converts it; alpha stays, and transparent \
             pixels count",
    parameters: &[],
    example: "equalize",
    build: |_| Ok(Operation::Equalize),
};

pub(super) const TINT: Entry<Operation> = Entry {
    name: "tint",
    group: Group::Tone,
    aliases: &[],
    summary: "luma in one hue: black stays black, middle gray becomes the colour, white stays white",
    pixels: "gray and RGB become RGB; alpha stays",
    parameters: &[Parameter {
        name: "color",
        alias: Some("colour"),
        kind: Kind::Color,
        absent: Absent::Refused,
        unit: Unit::None,
        help: "the colour of middle gray, opaque",
    }],
    example: "tint:#704214",
    build: |a| {
        let color = a.color("color").filter(|color: &Color| color.is_opaque());
        Ok(Operation::Tint { color: color.ok_or("needs an opaque color")? })
    },
};
