//! `GET /v1/jobs/{batch}/{id}/image`: what a job's picture was and what was made of it, to be looked
//! at beside each other. Smaller ones are made as previews are; those that were made last are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use pixmill_contract::{ErrorKind, Key, Recipe};
use serde_json::json as object;

use crate::answer::{empty, whole, with, with_text};
use crate::asked::Asked;
use crate::jobs::{JobView, find};
use crate::objects;
use crate::preview::{fetched, made, previewer};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf;
use crate::state::{Made, State, Wanted};

/// Most bytes of smaller pictures that are kept.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// How a browser keeps one: without asking for five minutes, in its own cache alone.
const KEEP: &str = "private, max-age=300";

/// Smaller pictures that were made, by the object's key, its etag and the side.
#[derive(Debug, Default)]
pub(crate) struct Thumbnails(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    pictures: HashMap<String, Thumbnail>,
    bytes: usize,
    /// Counts the looks, so that the one that nobody has looked at for longest is known.
    looks: u64,
}

#[derive(Debug, Clone)]
struct Thumbnail {
    media_type: &'static str,
    bytes: Bytes,
    looked_at: u64,
}

impl Thumbnails {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no code panics with this lock")
    }

    fn find(&self, name: &str) -> Option<Thumbnail> {
        let mut kept = self.kept();
        kept.looks += 1;
        let looked_at = kept.looks;
        let found = kept.pictures.get_mut(name)?;
        found.looked_at = looked_at;
        Some(found.clone())
    }

    fn keep(&self, name: String, media_type: &'static str, bytes: Bytes) {
        let mut kept = self.kept();
        kept.looks += 1;
        kept.bytes += bytes.len();
        let thumbnail = Thumbnail { media_type, bytes, looked_at: kept.looks };
        if let Some(before) = kept.pictures.insert(name, thumbnail) {
            kept.bytes -= before.bytes.len();
        }
        while kept.bytes > KEPT_BYTES {
            let oldest = kept.pictures.iter().min_by_key(|(_, picture)| picture.looked_at);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return };
            let gone = kept.pictures.remove(&oldest).map_or(0, |picture| picture.bytes.len());
            kept.bytes -= gone;
        }
    }
}

/// `GET /v1/jobs/{batch}/{id}/image`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    let (batch, id) = (asked.batch()?, asked.job()?);
    let job = find(&state, &batch, &id).await?;
    let key = match asked.text("of") {
        Some("source") => source(&state, &job).await?,
        of => output(&job, of)?,
    };
    match asked.number("side") {
        None => objects::whole(&state, &asked, &key).await,
        Some(side) => smaller(&state, &asked, &key, side).await,
    }
}

/// An object's picture, no larger than this.
async fn smaller(state: &State, asked: &Asked, key: &Key, side: u64) -> Outcome {
    let previewer = previewer(state)?;
    let etag = match state.pipeline().store.head(key).await {
        Ok(meta) => meta.etag.0,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Problem::new(Code::NotFound, format!("there is no picture {key}")));
        }
        Err(error) => return Err(error.into()),
    };
    let name = format!("{side} {etag} {key}");
    let etag = format!("\"{etag}-{side}\"");
    let keep = HeaderValue::from_static(KEEP);
    if asked.head.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        let answer = with(empty(StatusCode::NOT_MODIFIED), CACHE_CONTROL, keep);
        return Ok(with_text(answer, ETAG, &etag));
    }
    let (media_type, bytes) = if let Some(found) = state.thumbnails.find(&name) {
        (found.media_type, found.bytes)
    } else {
        let file = fetched(state, key).await?;
        let recipe = no_larger(side)?;
        let (whole, overlays) = (recipe.clone(), vec![]);
        let wanted = Wanted { file: file.to_path_buf(), overlays, recipe, whole };
        let mut preview = made(state, &previewer, wanted).await?;
        let Made { media_type, bytes, .. } = preview.pictures.swap_remove(0);
        let bytes = Bytes::from(bytes);
        state.thumbnails.keep(name, media_type, bytes.clone());
        (media_type, bytes)
    };
    let answer = with(whole(StatusCode::OK, media_type, bytes), CACHE_CONTROL, keep);
    Ok(with_text(answer, ETAG, &etag))
}

fn no_larger(side: u64) -> Result<Recipe, Problem> {
    let resize = object!({ "operation": "resize", "width": side, "height": side });
    let output = object!({ "operations": [resize], "encoding": { "format": "auto" } });
    Ok(Recipe::from_json(&object!({ "outputs": [output] }))?)
}

/// Where the picture of a job is.
async fn source(state: &State, job: &JobView) -> Result<Key, Problem> {
    let missing = || Problem::new(Code::NotFound, "its picture is not kept here");
    let known = shelf::look(state, &job.batch).await?;
    known.inputs.get(&job.id).cloned().ok_or_else(missing)
}

/// Where one of its outputs is.
fn output(job: &JobView, name: Option<&str>) -> Result<Key, Problem> {
    let mut outputs = job.outputs.iter();
    let found = match name {
        None => outputs.next(),
        Some(name) => outputs.find(|output| output.record.name == name),
    };
    let missing = || Problem::new(Code::NotFound, "there is no such output, or not yet");
    found.map(|output| output.record.key.clone()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_looked_at_for_longest_goes_first() {
        let thumbnails = Thumbnails::default();
        let quarter = || Bytes::from(vec![0; KEPT_BYTES / 4]);
        for name in ["a", "b", "c", "d"] {
            thumbnails.keep(name.to_owned(), "image/png", quarter());
        }
        assert!(thumbnails.find("a").is_some());
        thumbnails.keep("e".to_owned(), "image/png", quarter());
        assert!(thumbnails.find("b").is_none());
        assert!(["a", "c", "d", "e"].iter().all(|name| thumbnails.find(name).is_some()));
    }
}
