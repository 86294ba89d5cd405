//! Operations that change where pixels are: resize, crop, rotate, flip, pad, trim.

use super::table::{Absent, Entry, Group, Kind, Parameter, Unit, Value};
use super::{Color, MAX_SIDE, Operation, chosen, worded};

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

impl Resize {
    pub(super) fn values(self) -> Vec<(&'static str, Option<Value<'static>>)> {
        vec![
            ("width", self.width.map(Value::from)),
            ("height", self.height.map(Value::from)),
            ("fit", worded(Fit::WORDS, &Fit::ALL, self.fit)),
            ("filter", worded(Filter::WORDS, &Filter::ALL, self.filter)),
            ("enlarge", Some(Value::Flag(self.enlarge))),
        ]
    }
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
    pub(super) const WORDS: &[&str] = &["0", "90", "180", "270", "-90", "-180", "-270"];
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
    pub(super) const WORDS: &[&str] = &["horizontal", "vertical"];
    pub(crate) const ALL: [Self; 2] = [Self::Horizontal, Self::Vertical];
}

/// The parameters of [`Operation::Pad`]: pixels added to each side. At least one is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad {
    /// Rows above.
    pub top: u32,
    /// Columns to the right.
    pub right: u32,
    /// Rows below.
    pub bottom: u32,
    /// Columns to the left.
    pub left: u32,
    /// What they are filled with.
    pub color: Color,
}

impl Pad {
    pub(super) fn values(self) -> Vec<(&'static str, Option<Value<'static>>)> {
        vec![
            ("top", Some(self.top.into())),
            ("right", Some(self.right.into())),
            ("bottom", Some(self.bottom.into())),
            ("left", Some(self.left.into())),
            ("color", Some(Value::Color(self.color))),
        ]
    }
}

/// A side of a picture or rectangle in pixels.
const fn side(name: &'static str, absent: Absent, help: &'static str) -> Parameter {
    Parameter {
        name,
        alias: None,
        kind: Kind::Integer { min: 1, max: MAX_SIDE },
        absent,
        unit: Unit::Pixels,
        help,
    }
}

/// A distance in pixels.
const fn offset(name: &'static str, absent: Absent, help: &'static str) -> Parameter {
    Parameter {
        name,
        alias: None,
        kind: Kind::Integer { min: 0, max: MAX_SIDE },
        absent,
        unit: Unit::Pixels,
        help,
    }
}

/// Pixels that are added to a side.
const fn border(name: &'static str, help: &'static str) -> Parameter {
    offset(name, Absent::Means(Value::Integer(0)), help)
}

const CENTRED: Absent = Absent::Derived("centred");

pub(super) const RESIZE: Entry<Operation> = Entry {
    name: "resize",
    group: Group::Geometry,
    aliases: &[],
    summary: "another size; a picture never grows unless asked",
    pixels: "gray, RGB; with alpha on colours multiplied by it, so that nothing bleeds",
    parameters: &[
        side("width", Absent::Derived("from height"), "target width in pixels"),
        side("height", Absent::Derived("from width"), "target height in pixels"),
        Parameter {
            name: "fit",
            alias: None,
            kind: Kind::Choice(Fit::WORDS),
            absent: Absent::Means(Value::Word("inside")),
            unit: Unit::None,
            help: "with both sides: inside keeps proportions, cover crops what stands over, \
                   fill stretches, exact stretches and refuses to leave it smaller",
        },
        Parameter {
            name: "filter",
            alias: None,
            kind: Kind::Choice(Filter::WORDS),
            absent: Absent::Means(Value::Word("lanczos3")),
            unit: Unit::None,
            help: "resampling filter",
        },
        Parameter {
            name: "enlarge",
            alias: None,
            kind: Kind::Flag,
            absent: Absent::Means(Value::Flag(false)),
            unit: Unit::None,
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
};

pub(super) const CROP: Entry<Operation> = Entry {
    name: "crop",
    group: Group::Geometry,
    aliases: &["extract"],
    summary: "a rectangle of the picture; one that reaches outside is refused",
    pixels: "moved, never changed",
    parameters: &[
        side("width", Absent::Refused, "width of the rectangle in pixels"),
        side("height", Absent::Refused, "height of the rectangle in pixels"),
        offset("left", CENTRED, "distance from the left edge in pixels"),
        offset("top", CENTRED, "distance from the top edge in pixels"),
    ],
    example: "crop:640,480,left=10,top=20",
    build: |a| {
        let width = a.size("width").ok_or("needs a width")?;
        let height = a.size("height").ok_or("needs a height")?;
        Ok(Operation::Crop { width, height, left: a.size("left"), top: a.size("top") })
    },
};

pub(super) const ROTATE: Entry<Operation> = Entry {
    name: "rotate",
    group: Group::Geometry,
    aliases: &[],
    summary: "a turn clockwise, without loss",
    pixels: "moved, never changed",
    parameters: &[Parameter {
        name: "angle",
        alias: None,
        kind: Kind::Choice(QuarterTurns::WORDS),
        absent: Absent::Refused,
        unit: Unit::Degrees,
        help: "degrees clockwise",
    }],
    example: "rotate:90",
    build: |a| {
        chosen(QuarterTurns::WORDS, &QuarterTurns::ALL, a.word("angle")).map(Operation::Rotate)
    },
};

pub(super) const FLIP: Entry<Operation> = Entry {
    name: "flip",
    group: Group::Geometry,
    aliases: &["mirror"],
    summary: "a mirror image",
    pixels: "moved, never changed",
    parameters: &[Parameter {
        name: "axis",
        alias: Some("direction"),
        kind: Kind::Choice(Axis::WORDS),
        absent: Absent::Means(Value::Word("vertical")),
        unit: Unit::None,
        help: "vertical: top and bottom change places; horizontal: left and right do",
    }],
    example: "flip:horizontal",
    build: |a| chosen(Axis::WORDS, &Axis::ALL, a.word("axis")).map(Operation::Flip),
};

pub(super) const PAD: Entry<Operation> = Entry {
    name: "pad",
    group: Group::Geometry,
    aliases: &["extend"],
    summary: "pixels of one colour around the picture",
    pixels: "gray stays gray for an opaque gray colour and becomes RGB for another; a colour that \
             is not opaque makes the picture RGBA",
    parameters: &[
        border("top", "rows above, in pixels"),
        border("right", "columns to the right, in pixels"),
        border("bottom", "rows below, in pixels"),
        border("left", "columns to the left, in pixels"),
        Parameter {
            name: "color",
            alias: Some("background"),
            kind: Kind::Color,
            absent: Absent::Means(Value::Color(Color::BLACK)),
            unit: Unit::None,
            help: "what they are filled with",
        },
    ],
    example: "pad:10,20,10,20,color=#ffffff",
    build: |a| {
        let border = |name| a.size(name).ok_or("needs four borders");
        let (top, right) = (border("top")?, border("right")?);
        let (bottom, left) = (border("bottom")?, border("left")?);
        if [top, right, bottom, left] == [0; 4] {
            return Err("needs a side that is not 0".into());
        }
        let color = a.color("color").ok_or("needs a color")?;
        Ok(Operation::Pad(Pad { top, right, bottom, left, color }))
    },
};

pub(super) const TRIM: Entry<Operation> = Entry {
    name: "trim",
    group: Group::Geometry,
    aliases: &[],
    summary: "takes off borders that look like one colour; a picture that looks like nothing else \
              is left as it is",
    pixels: "moved, never changed; alpha is compared as well, colours as far as they are visible",
    parameters: &[
        Parameter {
            name: "threshold",
            alias: None,
            kind: Kind::Integer { min: 0, max: 255 },
            absent: Absent::Means(Value::Integer(10)),
            unit: Unit::Levels,
            help: "samples that are further from the colour than this belong to the picture",
        },
        Parameter {
            name: "color",
            alias: Some("background"),
            kind: Kind::Color,
            absent: Absent::Derived("that of the pixel at the top left"),
            unit: Unit::None,
            help: "what borders look like",
        },
    ],
    example: "trim:threshold=20 | resize:800 -> jpeg",
    build: |a| {
        let threshold = a.byte("threshold").ok_or("needs a threshold")?;
        Ok(Operation::Trim { threshold, color: a.color("color") })
    },
};
