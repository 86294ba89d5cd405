//! What the API is told of the controller, which as a role it does not know: its decisions, what was,
//! and who acts.

use std::sync::Arc;

use pixmill_api::{Acting, Decisions, Done, History, Note, Standing};
use pixmill_contract::Pipeline;
use pixmill_controller::{Action, Decision, Failure, history, last_decisions, standing};
use serde_json::{Value as Json, json};

/// The last decisions, with what was done in words.
pub(crate) fn decisions(pipeline: Pipeline) -> Decisions {
    Arc::new(move |count| {
        let pipeline = pipeline.clone();
        Box::pin(async move {
            let decisions = last_decisions(&pipeline, count).await?;
            Ok(decisions.iter().map(document).collect())
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
