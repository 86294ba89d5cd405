//! What the API is told of the controller, which as a role it does not know: its decisions, what was,
//! and who acts.

use std::collections::VecDeque;
use std::sync::Arc;

use pixmill_api::{Acting, Decisions, Done, History, Note, Standing};
use pixmill_contract::Pipeline;
use pixmill_controller::{
    Action, Decision, Failure, decisions_between, history, last_tick, standing,
};
use serde_json::{Value as Json, json};

/// Decisions that are kept, which is about all that there are.
const KEPT: usize = 512;

/// The last decisions, with what was done in words. Each is read once: they never change, and pages
/// ask for many of them again and again.
pub(crate) fn decisions(pipeline: Pipeline) -> Decisions {
    let known = Arc::new(tokio::sync::Mutex::new(VecDeque::<(u64, Json)>::new()));
    Arc::new(move |count| {
        let (pipeline, known) = (pipeline.clone(), Arc::clone(&known));
        Box::pin(async move {
            let mut known = known.lock().await;
            let Some(last) = last_tick(&pipeline).await? else { return Ok(vec![]) };
            if known.front().is_some_and(|(newest, _)| *newest > last) {
                // The controller's memory was begun anew.
                known.clear();
            }
            let newest = known.front().map_or(0, |(newest, _)| *newest);
            let new = decisions_between(&pipeline, newest, last, KEPT).await?;
            for decision in new.iter().rev() {
                known.push_front((decision.record.tick, document(decision)));
            }
            known.truncate(KEPT);
            Ok(known.iter().take(count).map(|(_, document)| document.clone()).collect())
        })
    })
}

fn document(decision: &Decision) -> Json {
    let mut document = json!(decision);
    document["events"] = json!(events(decision));
    document["explained"] = decision.explain().into();
    document
}

fn events(decision: &Decision) -> Vec<Done> {
    let done = |kind: &str, instance, count, why: String| {
        let kind = kind.to_owned();
        Done { kind, instance, count, why }
    };
    let actions = decision.record.actions.iter().map(|action| match action {
        Action::Launch { intent, why } => done("launch", None, Some(intent.count), why.to_string()),
        Action::Drain { id, why } => done("drain", Some(id.clone()), None, why.to_string()),
        Action::Terminate { id, why } => done("terminate", Some(id.clone()), None, why.to_string()),
    });
    let failures = decision.failures.iter().map(|Failure { of, error }| {
        let instance = match of {
            Action::Launch { .. } => None,
            Action::Drain { id, .. } | Action::Terminate { id, .. } => Some(id.clone()),
        };
        done("failure", instance, None, error.clone())
    });
    let warnings = decision.record.warnings.iter();
    let warnings = warnings.map(|warning| done("warning", None, None, warning.to_string()));
    actions.chain(failures).chain(warnings).collect()
}

/// How things were.
pub(crate) fn past(pipeline: Pipeline) -> History {
    Arc::new(move |since| {
        let pipeline = pipeline.clone();
        Box::pin(async move {
            let points = history(&pipeline, since).await?;
            Ok(points.into_iter().map(|point| json!(point)).collect())
        })
    })
}

/// Who acts, and what it thinks of the instances.
pub(crate) fn acting(pipeline: Pipeline) -> Standing {
    Arc::new(move || {
        let pipeline = pipeline.clone();
        Box::pin(async move {
            let Some(known) = standing(&pipeline).await? else { return Ok(None) };
            let notes = known.notes.into_iter().map(|(id, note)| {
                let sick = note.sickness.as_ref().map(ToString::to_string);
                let goes = note.drained.as_ref().map(ToString::to_string);
                (id, Note { sick, goes })
            });
            Ok(Some(Acting {
                name: known.holder,
                epoch: known.epoch,
                at: known.written_at,
                has_stopped: known.has_stopped,
                notes: notes.collect(),
            }))
        })
    })
}
