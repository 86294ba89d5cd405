//! Records: what people and programs read of a plan.

use pixmill_controller::{Record, Rule};

use crate::stage::{Stage, intents, roomy};

#[test]
fn a_record_survives_json_and_says_what_was_seen() {
    let mut stage = Stage::busy(roomy(), 2);
    stage.jobs(812, 8);
    let record = stage.tick().record;
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["depth"]["visible"], 812);
    assert_eq!(json["counts"]["ready"], 2);
    assert_eq!(json["rule"], "backlog");
    assert_eq!(json["actions"][0]["action"], "launch");
    assert_eq!(json["actions"][0]["why"]["reason"], "backlog");
}

#[test]
fn what_could_not_be_observed_is_null_and_in_words() {
    let mut stage = Stage::busy(roomy(), 2);
    (stage.queue, stage.observed) = (None, false);
    let record = stage.tick().record;
    let json = serde_json::to_value(&record).unwrap();
    assert!(json["depth"].is_null() && json["counts"].is_null() && json["desired"].is_null());
    let text = record.explain();
    assert!(text.contains("instances unknown, jobs unknown → nothing to do"), "{text}");
    assert!(text.contains("the queue could not be asked"), "{text}");
}

#[test]
fn a_plan_is_explained_in_a_line() {
    let mut stage = Stage::busy(roomy(), 2);
    stage.jobs(812, 8);
    let plan = stage.tick();
    let many = intents(&plan)[0].count;
    let needs = many + 2;
    let expected = format!(
        "2 instances (2 ready), 812 jobs waiting, 8 in flight → launch {many}: \
         backlog of 812 jobs needs {needs} instances"
    );
    let text = plan.record.explain();
    assert!(text.contains(&expected), "{text}\n{expected}");
    assert_eq!(&text[2..3], ":");
}

#[test]
fn a_plan_that_wants_nothing_says_so() {
    let mut stage = Stage::busy(roomy(), 2);
    let plan = stage.tick();
    assert_eq!((plan.record.rule, plan.record.desired), (Rule::Steady, Some(2)));
    assert!(plan.record.explain().ends_with("nothing to do"), "{}", plan.record.explain());
}
