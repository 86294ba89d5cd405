//! `POST /v1/preview`: one picture through a recipe, at once. The picture is not opened here: whoever
//! serves the API says who does that.
//!
//! A preview is `fit` unless somebody asks for more: the picture is made smaller first, which is
//! quick, and the output's size is estimated. `full` makes the very output, so that its bytes are
//! known, and shows it made smaller afterwards; with a `region` that part of it, as it is.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use pixmill_contract::key::INPUTS;
use pixmill_contract::operation::{Group, Operation, Unit};
use pixmill_contract::recipe::Output;
use pixmill_contract::{ErrorKind, Key, Recipe};
use serde_json::{Value as Json, json as object};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::answer::{Answer, whole, with};
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::recipes::resolve;
use crate::route::Outcome;
use crate::state::{Made, Preview, PreviewError, Previewer, State, Wanted};
use crate::upload::receive;

/// Longest side of a preview in pixels, unless somebody asks for another.
const SIDE: u64 = 1280;

/// How long one waits until others are made. Whoever shows many asks for all of them at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What somebody wants to see of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All of it, no larger than this, soon.
    Fit(u64),
    /// All of it, no larger than this, and how many bytes it has.
    Full(u64),
    /// A part of it as it is: left, top, width, height.
    Region([u32; 4]),
}

/// `POST /v1/preview`.
pub(crate) async fn make(state: Arc<State>, mut asked: Asked) -> Outcome {
    let previewer = previewer(&state)?;
    let recipe = resolve(&state, asked.text("recipe").unwrap_or_default()).await?;
    let mode = mode(&asked)?;
    let whole = one_of(&recipe, asked.text("output"))?;
    let (shown, is_scaled) = shown(&whole, mode)?;
    let file = picture(&state, &mut asked).await?;
    let mut overlays = vec![];
    for name in whole.overlays() {
        let key = Key::new(name);
        let key = key.map_err(|error| Problem::new(Code::BadRecipe, error.to_string()))?;
        overlays.push(fetched(&state, &key).await?);
    }
    let paths = overlays.iter().map(|overlay| overlay.to_path_buf()).collect();
    let began = Instant::now();
    let wanted = Wanted { file: file.to_path_buf(), overlays: paths, recipe: shown, whole };
    let preview = made(&state, &previewer, wanted).await?;
    drop((file, overlays));
    Ok(told(preview, mode, is_scaled, began.elapsed()))
}

/// Who makes previews.
pub(crate) fn previewer(state: &State) -> Result<Previewer, Problem> {
    let none = || Problem::new(Code::NotHere, "nobody makes previews here");
    state.settings.previewer.clone().ok_or_else(none)
}

fn mode(asked: &Asked) -> Result<Mode, Problem> {
    let side = asked.number("max_side").unwrap_or(SIDE);
    let bad = |why: &str| Problem::new(Code::BadParameter, why).and("parameter", "region");
    match (asked.text("mode"), asked.text("region")) {
        (_, Some(region)) => {
            let numbers: Option<Vec<u32>> = region.split(',').map(|n| n.parse().ok()).collect();
            let region = numbers.and_then(|numbers| <[u32; 4]>::try_from(numbers).ok());
            let region = region.filter(|[_, _, width, height]| {
                let longest = u32::try_from(LARGEST_REGION).unwrap_or(u32::MAX);
                (1..=longest).contains(width) && (1..=longest).contains(height)
            });
            let why =
                "`region` is LEFT,TOP,WIDTH,HEIGHT in pixels of the output, of 1 to 4096 a side";
            region.map(Mode::Region).ok_or_else(|| bad(why))
        }
        (Some("full"), None) => Ok(Mode::Full(side)),
        (Some(_) | None, None) => Ok(Mode::Fit(side)),
    }
}

/// Longest side of a region in pixels.
const LARGEST_REGION: u64 = 4096;

/// A recipe of one output alone.
fn one_of(recipe: &Recipe, output: Option<&str>) -> Result<Recipe, Problem> {
    let outputs = recipe.outputs();
    let at = match output {
        None => 0,
        Some(name) => outputs.iter().position(|output| output.name == name).ok_or_else(|| {
            let names: Vec<_> = outputs.iter().map(|output| output.name.as_str()).collect();
            let why = format!("there is no output `{name}`; there is {}", names.join(", "));
            Problem::new(Code::BadParameter, why).and("parameter", "output")
        })?,
    };
    let mut form = recipe.to_json();
    let output = form["outputs"][at].take();
    Ok(Recipe::from_json(&object!({ "outputs": [output] }))?)
}

/// What is made so that it can be shown, and whether the picture is made smaller first. The last
/// output is the one whose bytes count.
fn shown(recipe: &Recipe, mode: Mode) -> Result<(Recipe, bool), Problem> {
    let output = &recipe.outputs()[0];
    let form = recipe.to_json();
    let chain = form["outputs"][0]["operations"].as_array().cloned().unwrap_or_default();
    // Facts are no picture; what they are about is.
    let facts = output.encoding.entry().is_some_and(|entry| entry.group == Group::Facts);
    let encoding = match form["outputs"][0].get("encoding") {
        Some(encoding) if !facts => encoding.clone(),
        Some(_) if facts => object!({ "format": "auto" }),
        Some(_) | None => Json::Null,
    };
    let fit = |side: u64| object!({ "operation": "resize", "width": side, "height": side });
    let of = |name: &str, operations: Vec<Json>, encoding: &Json| {
        let mut output = object!({ "name": name, "operations": operations });
        if !encoding.is_null() {
            output["encoding"] = encoding.clone();
        }
        output
    };
    let is_scaled = matches!(mode, Mode::Fit(_)) && !is_tied_to_pixels(output);
    let outputs = match mode {
        Mode::Fit(side) => {
            let first = is_scaled.then(|| fit(side));
            let operations = first.into_iter().chain(chain).chain([fit(side)]);
            vec![of("shown", operations.collect(), &encoding)]
        }
        Mode::Full(side) => {
            let smaller = chain.iter().cloned().chain([fit(side)]).collect();
            let real = form["outputs"][0].get("encoding").cloned().unwrap_or_default();
            vec![of("shown", smaller, &encoding), of("real", chain, &real)]
        }
        Mode::Region([left, top, width, height]) => {
            let crop = object!({
                "operation": "crop", "left": left, "top": top, "width": width, "height": height,
            });
            vec![of("shown", chain.into_iter().chain([crop]).collect(), &encoding)]
        }
    };
    Ok((Recipe::from_json(&object!({ "outputs": outputs }))?, is_scaled))
}

/// Whether a chain would do something else to a smaller picture: it moves pixels by so many.
fn is_tied_to_pixels(output: &Output) -> bool {
    output.chain.iter().map(Operation::entry).any(|entry| {
        let counts = entry.parameters.iter().any(|parameter| parameter.unit == Unit::Pixels);
        entry.group == Group::Geometry && counts && entry.name != "resize"
    })
}

/// Has it made, when it is its turn.
pub(crate) async fn made(
    state: &State,
    previewer: &Previewer,
    wanted: Wanted,
) -> Result<Preview, Problem> {
    let busy = || Problem::new(Code::Busy, "too many previews are being made; try again");
    let turn = tokio::time::timeout(PATIENCE, state.previews.acquire()).await;
    let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let made = previewer(wanted).await;
    drop(turn);
    made.map_err(|error| match error {
        PreviewError::Rejected(rejection) => Problem::new(Code::BadPicture, rejection.reason)
            .and("reject_code", rejection.code.as_str()),
        PreviewError::GaveUp(why) => Problem::new(Code::BadPicture, why),
        PreviewError::Failed(why) => {
            tracing::error!(why, "failed to make a preview");
            Problem::new(Code::Unavailable, "previews cannot be made now")
        }
    })
}

/// The picture, and in fields of the head what it is of the output.
#[expect(clippy::cast_precision_loss, reason = "sizes of pictures, and estimates of them")]
fn told(preview: Preview, mode: Mode, is_scaled: bool, took: Duration) -> Answer {
    let Preview { source, whole: output, mut pictures } = preview;
    let area = |(width, height): (u32, u32)| f64::from(width) * f64::from(height);
    let real = pictures.last().map_or(0, |made| made.bytes.len());
    let Made { media_type, width, height, bytes } = pictures.swap_remove(0);
    let longest = source.0.max(source.1).max(1);
    let scale = match mode {
        Mode::Fit(side) if is_scaled => (side as f64 / f64::from(longest)).min(1.0),
        Mode::Fit(_) | Mode::Full(_) | Mode::Region(_) => 1.0,
    };
    let is_exact = match mode {
        Mode::Fit(_) | Mode::Full(_) => scale >= 1.0 && (width, height) == output,
        Mode::Region(_) => true,
    };
    let size = match mode {
        Mode::Full(_) => Some(("pixmill-bytes", real as f64)),
        Mode::Fit(_) if is_exact => Some(("pixmill-bytes", real as f64)),
        Mode::Fit(_) => {
            let estimate = real as f64 * area(output) / area((width, height)).max(1.0);
            Some(("pixmill-estimated-bytes", estimate.round()))
        }
        Mode::Region(_) => None,
    };
    let answer = whole(StatusCode::OK, media_type, bytes);
    let fields = [
        ("pixmill-width", width.to_string()),
        ("pixmill-height", height.to_string()),
        ("pixmill-output-width", output.0.to_string()),
        ("pixmill-output-height", output.1.to_string()),
        ("pixmill-source-width", source.0.to_string()),
        ("pixmill-source-height", source.1.to_string()),
        ("pixmill-scale", format!("{scale:.4}")),
        ("pixmill-exact", is_exact.to_string()),
        ("server-timing", format!("preview;dur={:.1}", took.as_secs_f64() * 1000.0)),
    ];
    let size = size.map(|(name, bytes)| (name, format!("{bytes}")));
    fields.into_iter().chain(size).fold(answer, |answer, (name, value)| {
        let value = HeaderValue::from_str(&value).expect("a number or a word");
        with(answer, HeaderName::from_static(name), value)
    })
}

/// The picture: what was sent, or what is in the store.
async fn picture(state: &Arc<State>, asked: &mut Asked) -> Result<TempPath, Problem> {
    let Some(source) = asked.text("source") else {
        let uploaded = receive(state, asked, "image").await?;
        let first = uploaded.pictures.into_iter().next();
        let none = || Problem::new(Code::NoPicture, "there is no picture in it");
        return first.map(|upload| upload.path).ok_or_else(none);
    };
    let key = Key::new(source).ok().filter(|key| key.as_str().starts_with(INPUTS));
    let foreign = || {
        let why = "`source` is a key below `inputs/`";
        Problem::new(Code::BadParameter, why).and("parameter", "source")
    };
    let key = key.ok_or_else(foreign)?;
    fetched(state, &key).await
}

/// A picture of the store in a file.
pub(crate) async fn fetched(state: &State, key: &Key) -> Result<TempPath, Problem> {
    let mut object = match state.pipeline().store.get(key, None).await {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Problem::new(Code::NotFound, format!("there is no picture {key}")));
        }
        Err(error) => return Err(error.into()),
    };
    let limit = state.settings.limits.input_bytes;
    if object.meta.size > limit {
        let why = format!("the picture has more than {limit} bytes");
        return Err(Problem::new(Code::TooLarge, why).and("limit", limit));
    }
    let (file, path) = tempfile::Builder::new()
        .prefix("preview-")
        .tempfile_in(&state.settings.spool)?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    tokio::io::copy(&mut object.body, &mut file).await?;
    file.flush().await?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_of(recipe: &str, mode: Mode) -> (Vec<String>, bool) {
        let recipe = one_of(&recipe.parse().unwrap(), None).unwrap();
        let (recipe, is_scaled) = shown(&recipe, mode).unwrap();
        let text = recipe.to_string();
        (text.split("; ").map(|output| output.trim().to_owned()).collect(), is_scaled)
    }

    #[test]
    fn a_preview_that_fits_is_made_from_a_smaller_picture() {
        let (outputs, is_scaled) = shown_of("blur:9 -> webp:q=60", Mode::Fit(100));
        assert_eq!(outputs.len(), 1);
        let shown = &outputs[0];
        assert!(is_scaled && shown.contains("resize"), "{shown}");
        assert!(shown.find("resize") < shown.find("blur"), "{shown}");
        assert!(shown.contains("webp"), "as it will be written: {shown}");
        let (outputs, is_scaled) = shown_of("crop:width=50,height=50 -> png", Mode::Fit(100));
        assert!(!is_scaled && outputs[0].find("crop") < outputs[0].find("resize"));
        let (outputs, _) = shown_of("blur:9 -> info", Mode::Fit(100));
        assert!(outputs[0].contains("-> auto"), "facts are no picture: {}", outputs[0]);
    }

    #[test]
    fn a_full_one_makes_the_output_itself_and_a_region_a_part_of_it() {
        let (outputs, is_scaled) = shown_of("blur:9 -> webp", Mode::Full(100));
        assert!(!is_scaled && outputs.len() == 2, "{outputs:?}");
        assert!(outputs[0].contains("resize") && !outputs[1].contains("resize"), "{outputs:?}");
        let (outputs, _) = shown_of("blur:9 -> webp", Mode::Region([1, 2, 30, 40]));
        assert!(outputs[0].contains("crop"), "{outputs:?}");
    }

    #[test]
    fn one_output_is_chosen_by_its_name() {
        let recipe: Recipe = "a = blur:9; b = invert -> png".parse().unwrap();
        let chosen = |name| one_of(&recipe, name).map(|recipe| recipe.outputs()[0].name.clone());
        assert_eq!(chosen(None).unwrap(), "a");
        assert_eq!(chosen(Some("b")).unwrap(), "b");
        assert_eq!(chosen(Some("c")).unwrap_err().code, Code::BadParameter);
    }
}
