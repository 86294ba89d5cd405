//! Events of S3: each picture that is put below `drop/` is worked on once as it is, whatever comes
//! twice, late or in the wrong order, and nothing else is.

use std::time::Duration;

use pixmill_contract::document::JobReading;
use pixmill_contract::port::Etag;
use pixmill_contract::testing::{Fault, Operation, never};
use pixmill_contract::{ErrorKind, Job, Key, ObjectStore as _, Outcome, ResultDocument};
use serde_json::{Value as Json, json};

use crate::crashes::{ENOUGH, at, short};
use crate::harness::{
    BUCKET, RECIPE, Switch, World, all_of, code, eventually, fails, pass, picture, while_on,
};

/// A call never returns.
const HANGS: Fault = Fault::Delay(Duration::from_hours(1000));

fn record(bucket: &str, name: &str, key: &str, etag: &Etag) -> Json {
    let bytes = key.bytes().map(|byte| match byte {
        b' ' => "+".to_owned(),
        b'/' | b'.' | b'-' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": {
        "bucket": { "name": bucket },
        "object": { "key": bytes.collect::<String>(), "size": 1, "eTag": etag.0 },
    } })
}

fn created(key: &str, etag: &Etag) -> Json {
    record(BUCKET, "ObjectCreated:Put", key, etag)
}

fn event(records: &[Json]) -> String {
    json!({ "Records": records }).to_string()
}

/// A pipeline with a recipe `web`, which is `RECIPE`.
async fn with_recipe() -> World {
    let world = World::new();
    put_recipe(&world, "web", RECIPE).await;
    world
}

async fn put_recipe(world: &World, name: &str, recipe: &str) {
    let file = format!("recipe = '{recipe}'");
    world.put(&format!("recipes/{name}.toml"), file.as_bytes(), None).await;
}

/// Puts a picture, and gives the record that S3 would write of that.
async fn dropped(world: &World, key: &str, width: u32) -> Json {
    let etag = world.put(key, &picture(width, 6), None).await;
    created(key, &etag)
}

/// What has ended.
async fn ends(world: &World) -> Vec<ResultDocument> {
    let mut ends = vec![];
    for key in world.keys("results/").await {
        ends.push(serde_json::from_slice(&world.get(&key).await.unwrap()).unwrap());
    }
    ends
}

fn job(result: &ResultDocument) -> Job {
    let reading = Job::read(&result.job.as_ref().unwrap().to_string());
    let JobReading::Job { job, .. } = reading else { panic!("no job: {reading:?}") };
    *job
}

/// Why a job failed.
fn reason(result: &ResultDocument) -> &str {
    let Outcome::Failed { reason, .. } = &result.outcome else { panic!("not failed: {result:?}") };
    reason
}

/// Has a worker deal with this event until nothing is left of it.
async fn deal_with(world: &World, records: &[Json]) {
    world.send(&event(records)).await;
    let consumer = world.consumer("w").start();
    world.settled().await;
    consumer.drain().await;
    assert!(world.dead_letters().await.is_empty());
}

/// The widths of all outputs that are PNGs.
async fn widths(world: &World) -> Vec<u32> {
    let width = |bytes: &[u8]| u32::from_be_bytes(bytes[16..20].try_into().unwrap());
    world.outputs().await.iter().map(|(_, bytes)| width(bytes)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_is_dropped_is_worked_on_by_the_recipe_of_its_folder() {
    let world = with_recipe().await;
    let record = dropped(&world, "drop/web/2026/a.png", 8).await;
    deal_with(&world, &[record]).await;
    let ends = ends(&world).await;
    assert_eq!((ends.len(), code(&ends[0]), ends[0].batch.as_str()), (1, "done", "s3-web"));
    let expected = ["negative", "small"].map(|n| format!("outputs/s3-web/web/2026/a.png.{n}.png"));
    assert_eq!(world.keys("outputs/").await, expected);
    let job = job(&ends[0]);
    assert!(job.overwrite && job.source.bucket.is_none() && job.source.etag.is_some());
    assert!(world.get("drop/web/2026/a.png").await.is_some(), "the original stays");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_twice_makes_one_job() {
    let world = with_recipe().await;
    let record = dropped(&world, "drop/web/a.png", 8).await;
    for records in [vec![record.clone()], vec![record.clone(), record]] {
        world.send(&event(&records)).await;
    }
    let _one = world.consumer("w1").start();
    let _other = world.consumer("w2").start();
    world.settled().await;
    assert_eq!(ends(&world).await.len(), 1);
    assert!(world.dead_letters().await.is_empty(), "no two jobs with one name");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_many_records_is_split_in_parts() {
    let world = with_recipe().await;
    let mut records = vec![];
    for n in 0..130 {
        records.push(dropped(&world, &format!("drop/web/{n}.png"), 8).await);
    }
    deal_with(&world, &records).await;
    assert_eq!(ends(&world).await.len(), 130);
    assert_eq!(world.calls_of("w Send").len(), 2);
    assert_eq!(world.calls_of("w Get recipes/web.toml").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_older_event_after_a_newer_one_changes_nothing() {
    let world = with_recipe().await;
    let older = dropped(&world, "drop/web/a.png", 8).await;
    let newer = dropped(&world, "drop/web/a.png", 9).await;
    deal_with(&world, &[newer]).await;
    let outputs = world.outputs().await;
    deal_with(&world, &[older]).await;
    assert_eq!(ends(&world).await.len(), 1);
    assert_eq!(world.outputs().await, outputs);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_is_put_anew_has_its_outputs_replaced() {
    let world = with_recipe().await;
    put_recipe(&world, "web", "invert -> png").await;
    for width in [8, 9] {
        let record = dropped(&world, "drop/web/a.png", width).await;
        deal_with(&world, &[record]).await;
        assert_eq!(widths(&world).await, [width]);
    }
    assert_eq!(ends(&world).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn events_of_what_is_gone_deleted_or_no_picture_of_ours_are_dropped() {
    let world = with_recipe().await;
    let gone = dropped(&world, "drop/web/gone.png", 8).await;
    world.backend.store.delete(&"drop/web/gone.png".parse().unwrap()).await.unwrap();
    let etag = world.put("drop/web/a.png", &picture(8, 6), None).await;
    let deleted = record(BUCKET, "ObjectRemoved:Delete", "drop/web/a.png", &etag);
    let marker = created("drop/web/", &etag);
    let nameless = dropped(&world, "drop/no.name/a.png", 8).await;
    deal_with(&world, &[gone, deleted, marker, nameless]).await;
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET });
    world.send(&test.to_string()).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    assert!(ends(&world).await.is_empty() && world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_pipeline_itself_writes_never_comes_round_again() {
    let world = with_recipe().await;
    let record = dropped(&world, "drop/web/a.png", 8).await;
    deal_with(&world, &[record]).await;
    let mut records = vec![];
    for key in world.keys("").await.iter().filter(|key| !key.starts_with("drop/")) {
        let etag = world.backend.store.head(&key.parse::<Key>().unwrap()).await.unwrap().etag;
        records.push(created(key, &etag));
    }
    records.push(dropped(&world, "inputs/b/a.png", 8).await);
    assert!(records.len() >= 5, "{records:?}");
    let (keys, calls) = (world.keys("").await, world.calls_of("w Send").len());
    deal_with(&world, &records).await;
    assert_eq!(world.keys("").await, keys);
    assert_eq!(world.calls_of("w Send").len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_picture_without_a_recipe_fails_and_is_done_when_it_is_put_again_after_that_was_mended() {
    let world = World::new();
    let record = dropped(&world, "drop/web/a.png", 8).await;
    for (n, (file, why)) in [
        (None, "failed to"),
        (Some("recipe = 'inverted'"), "line 1, column 11: unknown operation `inverted`"),
        (Some("recipe = 'composite:logo.png'"), "`logo.png` is not a key below `overlays/`"),
    ]
    .into_iter()
    .enumerate()
    {
        if let Some(file) = file {
            world.put("recipes/web.toml", file.as_bytes(), None).await;
        }
        // Twice: the second time it finds its result.
        for _ in 0..2 {
            deal_with(&world, std::slice::from_ref(&record)).await;
        }
        let ends = ends(&world).await;
        assert_eq!(ends.len(), n + 1);
        let failed = |end: &&ResultDocument| {
            code(end) == "bad_recipe" && end.batch.as_str() == "s3-web" && reason(end).contains(why)
        };
        let failed: Vec<_> = ends.iter().filter(failed).collect();
        assert_eq!(failed.len(), 1, "{why}: {ends:?}");
        assert!(reason(failed[0]).contains("recipes/web.toml"));
        assert_eq!(failed[0].job.as_ref().unwrap()["source"]["key"], "drop/web/a.png");
    }
    put_recipe(&world, "web", RECIPE).await;
    deal_with(&world, &[record]).await;
    let ends = ends(&world).await;
    assert_eq!(ends.iter().filter(|end| code(end) == "done").count(), 1, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_recipe_that_is_changed_counts_within_a_minute() {
    let world = with_recipe().await;
    let _consumer = world.consumer("w").start();
    for (recipe, outputs) in [(RECIPE, 2), ("invert -> png", 3)] {
        put_recipe(&world, "web", recipe).await;
        let record = dropped(&world, &format!("drop/web/{outputs}.png"), 8).await;
        world.send(&event(&[record])).await;
        world.settled().await;
        assert_eq!(world.outputs().await.len(), outputs);
        pass(Duration::from_mins(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn odd_keys_have_outputs_of_their_own() {
    let world = with_recipe().await;
    put_recipe(&world, "web", "invert -> png").await;
    put_recipe(&world, "default", "invert -> png").await;
    let keys = [
        "drop/web/für dich + 100%.png",
        "drop/web/{id}.png",
        "drop/web/a",
        "drop/web/a.",
        "drop/web/a.png",
        "drop/web/.hidden",
        "drop/a.png",
        "drop/default/a.png",
    ];
    let mut records = vec![];
    for key in keys {
        records.push(dropped(&world, key, 8).await);
    }
    deal_with(&world, &records).await;
    let ends = ends(&world).await;
    assert!(ends.iter().all(|end| code(end) == "done"), "{ends:?}");
    let outputs = world.keys("outputs/").await;
    assert_eq!(outputs.len(), keys.len(), "{outputs:?}");
    assert!(outputs.contains(&"outputs/s3-web/web/für dich + 100%.png.png".to_owned()));
    assert!(outputs.contains(&"outputs/s3-default/a.png.png".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn pictures_of_buckets_that_are_allowed_are_worked_on_and_of_others_dropped() {
    let (world, other) = (with_recipe().await, World::new());
    put_recipe(&world, "web", "invert -> png").await;
    let ours = dropped(&world, "drop/web/a.png", 8).await;
    let etag = other.put("drop/web/a.png", &picture(9, 6), None).await;
    let [theirs, strangers] = ["theirs", "strangers"]
        .map(|bucket| record(bucket, "ObjectCreated:Put", "drop/web/a.png", &etag));
    world.send(&event(&[ours, theirs, strangers])).await;
    let _consumer = world.consumer("w").allows("theirs", &other, never()).start();
    world.settled().await;
    let outputs = ["from.theirs/web/a.png.png", "web/a.png.png"];
    assert_eq!(world.keys("outputs/").await, outputs.map(|key| format!("outputs/s3-web/{key}")));
    assert_eq!(widths(&world).await, [9, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_may_not_be_looked_at_fails_with_that_and_holds_nobody_up() {
    let world = with_recipe().await;
    let denied = dropped(&world, "drop/web/denied.png", 8).await;
    let good = dropped(&world, "drop/web/good.png", 8).await;
    world.send(&event(&[denied, good])).await;
    let kind = ErrorKind::Denied;
    let plan = [Operation::Head, Operation::Get].map(|o| fails(o, "drop/web/denied.png", kind));
    let consumer = world.consumer("w").store(all_of(plan.into())).start();
    world.settled().await;
    let mut codes: Vec<_> = ends(&world).await.iter().map(code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["done", "source_denied"]);
    assert!(!consumer.storms.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out() {
    let world = with_recipe().await;
    let record = dropped(&world, "drop/web/a.png", 8).await;
    world.send(&event(&[record])).await;
    let outage = Switch::on();
    let down = while_on(&outage, fails(Operation::Send, "", ErrorKind::Unavailable));
    let mut consumer = world.consumer("w").queue(down).start();
    consumer.storm().await;
    pass(Duration::from_mins(3)).await;
    outage.set(false);
    consumer.calm().await;
    world.settled().await;
    assert_eq!(ends(&world).await.len(), 1);
    assert_eq!(world.calls_of("Head drop/web/a.png").len(), 1, "nothing was begun anew");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_left_for_the_dead_letter_queue() {
    let world = with_recipe().await;
    let good = dropped(&world, "drop/web/a.png", 8).await;
    let mut bad = good.clone();
    bad["s3"]["object"].as_object_mut().unwrap().remove("key");
    let body = event(&[good, bad]);
    world.send(&body).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    assert_eq!(world.dead_letters().await, [body]);
    assert!(world.keys("results/").await.is_empty());
}

/// An event of a picture that has a recipe and one that has none.
async fn prepared() -> World {
    let world = with_recipe().await;
    let good = dropped(&world, "drop/web/a.png", 8).await;
    let bad = dropped(&world, "drop/none/a.png", 8).await;
    world.send(&event(&[good, bad])).await;
    world
}

/// Both ended once, and nothing else is there.
async fn assert_dealt_with(world: &World, what: &str) {
    let mut ends: Vec<_> = ends(world).await;
    ends.sort_by_key(|end| end.batch.clone());
    let ends: Vec<_> = ends.iter().map(|end| (end.batch.as_str(), code(end))).collect();
    assert_eq!(ends, [("s3-none", "bad_recipe"), ("s3-web", "done")], "{what}");
    assert_eq!(world.outputs().await.len(), 2, "{what}");
    assert!(world.dead_letters().await.is_empty(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_at_any_call_of_an_event_loses_and_repeats_nothing() {
    for number in 0..ENOUGH {
        let world = prepared().await;
        let reached = Switch::default();
        let plan = at(number, HANGS, HANGS, &reached);
        let first = world.consumer("w1").everything(&plan).config(short).start();
        eventually("the call or the end", || async {
            (reached.is_on() || world.depth().await.total() == 0).then_some(())
        })
        .await;
        let untouched = !reached.is_on();
        first.crash().await;
        let second = world.consumer("w2").start();
        world.settled().await;
        assert_dealt_with(&world, &format!("after a crash at call {number}")).await;
        second.drain().await;
        if untouched {
            assert!(number > 8, "an event and its jobs have more steps than {number}");
            return;
        }
    }
    panic!("an event and its jobs take more than {ENOUGH} calls");
}

#[tokio::test(start_paused = true)]
async fn any_one_call_of_an_event_may_fail_be_denied_be_lost_or_happen_twice() {
    let (unavailable, denied) = (ErrorKind::Unavailable, ErrorKind::Denied);
    for fault in [Fault::Fail(unavailable), Fault::Fail(denied), Fault::Lose, Fault::Duplicate] {
        for number in 0..ENOUGH {
            let world = prepared().await;
            let reached = Switch::default();
            let plan = at(number, fault, Fault::None, &reached);
            let consumer = world.consumer("w").everything(&plan).config(short).start();
            world.settled().await;
            assert_dealt_with(&world, &format!("{fault:?} at call {number}")).await;
            consumer.drain().await;
            if !reached.is_on() {
                break;
            }
        }
    }
}
