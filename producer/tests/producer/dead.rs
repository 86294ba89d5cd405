//! Dead letters: what each kind of them becomes.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::testing::{Fault, JumpingClock, Operation, Plan};
use pixmill_contract::{Job, Outcome, Pipeline, RejectCode};
use pixmill_producer::dead;

use crate::harness::{World, all, named};

/// Every receive takes so long.
fn slow_receives(delay: Duration) -> Plan {
    Arc::new(move |call| {
        let hit = call.operation == Operation::Receive;
        if hit { Fault::Delay(delay) } else { Fault::None }
    })
}

#[tokio::test(start_paused = true)]
async fn a_redrive_leaves_a_tombstone_a_message_and_no_note() {
    let world = World::new();
    let job = world.dead("a").await;
    let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!((handled.sent, handled.deleted, handled.left), (1, 0, 0));
    assert_eq!(world.outcome(&job).await, Some(Outcome::Redriven { redrives: 1 }));
    assert_eq!(world.messages().await, [Job { redrive: 1, ..job.clone() }.body()]);
    assert!(!world.has_note(&job).await);
    assert!(world.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_touched_and_the_rest_is_given_back_at_once() {
    let world = World::new();
    for id in ["a", "c", "d"] {
        world.dead(id).await;
    }
    let handled = dead::redrive(&world.pipeline(), &named(&["a", "b/c", "x/d"])).await.unwrap();
    assert_eq!(handled.sent, 2);
    let missing = named(&["a", "x/d"]).missing(&handled.names);
    assert_eq!(missing.iter().map(ToString::to_string).collect::<Vec<_>>(), ["x/d"]);
    assert_eq!(world.letters().await, [world.job("d").body()]);
    let handled = dead::discard(&world.pipeline(), &named(&["d"])).await.unwrap();
    assert_eq!(handled.deleted, 1);
    assert!(world.letters().await.is_empty());
    let Some(Outcome::Dead { .. }) = world.outcome(&world.job("d")).await else { panic!("undead") };
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_a_job_that_has_ended_is_only_deleted() {
    let world = World::new();
    let (code, reason) = (RejectCode::Corrupt, "it is".to_owned());
    let ends = [Outcome::Done { outputs: vec![] }, Outcome::Failed { code, reason }];
    for (id, outcome) in ["a", "c"].into_iter().zip(ends) {
        let job = world.dead(id).await;
        world.end(&job, outcome.clone()).await;
        let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
        assert_eq!((handled.sent, handled.deleted, handled.left), (0, 1, 0));
        assert_eq!(world.outcome(&job).await, Some(outcome));
    }
    // One that died again has a letter of its own.
    let job = Job { redrive: 1, ..world.dead("d").await };
    let (code, reason) = (RejectCode::TooManyAttempts, "again".to_owned());
    world.end(&job, Outcome::Dead { code, reason }).await;
    let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!((handled.sent, handled.deleted), (0, 1));
    world.send_letter(&job.body()).await;
    dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!(world.outcome(&job).await, Some(Outcome::Redriven { redrives: 2 }));
    assert_eq!(world.messages().await, [Job { redrive: 2, ..job }.body()]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_a_job_without_a_result_is_sent_again_as_it_is() {
    let world = World::new();
    let job = world.job("a");
    world.send_letter(&job.body()).await;
    let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!((handled.sent, handled.deleted), (1, 0));
    assert_eq!(world.messages().await, [job.body()]);
    assert_eq!(world.outcome(&job).await, None);
    assert!(world.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_redriven_job_that_the_queue_gave_up_keeps_its_number() {
    let world = World::new();
    let job = Job { redrive: 3, ..world.job("a") };
    world.end(&job, Outcome::Redriven { redrives: 3 }).await;
    world.send_letter(&job.body()).await;
    dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!(world.messages().await, [job.body()]);
    assert_eq!(world.outcome(&job).await, Some(Outcome::Redriven { redrives: 3 }));
}

#[tokio::test(start_paused = true)]
async fn what_would_lead_nowhere_is_left_for_people() {
    let world = World::new();
    world.end(&world.job("a"), Outcome::Done { outputs: vec![] }).await;
    let namesake = Job { recipe: "grayscale".parse().unwrap(), ..world.job("a") };
    let bodies = ["hello".to_owned(), r#"{"pixmill":2}"#.to_owned(), namesake.body()];
    for body in &bodies {
        world.send_letter(body).await;
    }
    let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!((handled.sent, handled.deleted, handled.left), (0, 0, 3));
    assert!(world.messages().await.is_empty());
    assert_eq!(world.letters().await.len(), 3);
    // They have names by which they can be thrown away.
    let listing = dead::list(&world.pipeline(), &all()).await.unwrap();
    for letter in listing.letters {
        let name = letter.name().to_string();
        let handled = dead::discard(&world.pipeline(), &named(&[&name])).await.unwrap();
        assert_eq!(handled.deleted, 1, "{name}");
    }
    assert!(world.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_letters_of_one_job_become_one_message() {
    let world = World::new();
    let job = world.dead("a").await;
    world.send_letter(&job.body()).await;
    let handled = dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!((handled.sent, handled.deleted), (1, 1));
    assert_eq!(world.messages().await, [Job { redrive: 1, ..job }.body()]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_sent_again_with_its_own_words() {
    let world = World::new();
    let body = r#"{"pixmill":1,"id":"a","batch":"b","recipe":"inverted","extra":1.50}"#;
    world.send_letter(body).await;
    dead::redrive(&world.pipeline(), &all()).await.unwrap();
    assert_eq!(world.messages().await, [body]);
}

#[tokio::test(start_paused = true)]
async fn thousands_are_listed_each_once_however_long_it_takes() {
    let world = World::new();
    for n in 0..1000 {
        world.send_letter(&world.job(&format!("j{n}")).body()).await;
    }
    // A hundred receives of a second each take longer than letters stay hidden.
    let slow = world.faulty(&slow_receives(Duration::from_secs(1)));
    let listing = dead::list(&slow, &all()).await.unwrap();
    assert_eq!((listing.letters.len(), listing.elsewhere), (1000, 0));
    let names: std::collections::HashSet<_> =
        listing.letters.iter().map(dead::Letter::name).collect();
    assert_eq!(names.len(), 1000);
    assert_eq!(world.letters().await.len(), 1000, "all of them are given back at once");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_in_hand_is_counted() {
    let world = World::new();
    world.dead("a").await;
    let slow = world.faulty(&slow_receives(Duration::from_secs(5)));
    let everything = all();
    let (first, second) = tokio::join!(dead::list(&slow, &everything), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        dead::list(&world.pipeline(), &everything).await
    });
    assert_eq!(first.unwrap().letters.len(), 1);
    let second = second.unwrap();
    assert_eq!((second.letters.len(), second.elsewhere), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_dies_again_during_a_redrive_is_left_for_the_next() {
    let world = World::new();
    let job = world.dead("a").await;
    let slow = world.faulty(&slow_receives(Duration::from_secs(5)));
    let everything = all();
    let (handled, again) = tokio::join!(dead::redrive(&slow, &everything), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        let again = Job { redrive: 1, ..job };
        let (code, reason) = (RejectCode::TooManyAttempts, "again".to_owned());
        world.end(&again, Outcome::Dead { code, reason }).await;
        world.send_letter(&again.body()).await;
        again
    });
    assert_eq!(handled.unwrap().sent, 1);
    assert_eq!(world.letters().await, [again.body()]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_behind_that_of_the_letters_passes_none_over() {
    let world = World::new();
    let behind = JumpingClock::new(world.clock);
    behind.set_error(-3_600_000);
    world.dead("a").await;
    let pipeline = Pipeline { clock: Arc::new(behind), ..world.pipeline() };
    assert_eq!(dead::redrive(&pipeline, &all()).await.unwrap().sent, 1);
    assert!(world.letters().await.is_empty());
}
