//! Operations that look for something in a picture: edges, thresholds, lines, contours.

use super::table::{Absent, Arguments, Entry, Group, Kind, Parameter, Unit, Value};
use super::{Operation, chosen, worded};

/// The largest gradient that a 3×3 Sobel operator sees, L1.
const MAX_GRADIENT: i64 = 2040;

/// The parameters of [`Operation::Lines`] and of [`Encoding::Lines`](super::Encoding::Lines).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Canny's lower threshold, of the L1 gradient.
    pub low: u32,
    /// Canny's upper threshold, at least `low`.
    pub high: u32,
    /// A line has more edge pixels than this.
    pub votes: u32,
    /// How far lines are drawn.
    pub length: Length,
}

impl Lines {
    /// From the arguments of the operation or of the encoding of this name.
    pub(super) fn build(a: &Arguments<'_>) -> Result<Self, String> {
        let (low, high) = gradients(a)?;
        let votes = a.size("votes").ok_or("needs votes")?;
        let length = chosen(Length::WORDS, &Length::ALL, a.word("length"))?;
        Ok(Self { low, high, votes, length })
    }

    pub(super) fn values(self) -> Vec<(&'static str, Option<Value<'static>>)> {
        vec![
            ("low", Some(self.low.into())),
            ("high", Some(self.high.into())),
            ("votes", Some(self.votes.into())),
            ("length", worded(Length::WORDS, &Length::ALL, self.length)),
        ]
    }
}

/// How far lines are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// 1,000 pixels to both sides of the foot point, whatever the size of the picture.
    Prototype,
    /// From edge to edge of the picture.
    Full,
}

impl Length {
    const WORDS: &[&str] = &["prototype", "full"];
    pub(crate) const ALL: [Self; 2] = [Self::Prototype, Self::Full];
}

/// The parameters of [`Operation::AdaptiveThreshold`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    /// What a sample is compared with.
    pub method: AdaptiveMethod,
    /// Side of the neighbourhood in pixels, odd, at least 3.
    pub block: u32,
    /// Subtracted from the neighbourhood's value.
    pub c: f64,
    /// What samples above it become.
    pub max: u8,
}

impl Adaptive {
    pub(super) fn values(self) -> Vec<(&'static str, Option<Value<'static>>)> {
        vec![
            ("block", Some(self.block.into())),
            ("c", Some(Value::Number(self.c))),
            ("method", worded(AdaptiveMethod::WORDS, &AdaptiveMethod::ALL, self.method)),
            ("max", Some(u32::from(self.max).into())),
        ]
    }
}

/// What [`Adaptive`] takes of a neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdaptiveMethod {
    /// The mean.
    Mean,
    /// The mean weighted by a Gaussian.
    Gaussian,
}

impl AdaptiveMethod {
    const WORDS: &[&str] = &["mean", "gaussian"];
    pub(crate) const ALL: [Self; 2] = [Self::Mean, Self::Gaussian];
}

/// A level, 0–255.
const fn level(name: &'static str, alias: Option<&'static str>, default: i64) -> Parameter {
    let help = match name.as_bytes()[0] {
        b'm' => "what samples above become",
        _ => "samples above it pass",
    };
    let absent = Absent::Means(Value::Integer(default));
    Parameter {
        name,
        alias,
        kind: Kind::Integer { min: 0, max: 255 },
        absent,
        unit: Unit::Levels,
        help,
    }
}

/// A threshold of Canny's.
const fn gradient(name: &'static str, default: i64, help: &'static str) -> Parameter {
    let kind = Kind::Integer { min: 0, max: MAX_GRADIENT };
    Parameter {
        name,
        alias: None,
        kind,
        absent: Absent::Means(Value::Integer(default)),
        unit: Unit::None,
        help,
    }
}

const LOW_HELP: &str = "gradient that continues an edge (Canny, L1)";
const HIGH_HELP: &str = "gradient that begins an edge (Canny, L1)";

/// Canny's two thresholds, in order.
fn gradients(a: &Arguments<'_>) -> Result<(u32, u32), String> {
    let (low, high) = (a.size("low").ok_or("needs a low")?, a.size("high").ok_or("needs a high")?);
    if low > high { Err("needs a low that is not above its high".into()) } else { Ok((low, high)) }
}

pub(super) const EDGES: Entry<Operation> = Entry {
    name: "edges",
    group: Group::Vision,
    aliases: &["edge_detection"],
    summary: "Canny: 255 on edges, 0 elsewhere, as cv2.Canny with aperture 3",
    pixels: "one channel out; of RGB the strongest channel per pixel, blue before green before red \
             where equal; alpha is ignored and dropped",
    parameters: &[gradient("low", 100, LOW_HELP), gradient("high", 200, HIGH_HELP)],
    example: "edges:50,150 -> png",
    build: |a| gradients(a).map(|(low, high)| Operation::Edges { low, high }),
};

pub(super) const THRESHOLD: Entry<Operation> = Entry {
    name: "threshold",
    group: Group::Vision,
    aliases: &["thresholding"],
    summary: "samples above the value become max, others 0, as cv2.THRESH_BINARY",
    pixels: "gray, RGB channel by channel; alpha stays; with otsu on luma: RGB becomes one \
             channel, RGBA keeps alpha",
    parameters: &[
        level("value", Some("threshold"), 127),
        level("max", None, 255),
        Parameter {
            name: "otsu",
            alias: None,
            kind: Kind::Flag,
            absent: Absent::Means(Value::Flag(false)),
            unit: Unit::None,
            help: "take the value that parts the histogram of luma best, not `value`",
        },
    ],
    example: "threshold:otsu=true -> png",
    build: |a| {
        let value = a.byte("value").ok_or("needs a value")?;
        let max = a.byte("max").ok_or("needs a max")?;
        Ok(Operation::Threshold { value, max, otsu: a.flag("otsu") })
    },
};

pub(super) const ADAPTIVE_THRESHOLD: Entry<Operation> = Entry {
    name: "adaptive_threshold",
    group: Group::Vision,
    aliases: &[],
    summary: "luma above that of its neighbourhood becomes max, other 0, as cv2.adaptiveThreshold",
    pixels: "gray; RGB becomes one channel; with alpha it stays RGBA of equal colours",
    parameters: &[
        Parameter {
            name: "block",
            alias: Some("block_size"),
            kind: Kind::Odd { min: 3, max: 1023 },
            absent: Absent::Means(Value::Integer(11)),
            unit: Unit::Pixels,
            help: "side of the neighbourhood in pixels",
        },
        Parameter {
            name: "c",
            alias: None,
            kind: Kind::Number { min: -255.0, max: 255.0 },
            absent: Absent::Means(Value::Number(2.0)),
            unit: Unit::Levels,
            help: "subtracted from the neighbourhood's value",
        },
        Parameter {
            name: "method",
            alias: None,
            kind: Kind::Choice(AdaptiveMethod::WORDS),
            absent: Absent::Means(Value::Word("mean")),
            unit: Unit::None,
            help: "how the neighbourhood is weighted",
        },
        level("max", None, 255),
    ],
    example: "adaptive_threshold:31,5,gaussian -> png",
    build: |a| {
        let block = a.size("block").ok_or("needs a block")?;
        let c = a.number("c").ok_or("needs a c")?;
        let method = chosen(AdaptiveMethod::WORDS, &AdaptiveMethod::ALL, a.word("method"))?;
        let max = a.byte("max").ok_or("needs a max")?;
        Ok(Operation::AdaptiveThreshold(Adaptive { method, block, c, max }))
    },
};

pub(super) const LINES: Entry<Operation> = Entry {
    name: "lines",
    group: Group::Vision,
    aliases: &["line_detection"],
    summary: "straight lines drawn green: Canny on luma, cv2.HoughLines of 1 px and 1°, thickness 2",
    pixels: "gray becomes RGB; alpha is ignored when looking, lines are drawn opaque",
    parameters: &[
        gradient("low", 50, LOW_HELP),
        gradient("high", 150, HIGH_HELP),
        Parameter {
            name: "votes",
            alias: Some("threshold"),
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            absent: Absent::Means(Value::Integer(200)),
            unit: Unit::None,
            help: "a line has more edge pixels than this",
        },
        Parameter {
            name: "length",
            alias: None,
            kind: Kind::Choice(Length::WORDS),
            absent: Absent::Means(Value::Word("prototype")),
            unit: Unit::None,
            help: "prototype: 1000 px to both sides of the point nearest to the top left corner; \
                   full: from edge to edge",
        },
    ],
    example: "lines:votes=150,length=full",
    build: |a| Lines::build(a).map(Operation::Lines),
};

pub(super) const CONTOURS: Entry<Operation> = Entry {
    name: "contours",
    group: Group::Vision,
    aliases: &["frame_contour_detection"],
    summary: "contours of what is lighter than a value, drawn green as cv2.drawContours, thickness 2",
    pixels: "gray becomes RGB; alpha is ignored when looking, contours are drawn opaque",
    parameters: &[level("value", Some("threshold"), 127)],
    example: "contours:value=100",
    build: |a| Ok(Operation::Contours { value: a.byte("value").ok_or("needs a value")? }),
};
