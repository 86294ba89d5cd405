//! `pixmill submit s3://bucket/prefix`: jobs for pictures that are in a store already.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use pixmill_contract::document::BackfillDocument;
use pixmill_contract::{ObjectStore, Pipeline, Recipe};
use pixmill_producer::{Backfill, backfill};
use serde_json::json;

use crate::backend;
use crate::interrupt::unless_interrupted;
use crate::sending::Sending;
use crate::shown::plural;
use crate::{args, exit, follow, overlays, print};

/// Where the pictures are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    bucket: String,
    prefix: String,
}

impl Place {
    /// The one place in a store that the arguments name, if they name any.
    pub(crate) fn among(arguments: &[PathBuf]) -> anyhow::Result<Option<Self>> {
        let urls = arguments.iter().map(|argument| argument.to_str()?.strip_prefix("s3://"));
        match (urls.flatten().next(), arguments.len()) {
            (None, _) => Ok(None),
            (Some(_), 2..) => bail!("name one place in S3 at a time, and no files beside it"),
            (Some(url), _) => {
                let (bucket, prefix) = url.split_once('/').unwrap_or((url, ""));
                if bucket.is_empty() {
                    bail!("s3://{url} names no bucket: write s3://BUCKET/PREFIX");
                }
                Ok(Some(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
            }
        }
    }
}

pub(crate) async fn run(
    args: args::Submit,
    place: Place,
    recipe: Recipe,
) -> anyhow::Result<ExitCode> {
    let opened = backend::open_for_bucket(&args.data, &place.bucket).await?;
    let (bucket, store) = opened.bucket(&place.bucket)?;
    let hint =
        "what was sent is worked on all the same; the same command goes on where this one was";
    let fill = async |pipeline| fill(pipeline, &*store, bucket, place.prefix, recipe, args).await;
    unless_interrupted(opened.pipeline, hint, fill).await
}

async fn fill(
    pipeline: Pipeline,
    store: &dyn ObjectStore,
    bucket: Option<String>,
    prefix: String,
    recipe: Recipe,
    args: args::Submit,
) -> anyhow::Result<ExitCode> {
    let recipe = overlays::upload(&pipeline, recipe).await?;
    let (batch, by) = (args.batch, "pixmill submit".to_owned());
    let wanted = Backfill { bucket, prefix, recipe, batch, by };
    let sending = Sending::start(None, args.json);
    let sent = backfill(&pipeline, store, &wanted, args.wait, |now| {
        sending.show(now.sent, &format!(", {} keys seen", now.seen));
    });
    let sent = sent.await;
    sending.finish();
    let (end, results) = sent.context("the same command goes on where this one was")?;
    match (args.json, args.wait) {
        (false, _) => print(&to_text(&end, &args.data.flags()))?,
        (true, false) => print(&format!("{:#}\n", to_json(&end)))?,
        // Standard output is for the ends, a line each.
        (true, true) => {}
    }
    let failed = match results {
        Some(results) => follow::to_the_end(results, args.json).await?,
        None => 0,
    };
    Ok(if failed == 0 { ExitCode::SUCCESS } else { exit::FAILED.into() })
}

fn to_json(end: &BackfillDocument) -> serde_json::Value {
    json!({
        "batch": end.batch,
        "pass": end.pass,
        "seen": end.seen,
        "sent": end.sent,
        "skipped": end.skipped,
        "passed_over": end.passed_over,
    })
}

fn to_text(end: &BackfillDocument, data: &str) -> String {
    let batch = &end.batch;
    let mut text = format!("Sent {} as batch {batch}\n", plural(end.sent, "job"));
    if end.skipped > 0 {
        text.push_str(&format!("  {} skipped: they have ended\n", plural(end.skipped, "job")));
    }
    if end.passed_over > 0 {
        let keys = plural(end.passed_over, "key");
        text.push_str(&format!("  {keys} passed over: no pictures\n"));
    }
    text.push_str(&format!("Follow it with: pixmill status {batch} {data}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(arguments: &[&str]) -> anyhow::Result<Option<Place>> {
        Place::among(&arguments.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_place_in_a_store_is_told_from_files() {
        let place = |bucket: &str, prefix: &str| {
            Some(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        assert_eq!(among(&["s3://photos/2024/a"]).unwrap(), place("photos", "2024/a"));
        for whole in ["s3://photos", "s3://photos/"] {
            assert_eq!(among(&[whole]).unwrap(), place("photos", ""));
        }
        assert_eq!(among(&["photos", "./s3:/x"]).unwrap(), None);
        for bad in [&["s3://"][..], &["s3:///a"], &["s3://a/b", "c.jpg"], &["s3://a", "s3://b"]] {
            assert!(among(bad).is_err(), "{bad:?}");
        }
    }
}
