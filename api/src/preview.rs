//! `POST /v1/preview`: one picture through a recipe, smaller, at once. The picture is not opened
//! here: whoever serves the API says who does that.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use pixmill_contract::key::INPUTS;
use pixmill_contract::{ErrorKind, Key, Recipe};
use serde_json::json as object;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use crate::answer::{whole, with};
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::recipes::resolve;
use crate::route::Outcome;
use crate::state::{Preview, PreviewError, Previewer, State};
use crate::upload::receive;

/// Longest side of a preview in pixels, unless somebody asks for another.
const SIDE: u64 = 1024;

/// `POST /v1/preview`.
pub(crate) async fn make(state: Arc<State>, mut asked: Asked) -> Outcome {
    let none = || Problem::new(Code::NotHere, "nobody makes previews here");
    let previewer = Arc::clone(state.settings.previewer.as_ref().ok_or_else(none)?);
    let recipe = resolve(&state, asked.text("recipe").unwrap_or_default()).await?;
    let side = asked.number("max_side").unwrap_or(SIDE);
    let recipe = smaller(&recipe, asked.text("output"), side)?;
    let file = picture(&state, &mut asked).await?;
    through(&state, &previewer, file, recipe).await
}

/// The picture in a file, made by somebody else.
pub(crate) async fn through(
    state: &State,
    previewer: &Previewer,
    file: TempPath,
    recipe: Recipe,
) -> Outcome {
    let busy = |_| Problem::new(Code::Busy, "too many previews are being made; try again");
    let permit = state.previews.try_acquire().map_err(busy)?;
    let made = previewer(file.to_path_buf(), recipe).await;
    drop((permit, file));
    let Preview { media_type, width, height, bytes } = made.map_err(|error| match error {
        PreviewError::Rejected(rejection) => Problem::new(Code::BadPicture, rejection.reason)
            .and("reject_code", rejection.code.as_str()),
        PreviewError::GaveUp(why) => Problem::new(Code::BadPicture, why),
        PreviewError::Failed(why) => {
            tracing::error!(why, "failed to make a preview");
            Problem::new(Code::Unavailable, "previews cannot be made now")
        }
    })?;
    let answer = whole(StatusCode::OK, media_type, bytes);
    let number = |n: u32| HeaderValue::from(n);
    let answer = with(answer, HeaderName::from_static("pixmill-width"), number(width));
    Ok(with(answer, HeaderName::from_static("pixmill-height"), number(height)))
}

/// One output of a recipe, no larger than this, as a picture.
fn smaller(recipe: &Recipe, output: Option<&str>, side: u64) -> Result<Recipe, Problem> {
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
    let mut output = form["outputs"][at].take();
    if let Some(operations) = output["operations"].as_array_mut() {
        operations.push(object!({ "operation": "resize", "width": side, "height": side }));
    }
    output["encoding"] = object!({ "format": "auto" });
    Ok(Recipe::from_json(&object!({ "outputs": [output] }))?)
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

    #[test]
    fn a_preview_is_one_output_made_smaller() {
        let recipe: Recipe = "a = blur:9; b = invert -> png".parse().unwrap();
        let shown = |output| smaller(&recipe, output, 100).map(|recipe| recipe.to_string());
        let first = shown(None).unwrap();
        assert!(first.contains("blur") && !first.contains("invert"), "{first}");
        assert!(first.contains("resize") && first.ends_with("-> auto"), "{first}");
        assert!(shown(Some("b")).unwrap().contains("invert"));
        assert_eq!(shown(Some("c")).unwrap_err().code, Code::BadParameter);
    }
}
