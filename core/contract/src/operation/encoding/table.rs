//! The table of the encodings.

use super::{
    COLOURS, COMPONENTS, Carry, Effort, Encoding, Icc, JPEG_QUALITY, Metadata, Subsampling,
    WEBP_EFFORT, WEBP_QUALITY,
};
use crate::operation::Lines;
use crate::operation::chosen;
use crate::operation::table::{Absent, Arguments, Entry, Group, Kind, Parameter, Unit, Value};
use crate::operation::vision::{CONTOURS, LINES};

/// A whole number from a small range.
const fn number(
    name: &'static str,
    (min, max): (u8, u8),
    default: u8,
    help: &'static str,
) -> Parameter {
    let kind = Kind::Integer { min: min as i64, max: max as i64 };
    let absent = Absent::Means(Value::Integer(default as i64));
    Parameter { name, alias: None, kind, absent, unit: Unit::None, help }
}

const fn quality(default: u8, help: &'static str) -> Parameter {
    Parameter { alias: Some("q"), ..number("quality", (1, 100), default, help) }
}

const ICC: Parameter = Parameter {
    name: "icc",
    alias: None,
    kind: Kind::Choice(Icc::WORDS),
    absent: Absent::Derived("srgb; keep where metadata is kept"),
    unit: Unit::None,
    help: "srgb converts the colours to sRGB before the first operation, keep leaves them and \
           carries the profile on",
};

const METADATA: Parameter = Parameter {
    name: "metadata",
    alias: None,
    kind: Kind::Choice(Metadata::WORDS),
    absent: Absent::Means(Value::Word("none")),
    unit: Unit::None,
    help: "none drops everything, copyright keeps Exif's artist and copyright, all keeps Exif \
           and XMP, places and names included",
};

/// A number that the table keeps inside a byte.
fn byte(a: &Arguments, name: &str) -> Result<u8, String> {
    let value = a.integer(name).and_then(|n| u8::try_from(n).ok());
    value.ok_or_else(|| format!("needs {name}"))
}

fn carry(a: &Arguments) -> Result<Carry, String> {
    let metadata = chosen(Metadata::WORDS, &Metadata::ALL, a.word("metadata"))?;
    let icc = match a.word("icc") {
        None => Icc::without_word(metadata),
        word => chosen(Icc::WORDS, &Icc::ALL, word)?,
    };
    Ok(Carry { icc, metadata })
}

fn build_jpeg(a: &Arguments) -> Result<Encoding, String> {
    Ok(Encoding::Jpeg {
        quality: byte(a, "quality")?,
        subsampling: chosen(Subsampling::WORDS, &Subsampling::ALL, a.word("subsampling"))?,
        progressive: a.flag("progressive"),
        carry: carry(a)?,
    })
}

fn build_webp(a: &Arguments) -> Result<Encoding, String> {
    Ok(Encoding::Webp {
        quality: byte(a, "quality")?,
        lossless: a.flag("lossless"),
        effort: byte(a, "effort")?,
        carry: carry(a)?,
    })
}

const JPEG: Entry<Encoding> = Entry {
    name: "jpeg",
    group: Group::Picture,
    aliases: &["jpg"],
    summary: "JPEG; a picture with alpha is laid over white",
    pixels: "gray is written as one channel; alpha is laid over white",
    parameters: &[
        quality(JPEG_QUALITY, "libjpeg's quality"),
        Parameter {
            name: "subsampling",
            alias: Some("chroma"),
            kind: Kind::Choice(Subsampling::WORDS),
            absent: Absent::Means(Value::Word("420")),
            unit: Unit::None,
            help: "resolution of the colours: 420 halves it both ways, 422 across, 444 keeps it",
        },
        Parameter {
            name: "progressive",
            alias: None,
            kind: Kind::Flag,
            absent: Absent::Means(Value::Flag(false)),
            unit: Unit::None,
            help: "several scans that get finer: smaller, but slower to make and to read",
        },
        ICC,
        METADATA,
    ],
    example: "resize:1600 -> jpeg:q=85",
    build: build_jpeg,
};

const WEBP: Entry<Encoding> = Entry {
    name: "webp",
    group: Group::Picture,
    aliases: &[],
    summary: "WebP; alpha is kept",
    pixels: "gray is written as RGB; alpha is kept",
    parameters: &[
        quality(WEBP_QUALITY, "libwebp's quality; says nothing where lossless"),
        Parameter {
            name: "lossless",
            alias: None,
            kind: Kind::Flag,
            absent: Absent::Means(Value::Flag(false)),
            unit: Unit::None,
            help: "keep every visible pixel as it is",
        },
        number("effort", (0, 6), WEBP_EFFORT, "libwebp's method: time against size"),
        ICC,
        METADATA,
    ],
    example: "resize:1600 -> webp:q=80",
    build: build_webp,
};

/// Every encoding. Without one, an output keeps its source's format.
pub static ENCODINGS: &[Entry<Encoding>] = &[
    JPEG,
    Entry {
        name: "png",
        group: Group::Picture,
        aliases: &[],
        summary: "PNG",
        pixels: "gray is written as one channel; alpha is kept",
        parameters: &[
            Parameter {
                name: "effort",
                alias: None,
                kind: Kind::Choice(Effort::WORDS),
                absent: Absent::Means(Value::Word("fast")),
                unit: Unit::None,
                help: "fast compresses for speed, small for size, with a palette for at most 256 \
                       colours",
            },
            ICC,
            METADATA,
        ],
        example: "grayscale -> png",
        build: |a| {
            let effort = chosen(Effort::WORDS, &Effort::ALL, a.word("effort"))?;
            Ok(Encoding::Png { effort, carry: carry(a)? })
        },
    },
    WEBP,
    Entry {
        name: "auto",
        group: Group::Picture,
        aliases: &[],
        summary: "PNG for pictures with transparency or few colours, JPEG for others",
        pixels: "PNG if any pixel is transparent, or for at most 256 colours (gray: 16 levels); else JPEG",
        parameters: &[quality(JPEG_QUALITY, "the quality of a JPEG"), ICC, METADATA],
        example: "resize:1600 -> auto",
        build: |a| Ok(Encoding::Auto { quality: byte(a, "quality")?, carry: carry(a)? }),
    },
    Entry {
        name: "info",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: size and channels of the result; format, size and metadata of the source",
        pixels: "any; none are written",
        parameters: &[],
        example: "rotate:0 -> info",
        build: |_| Ok(Encoding::Info),
    },
    Entry {
        name: "palette",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: the dominant colours and their shares",
        pixels: "pixels that are more transparent than not are left out",
        parameters: &[number("count", (1, 32), COLOURS, "how many colours at most")],
        example: "rotate:0 -> palette:count=5",
        build: |a| Ok(Encoding::Palette { count: byte(a, "count")? }),
    },
    Entry {
        name: "blurhash",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: a BlurHash, a placeholder of some twenty characters",
        pixels: "alpha is laid over white",
        parameters: &[
            number("x", (1, 9), COMPONENTS.0, "components across"),
            number("y", (1, 9), COMPONENTS.1, "components down"),
        ],
        example: "rotate:0 -> blurhash",
        build: |a| Ok(Encoding::Blurhash { across: byte(a, "x")?, down: byte(a, "y")? }),
    },
    Entry {
        name: "phash",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: a perceptual hash of 64 bits; of pictures that look alike few bits differ",
        pixels: "alpha is laid over white",
        parameters: &[],
        example: "rotate:0 -> phash",
        build: |_| Ok(Encoding::Phash),
    },
    Entry {
        name: "lines",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: the lines that the operation `lines` draws, how many, and of the 1000 with \
                  the most votes distance, angle in radians and both ends inside of the picture",
        pixels: "luma is looked at, alpha is ignored",
        parameters: LINES.parameters,
        example: "resize:1600 -> lines:votes=150,length=full",
        build: |a| Lines::build(a).map(Encoding::Lines),
    },
    Entry {
        name: "contours",
        group: Group::Facts,
        aliases: &[],
        summary: "JSON: the contours that the operation `contours` draws, how many, and of the 1000 \
                  largest the box, the points (cv2.CHAIN_APPROX_SIMPLE) and whether it is a hole",
        pixels: "luma is looked at, alpha is ignored",
        parameters: CONTOURS.parameters,
        example: "blur:5 -> contours:value=100",
        build: |a| Ok(Encoding::Contours { value: byte(a, "value")? }),
    },
];
