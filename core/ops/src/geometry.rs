//! Sizes: what resize and crop do to them, and at which scale a JPEG is decoded for them.
//!
//! Pure functions of numbers. Everything that can be refused because of a size is refused here,
//! before a pixel exists.

use pixmill_contract::operation::{Composite, Fit, Gravity, Pad, Resize};
use pixmill_contract::{RejectCode, Rejection};

use crate::kernel::composite::{OPAQUE, Placing};

/// A part of a picture, as fractions of its sides, so that it means the same at every scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Window {
    /// All of it.
    pub(crate) const WHOLE: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

    /// A part of the given fractions around the centre.
    fn centred(width: f64, height: f64) -> Self {
        Self { left: (1.0 - width) / 2.0, top: (1.0 - height) / 2.0, width, height }
    }
}

/// What a resize comes down to for a picture of a given size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resized {
    /// The size is right already.
    Kept,
    /// The pixels are right already, but there are too many: a rectangle in pixels is left.
    Cropped(Rectangle),
    /// New pixels are made from those of a window.
    Resampled {
        /// New width in pixels.
        width: u32,
        /// New height in pixels.
        height: u32,
        /// What part of the picture they show.
        window: Window,
    },
}

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Resolves a resize for a picture of `width`×`height` pixels.
///
/// Unless `enlarge` is asked for, no side grows: a target larger than the picture leaves it as it
/// is (`fill` side by side), and `exact` is refused. Proportional sides are rounded half up and
/// are at least 1.
pub(crate) fn resize((width, height): (u32, u32), to: &Resize) -> Result<Resized, Rejection> {
    let cap = |target: u32, side: u32| if to.enlarge { target } else { target.min(side) };
    let (new_width, new_height) = match (to.width, to.height) {
        (None, None) => (width, height),
        (Some(target), None) => {
            let new = cap(target, width);
            (new, proportional(height, new, width))
        }
        (None, Some(target)) => {
            let new = cap(target, height);
            (proportional(width, new, height), new)
        }
        (Some(w), Some(h)) => match to.fit {
            Fit::Inside => inside((width, height), (w, h), to.enlarge),
            Fit::Cover => return Ok(cover((width, height), (w, h), to.enlarge)),
            Fit::Fill => (cap(w, width), cap(h, height)),
            Fit::Exact if !to.enlarge && (w > width || h > height) => {
                let reason = format!("a picture of {width}×{height} cannot shrink to {w}×{h}");
                return Err(Rejection::new(RejectCode::Inapplicable, reason));
            }
            Fit::Exact => (w, h),
        },
    };
    if (new_width, new_height) == (width, height) {
        return Ok(Resized::Kept);
    }
    Ok(Resized::Resampled { width: new_width, height: new_height, window: Window::WHOLE })
}

/// The largest sides that a resize may give to what a trim leaves of a picture of these sides.
///
/// A narrow rest that is enlarged to a width may get any height; what is given then is what the
/// whole picture would get.
pub(crate) fn most_of_resize((width, height): (u32, u32), to: &Resize) -> (u32, u32) {
    let most = |(target, side): (Option<u32>, u32), (other, other_side): (Option<u32>, u32)| match (
        target, other,
    ) {
        (Some(target), _) if to.enlarge => target,
        (Some(target), _) => target.min(side),
        (None, Some(other)) if to.enlarge => proportional(side, other, other_side).max(side),
        (None, _) => side,
    };
    let (across, down) = ((to.width, width), (to.height, height));
    (most(across, down), most(down, across))
}

/// The largest size of the picture's proportions that fits into the target.
fn inside((width, height): (u32, u32), (w, h): (u32, u32), enlarge: bool) -> (u32, u32) {
    if !enlarge && w >= width && h >= height {
        return (width, height);
    }
    if u64::from(w) * u64::from(height) <= u64::from(h) * u64::from(width) {
        (w, proportional(height, w, width))
    } else {
        (proportional(width, h, height), h)
    }
}

/// The centre of the picture, scaled so that it just covers the target; at most as large as it is.
fn cover((width, height): (u32, u32), (w, h): (u32, u32), enlarge: bool) -> Resized {
    let would_grow = w > width || h > height;
    if (w >= width || h >= height) && !(enlarge && would_grow) {
        let (w, h) = (w.min(width), h.min(height));
        if (w, h) == (width, height) {
            return Resized::Kept;
        }
        let (left, top) = ((width - w) / 2, (height - h) / 2);
        return Resized::Cropped(Rectangle { left, top, width: w, height: h });
    }
    let (across, down) = (f64::from(w) / f64::from(width), f64::from(h) / f64::from(height));
    let scale = across.max(down);
    let window = Window::centred(across / scale, down / scale);
    Resized::Resampled { width: w, height: h, window }
}

/// `side` × `numerator` / `denominator`, rounded half up, at least 1.
fn proportional(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = 2 * u128::from(denominator);
    let doubled = 2 * u128::from(side) * u128::from(numerator) + denominator / 2;
    u32::try_from(doubled / denominator).unwrap_or(u32::MAX).max(1)
}

/// Resolves a crop for a picture of `width`×`height` pixels: centred where no place is given,
/// refused where it reaches outside.
pub(crate) fn crop(
    (width, height): (u32, u32),
    (w, h): (u32, u32),
    (left, top): (Option<u32>, Option<u32>),
) -> Result<Rectangle, Rejection> {
    let place = |start: Option<u32>, extent: u32, side: u32| {
        let start = start.unwrap_or(side.saturating_sub(extent) / 2);
        (u64::from(start) + u64::from(extent) <= u64::from(side)).then_some(start)
    };
    let (Some(left), Some(top)) = (place(left, w, width), place(top, h, height)) else {
        let at = |start: Option<u32>| start.map_or("centre".to_owned(), |start| start.to_string());
        let reason = format!(
            "a crop of {w}×{h} at {},{} reaches outside of {width}×{height}",
            at(left),
            at(top),
        );
        return Err(Rejection::new(RejectCode::Inapplicable, reason));
    };
    Ok(Rectangle { left, top, width: w, height: h })
}

/// Where an overlay lies on a picture, given the sizes of both: the picture first.
pub(crate) fn placing(
    [(width, height), (w, h)]: [(u32, u32); 2],
    composite: &Composite,
) -> Placing {
    use Gravity::{Centre, East, North, Northeast, Northwest, South, Southeast, Southwest, West};
    let gravity = composite.gravity;
    let place = |side: u32, extent: u32, offset: u32, at_end: bool, at_start: bool| {
        let (room, offset) = (i64::from(side) - i64::from(extent), i64::from(offset));
        match (at_end, at_start) {
            (true, _) => room - offset,
            (_, true) => offset,
            _ => room.div_euclid(2) + offset,
        }
    };
    let (right, left) = match gravity {
        Northeast | East | Southeast => (true, false),
        Northwest | West | Southwest => (false, true),
        Centre | North | South => (false, false),
    };
    let (bottom, top) = match gravity {
        Southeast | South | Southwest => (true, false),
        Northeast | North | Northwest => (false, true),
        Centre | East | West => (false, false),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the table keeps opacity between 0 and 1"
    )]
    let opacity = (composite.opacity * OPAQUE as f64).round() as u64;
    Placing {
        left: place(width, w, composite.left, right, left),
        top: place(height, h, composite.top, bottom, top),
        opacity,
        tile: composite.tile,
    }
}

/// The size of a picture with pixels added to its sides; far too large is as large as can be said.
pub(crate) fn pad((width, height): (u32, u32), pad: &Pad) -> (u32, u32) {
    (
        width.saturating_add(pad.left).saturating_add(pad.right),
        height.saturating_add(pad.top).saturating_add(pad.bottom),
    )
}

/// A scale at which libjpeg decodes: the inverse DCT makes fewer samples of each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Every pixel.
    Full,
    /// One in two of each side.
    Half,
    /// One in four of each side.
    Quarter,
    /// One in eight of each side.
    Eighth,
}

/// How much larger than its target a picture has to be decoded, so that the resampling filter,
/// and not the inverse DCT, decides what it looks like.
const MARGIN: f64 = 1.9;

impl Scale {
    /// 1, 2, 4 or 8.
    pub(crate) fn denominator(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// A side at this scale, rounded up as libjpeg does.
    pub(crate) fn of(self, side: u32) -> u32 {
        side.div_ceil(self.denominator())
    }

    /// The smallest scale whose window is still [`MARGIN`] times as large as the target.
    ///
    /// It depends on the picture and this one target alone, never on other outputs.
    pub(crate) fn for_target(
        (width, height): (u32, u32),
        (target_width, target_height): (u32, u32),
        window: Window,
    ) -> Self {
        let ample = |scale: &Self| {
            let across = f64::from(scale.of(width)) * window.width;
            let down = f64::from(scale.of(height)) * window.height;
            across >= MARGIN * f64::from(target_width) && down >= MARGIN * f64::from(target_height)
        };
        [Self::Eighth, Self::Quarter, Self::Half].into_iter().find(ample).unwrap_or(Self::Full)
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::operation::Filter;
    use proptest::prelude::*;

    use super::*;

    fn to(width: Option<u32>, height: Option<u32>, fit: Fit, enlarge: bool) -> Resize {
        Resize { width, height, fit, filter: Filter::Lanczos3, enlarge }
    }

    fn size(from: (u32, u32), to: &Resize) -> (u32, u32) {
        match resize(from, to).unwrap() {
            Resized::Kept => from,
            Resized::Cropped(rectangle) => (rectangle.width, rectangle.height),
            Resized::Resampled { width, height, .. } => (width, height),
        }
    }

    #[test]
    fn sizes_follow_the_fit() {
        let (w, h) = (Some(300), Some(300));
        for (from, to, expected) in [
            ((4000, 3000), to(w, None, Fit::Inside, false), (300, 225)),
            ((4000, 3000), to(None, h, Fit::Inside, false), (400, 300)),
            ((4000, 3000), to(w, h, Fit::Inside, false), (300, 225)),
            ((3000, 4000), to(w, h, Fit::Inside, false), (225, 300)),
            ((200, 100), to(w, h, Fit::Inside, false), (200, 100)),
            ((200, 100), to(w, h, Fit::Inside, true), (300, 150)),
            ((4000, 3000), to(w, h, Fit::Cover, false), (300, 300)),
            ((400, 200), to(w, h, Fit::Cover, false), (300, 200)),
            ((200, 100), to(w, h, Fit::Cover, true), (300, 300)),
            ((400, 200), to(w, h, Fit::Fill, false), (300, 200)),
            ((400, 200), to(w, h, Fit::Fill, true), (300, 300)),
            ((400, 300), to(w, h, Fit::Exact, false), (300, 300)),
            ((400, 200), to(w, h, Fit::Exact, true), (300, 300)),
            ((10_000, 1), to(w, None, Fit::Inside, false), (300, 1)),
            ((3, 2), to(Some(1), None, Fit::Inside, false), (1, 1)),
            ((2, 5), to(Some(1), None, Fit::Inside, false), (1, 3)),
        ] {
            assert_eq!(size(from, &to), expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn an_exact_resize_that_would_grow_is_refused() {
        let rejection = resize((400, 200), &to(Some(300), Some(300), Fit::Exact, false));
        assert_eq!(rejection.unwrap_err().code, RejectCode::Inapplicable);
    }

    #[test]
    fn crops_are_centred_and_stay_inside() {
        let at = |left, top| crop((101, 50), (50, 50), (left, top));
        assert_eq!(at(None, None).unwrap().left, 25);
        assert_eq!(at(Some(51), Some(0)).unwrap().left, 51);
        assert_eq!(at(Some(52), None).unwrap_err().code, RejectCode::Inapplicable);
        assert_eq!(at(None, Some(1)).unwrap_err().code, RejectCode::Inapplicable);
        assert_eq!(at(Some(u32::MAX), None).unwrap_err().code, RejectCode::Inapplicable);
        assert!(crop((10, 10), (11, 1), (None, None)).is_err());
    }

    #[test]
    fn thumbnails_are_decoded_small() {
        let scale = |target| Scale::for_target((6000, 4000), target, Window::WHOLE);
        assert_eq!(scale((512, 341)), Scale::Quarter);
        assert_eq!(scale((256, 171)), Scale::Eighth);
        assert_eq!(scale((1500, 1000)), Scale::Half);
        assert_eq!(scale((1600, 1067)), Scale::Full);
        let half = Window { width: 0.5, ..Window::WHOLE };
        assert_eq!(Scale::for_target((6000, 4000), (256, 171), half), Scale::Quarter);
    }

    proptest! {
        #[test]
        fn nothing_grows_unless_asked(
            from in (1_u32..20_000, 1_u32..20_000),
            target in (1_u32..20_000, prop::option::of(1_u32..20_000)),
            fit in prop_oneof![Just(Fit::Inside), Just(Fit::Cover), Just(Fit::Fill)],
        ) {
            let (width, height) = size(from, &to(Some(target.0), target.1, fit, false));
            prop_assert!((1..=from.0.min(target.0)).contains(&width));
            prop_assert!((1..=from.1.min(target.1.unwrap_or(u32::MAX))).contains(&height));
        }
    }
}
