//! The operation that lays another picture over the picture: composite.

use super::table::{Absent, Entry, Group, Kind, Parameter, Unit, Value};
use super::{MAX_SIDE, Operation, chosen, worded};

/// The parameters of [`Operation::Composite`].
#[derive(Debug, Clone, PartialEq)]
pub struct Composite {
    /// Which picture: in a job a key below `overlays/`, on a command line the path of a file.
    pub image: String,
    /// Where it lies.
    pub gravity: Gravity,
    /// Distance from the gravity's edge, or from the middle to the right, in pixels.
    pub left: u32,
    /// Distance from the gravity's edge, or from the middle downwards, in pixels.
    pub top: u32,
    /// How much of it is seen, 0 to 1.
    pub opacity: f64,
    /// Whether it is repeated in all directions.
    pub tile: bool,
}

impl Composite {
    pub(super) fn values(&self) -> Vec<(&'static str, Option<Value<'_>>)> {
        vec![
            ("image", Some(Value::Text(&self.image))),
            ("gravity", worded(Gravity::WORDS, &Gravity::ALL, self.gravity)),
            ("left", Some(self.left.into())),
            ("top", Some(self.top.into())),
            ("opacity", Some(Value::Number(self.opacity))),
            ("tile", Some(Value::Flag(self.tile))),
        ]
    }
}

/// The part of a picture where an overlay lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// The middle.
    Centre,
    /// The middle of the top edge.
    North,
    /// The corner at the top right.
    Northeast,
    /// The middle of the right edge.
    East,
    /// The corner at the bottom right.
    Southeast,
    /// The middle of the bottom edge.
    South,
    /// The corner at the bottom left.
    Southwest,
    /// The middle of the left edge.
    West,
    /// The corner at the top left.
    Northwest,
}

impl Gravity {
    const WORDS: &[&str] = &[
        "centre",
        "north",
        "northeast",
        "east",
        "southeast",
        "south",
        "southwest",
        "west",
        "northwest",
        "center",
    ];
    const ALL: [Self; 10] = [
        Self::Centre,
        Self::North,
        Self::Northeast,
        Self::East,
        Self::Southeast,
        Self::South,
        Self::Southwest,
        Self::West,
        Self::Northwest,
        Self::Centre,
    ];
}

/// A distance in pixels.
const fn offset(name: &'static str, help: &'static str) -> Parameter {
    let kind = Kind::Integer { min: 0, max: MAX_SIDE };
    Parameter {
        name,
        alias: None,
        kind,
        absent: Absent::Means(Value::Integer(0)),
        unit: Unit::Pixels,
        help,
    }
}

pub(super) const COMPOSITE: Entry<Operation> = Entry {
    name: "composite",
    group: Group::Geometry,
    aliases: &["watermark"],
    summary: "another picture laid over this one, cut off at this one's edges",
    pixels: "source-over on colours that are not multiplied by alpha, each sample rounded to the \
             nearest, which is within 1 of Pillow's alpha_composite; a gray picture becomes RGB unless the overlay is gray without alpha",
    parameters: &[
        Parameter {
            name: "image",
            alias: None,
            kind: Kind::Text,
            absent: Absent::Refused,
            unit: Unit::None,
            help: "a file, seen from the working directory or the recipe's file; in jobs a key \
                   below overlays/",
        },
        Parameter {
            name: "gravity",
            alias: None,
            kind: Kind::Choice(Gravity::WORDS),
            absent: Absent::Means(Value::Word("southeast")),
            unit: Unit::None,
            help: "where it lies",
        },
        offset("left", "distance from the gravity's edge, or from the middle to the right"),
        offset("top", "distance from the gravity's edge, or from the middle downwards"),
        Parameter {
            name: "opacity",
            alias: None,
            kind: Kind::Number { min: 0.0, max: 1.0 },
            absent: Absent::Means(Value::Number(1.0)),
            unit: Unit::None,
            help: "how much of it is seen",
        },
        Parameter {
            name: "tile",
            alias: None,
            kind: Kind::Flag,
            absent: Absent::Means(Value::Flag(false)),
            unit: Unit::None,
            help: "repeat it in all directions",
        },
    ],
    example: "composite:image=samples/drawings/logo-alpha.png,left=16,top=16,opacity=0.5 -> jpeg",
    build: |a| {
        let gravity = chosen(Gravity::WORDS, &Gravity::ALL, a.word("gravity"))?;
        Ok(Operation::Composite(Composite {
            image: a.text("image").ok_or("needs an image")?.to_owned(),
            gravity,
            left: a.size("left").ok_or("needs a left")?,
            top: a.size("top").ok_or("needs a top")?,
            opacity: a.number("opacity").ok_or("needs an opacity")?,
            tile: a.flag("tile"),
        }))
    },
};
