//! What is written about a picture instead of the picture: small JSON documents.
//!
//! Nothing here changes pixels. Transparent pictures are looked at as if they lay on white, as
//! people see them on a page; lines and contours ignore alpha, as the operations do that draw them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sums are narrowed to the range that is stated beside them; sides fit 32 bits"
)]

mod blurhash;
mod listed;
mod palette;
mod phash;
mod reduce;

use pixmill_contract::operation::Lines;
use pixmill_contract::{Encoding, Format};
use serde_json::{Value as Json, json};

use listed::Listed;

use crate::codec::carry::Belongings;
use crate::codec::exif;
use crate::header::Header;
use crate::kernel::{hough, trace};
use crate::shape::{Layout, Shape};

/// The longest of the documents, in bytes, with room to spare.
pub(crate) const MAX_BYTES: usize = 128 * 1024;

/// What making the largest of them allocates, in bytes.
pub(crate) const WORKING_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of scratch that looking for what an encoding tells needs.
pub(crate) fn scratch_bytes(encoding: Encoding, shape: Shape) -> usize {
    match encoding {
        Encoding::Lines(_) => hough::scratch_bytes(shape),
        Encoding::Contours { .. } => trace::scratch_bytes(shape),
        Encoding::Same
        | Encoding::Auto { .. }
        | Encoding::Jpeg { .. }
        | Encoding::Png { .. }
        | Encoding::Webp { .. }
        | Encoding::Info
        | Encoding::Palette { .. }
        | Encoding::Blurhash { .. }
        | Encoding::Phash => 0,
    }
}

/// What [`Facts::info`] tells about.
pub(crate) struct Facts<'a> {
    /// The finished picture.
    pub(crate) shape: Shape,
    /// The source's header.
    pub(crate) header: &'a Header,
    /// The source's metadata.
    pub(crate) belongings: &'a Belongings<'a>,
}

impl Facts<'_> {
    /// Sides and channels of the result; format, sides, channels, orientation and metadata of the
    /// source. Whether there is a place is told, not which.
    pub(crate) fn info(&self) -> Vec<u8> {
        let Self { shape, header, belongings } = self;
        let exif = belongings.exif.and_then(exif::facts);
        let has_place = exif.as_ref().is_some_and(|facts| facts.has_place);
        let said = exif.map(|facts| {
            let texts = facts.texts.into_iter().map(|(name, text)| (name.to_owned(), text.into()));
            Json::Object(texts.collect())
        });
        document(&json!({
            "width": shape.width,
            "height": shape.height,
            "channels": shape.layout.channels(),
            "alpha": shape.layout == Layout::Rgba,
            "source": {
                "format": Format::as_str(header.format),
                "width": header.width,
                "height": header.height,
                "channels": if header.ink { 4 } else { header.channels },
                "cmyk": header.ink,
                "turned": header.orientation.mirrored || header.orientation.quarter_turns != 0,
                "icc": header.profile,
                "exif": said,
                "gps": has_place,
                "xmp": belongings.xmp.is_some(),
            },
        }))
    }
}

/// The dominant colours, the most frequent first.
pub(crate) fn palette(shape: Shape, pixels: &[u8], count: usize) -> Vec<u8> {
    let colours = palette::dominant(&reduce::picked(shape, pixels), count);
    let colours: Vec<Json> = colours
        .iter()
        .map(|(colour, share)| json!({ "colour": hex(*colour), "share": share }))
        .collect();
    document(&json!({ "width": shape.width, "height": shape.height, "palette": colours }))
}

/// A `BlurHash` of the given numbers of components.
pub(crate) fn blurhash(shape: Shape, pixels: &[u8], components: (u8, u8)) -> Vec<u8> {
    let hash = blurhash::hash(&reduce::averaged(shape, pixels, (64, 64)), components);
    document(&json!({ "width": shape.width, "height": shape.height, "blurhash": hash }))
}

/// A perceptual hash of 64 bits, in hexadecimal.
pub(crate) fn phash(shape: Shape, pixels: &[u8]) -> Vec<u8> {
    let hash = phash::hash(&reduce::averaged(shape, pixels, (phash::SIDE, phash::SIDE)));
    let hash = format!("{hash:016x}");
    document(&json!({ "width": shape.width, "height": shape.height, "phash": hash }))
}

/// The lines that are drawn, those with the most votes first: `OpenCV`'s order.
pub(crate) fn lines(shape: Shape, pixels: &[u8], lines: Lines, scratch: &mut [u8]) -> Vec<u8> {
    let mut most = Listed::by(|line: &hough::Line| u64::from(line.votes));
    let (edges, rest) = hough::edges(shape, pixels, lines, scratch);
    let list = hough::list(shape, edges, rest);
    hough::find(shape, list, lines.votes, |line| most.add(line));
    let told = |line: &hough::Line| {
        let (from, to) = hough::visible_ends(shape, *line, lines.length).unzip();
        let theta = hough::radians(*line);
        json!({ "rho": line.rho, "theta": theta, "votes": line.votes, "from": from, "to": to })
    };
    let (total, found) = most.first();
    let found: Vec<Json> = found.iter().map(told).collect();
    document(&json!({
        "width": shape.width, "height": shape.height, "total": total, "lines": found,
    }))
}

/// The contours that are drawn, those with the largest boxes first.
pub(crate) fn contours(shape: Shape, pixels: &[u8], value: u8, scratch: &mut [u8]) -> Vec<u8> {
    let area = |trace::Contour { part, .. }: &trace::Contour| {
        u64::from(part.width) * u64::from(part.height)
    };
    let mut largest = Listed::by(area);
    trace::find(shape, pixels, value, scratch, |contour| largest.add(contour));
    let told = |contour: &trace::Contour| {
        let trace::Contour { part, points, hole } = contour;
        json!({
            "left": part.left, "top": part.top, "width": part.width, "height": part.height,
            "points": points, "hole": hole,
        })
    };
    let (total, found) = largest.first();
    let found: Vec<Json> = found.iter().map(told).collect();
    document(&json!({
        "width": shape.width, "height": shape.height, "total": total, "contours": found,
    }))
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The bytes of a document, with a line's end.
fn document(json: &Json) -> Vec<u8> {
    let mut text = json.to_string();
    text.push('\n');
    text.into_bytes()
}
