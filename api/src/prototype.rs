//! `POST /process_image`: what the prototype's server answered, for its own clients, unmodified.
//!
//! A form with `image`, `operation` (the prototype's names), `output_name` and `s3_bucket`; the
//! answer says where the output can be fetched and which machine made it. The prototype wrote
//! wherever it was told; here the name is only what the file is called, below a directory of the
//! job's own, the bucket is a label, refused if it is not on the allow-list where there is one, and
//! the link expires.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HOST;
use pixmill_contract::key::INPUTS;
use pixmill_contract::operation::{ENCODINGS, Entry, OPERATIONS};
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, Job, JobId, Key, Recipe, nearest};
use pixmill_producer::{Picture, SendError, send};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::Instrument as _;

use crate::answer::json;
use crate::asked::Asked;
use crate::jobs::{JobState, view};
use crate::links::{Purpose, link};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;
use crate::submit::wait_for;
use crate::upload::{Upload, Uploaded, harmless, receive};

/// How long a client may wait for its picture.
const WAIT: Duration = Duration::from_mins(1);

/// What the prototype answered.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Processed {
    /// Where the output can be fetched, for a while.
    download_link: String,
    /// The machine that made it.
    #[serde(rename = "Instance_ID")]
    instance_id: String,
}

/// `POST /process_image`.
pub(crate) async fn process(state: Arc<State>, mut asked: Asked) -> Outcome {
    asked.media_type_is(&["multipart/form-data"])?;
    let Uploaded { pictures, mut texts } = receive(&state, &mut asked, "image").await?;
    let mut field = |name: &str| {
        let missing = || {
            let why = format!("the field `{name}` is missing");
            Problem::new(Code::BadBody, why).and("parameter", name)
        };
        texts.remove(name).ok_or_else(missing)
    };
    let (operation, output_name) = (field("operation")?, field("output_name")?);
    let bucket = field("s3_bucket")?;
    let allowed = &state.settings.buckets;
    if !allowed.is_empty() && !allowed.contains(&bucket) {
        let why = "this bucket is not on the allow-list";
        return Err(Problem::new(Code::BucketNotAllowed, why));
    }
    let output_name = harmless(&output_name);
    let recipe = recipe(&operation, &output_name)?;
    let Some(picture) = pictures.into_iter().next() else {
        return Err(Problem::new(Code::NoPicture, "there is no `image` in it"));
    };
    let placed = {
        let state = Arc::clone(&state);
        let placed = async move { place(&state, picture, recipe, &output_name).await };
        tokio::spawn(placed.in_current_span())
    };
    let bug = |_| Problem::new(Code::Internal, "something is wrong here");
    let (batch, id) = placed.await.map_err(bug)??;
    state.counts.accepted(&batch, 1);
    wait_for(&state, &batch, std::slice::from_ref(&id), WAIT).await;
    answer(&state, &asked, &batch, &id).await
}

/// The recipe of one of the prototype's operations, or of any that needs no parameter. The name of
/// the output says its format, as it did.
fn recipe(operation: &str, output_name: &str) -> Result<Recipe, Problem> {
    let Some(entry) = Entry::find(OPERATIONS, operation) else {
        let names = OPERATIONS.iter().flat_map(|entry| entry.aliases.iter().chain([&entry.name]));
        let hint = nearest(operation, names.copied());
        let hint = hint.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        let why = format!("unknown operation `{operation}`{hint}");
        return Err(Problem::new(Code::BadRecipe, why).and("recipe_code", "unknown_operation"));
    };
    let extension = output_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = extension.to_ascii_lowercase();
    let encoding = if extension == "jpg" { "jpeg" } else { extension.as_str() };
    let is_picture = matches!(encoding, "jpeg" | "png" | "webp");
    let chain = match Entry::find(ENCODINGS, encoding).filter(|_| is_picture) {
        Some(encoding) => format!("{} -> {}", entry.name, encoding.name),
        None => format!("{};", entry.name),
    };
    Ok(chain.parse()?)
}

/// Puts the picture into the store and its job into the queue.
async fn place(
    state: &Arc<State>,
    picture: Upload,
    recipe: Recipe,
    output_name: &str,
) -> Result<(BatchId, JobId), Problem> {
    let pipeline = state.pipeline();
    let now = pipeline.clock.now();
    let bad = |error: &dyn std::fmt::Display| Problem::new(Code::BadBody, error.to_string());
    let batch = BatchId::single();
    let unique = JobId::fresh(now);
    let key =
        Key::new(format!("{INPUTS}{batch}/{unique}/{}", picture.name)).map_err(|e| bad(&e))?;
    let id = Picture::key(key.clone()).job(&batch)?;
    // Braces stand for themselves in what the client chose; the extension is the format's.
    let stem = output_name.rsplit_once('.').map_or(output_name, |(stem, _)| stem);
    let stem = stem.replace('{', "{{").replace('}', "}}");
    let outputs = format!("outputs/{{batch}}/{{id}}/{stem}.{{ext}}");
    let outputs =
        outputs.parse().map_err(|e: pixmill_contract::document::TemplateError| bad(&e))?;
    let job = Job { outputs, ..Job::new(id.clone(), batch.clone(), key.clone(), recipe, now) };
    let put = Put {
        key,
        payload: Payload::Given(picture.path.to_path_buf()),
        media_type: "application/octet-stream",
        condition: Condition::Always,
        owner: None,
    };
    pipeline.store.put(put).await?;
    send(pipeline, &[job]).await.map_err(|SendError { error, .. }| error)?;
    Ok((batch, id))
}

async fn answer(state: &Arc<State>, asked: &Asked, batch: &BatchId, id: &JobId) -> Outcome {
    let job = view(state, batch, id, None).await?;
    match (job.state, job.outputs.first()) {
        (JobState::Done, Some(output)) => {
            let (link, _) = link(state, Purpose::Read, &output.record.key).await?;
            let host = asked.head.get(HOST).and_then(|host| host.to_str().ok());
            let download_link = match host {
                Some(host) if link.starts_with('/') => format!("http://{host}{link}"),
                Some(_) | None => link,
            };
            let instance_id = job.instance.unwrap_or_else(|| state.settings.instance.clone());
            Ok(json(StatusCode::OK, &Processed { download_link, instance_id }))
        }
        (JobState::Pending | JobState::Running, _) => {
            let why = "the picture is not done yet; it is worked on all the same";
            Err(Problem::new(Code::Late, why).and("job", format!("/v1/jobs/{batch}/{id}")))
        }
        (JobState::Done | JobState::Failed | JobState::Dead, _) => {
            let why = job.reason.unwrap_or_else(|| "there is no output".to_owned());
            let code = job.code.map(pixmill_contract::RejectCode::as_str);
            Err(Problem::new(Code::BadPicture, why).and("reject_code", code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prototypes_operations_are_recipes_and_names_say_the_format() {
        for operation in [
            "color_inversion",
            "grayscale",
            "blur",
            "edge_detection",
            "thresholding",
            "line_detection",
            "frame_contour_detection",
            "morphological_operations",
        ] {
            for (name, ending) in
                [("a.jpg", "-> jpeg"), ("a.JPEG", "-> jpeg"), ("a.png", "-> png"), ("a.txt", "")]
            {
                let recipe = recipe(operation, name).unwrap().to_string();
                assert!(recipe.ends_with(ending), "{operation} {name}: {recipe}");
            }
        }
        let refused = recipe("thresholdin", "a.png").unwrap_err();
        assert!(refused.detail.contains("did you mean `thresholding`?"), "{}", refused.detail);
        assert!(recipe("resize", "a.png").is_err(), "it needs a width");
        assert!(recipe("invert -> png; x = blur", "a.png").is_err());
    }
}
