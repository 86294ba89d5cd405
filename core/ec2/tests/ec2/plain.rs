//! Plain instances: launched once for each wish, wherever there are machines, and the stopped first.

use pixmill_contract::error::ErrorKind;
use pixmill_contract::port::{Fleet as _, Lifecycle, TargetState};

use crate::cloud::{Cloud, id, intent, seen};

#[tokio::test]
async fn an_intent_whose_answer_was_lost_is_launched_once() {
    let cloud = Cloud::new().await;
    cloud.state().lag = 5;
    // Nobody lists it yet, neither this controller nor the next one.
    cloud.state().lose = vec!["RunInstances"];
    let lost = cloud.plain(|_| {}).await.launch(&intent("a", 1)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    for _ in 0..2 {
        cloud.plain(|_| {}).await.launch(&intent("a", 1)).await.unwrap();
    }
    assert_eq!(cloud.in_state("running").len(), 1);
    cloud.state().lag = 0;
    cloud.state().lose = vec!["RunInstances"];
    let fleet = cloud.plain(|_| {}).await;
    let lost = fleet.launch(&intent("b", 2)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    fleet.launch(&intent("b", 2)).await.unwrap();
    assert_eq!(cloud.in_state("running").len(), 3, "two more, not four");
}

#[tokio::test]
async fn a_list_that_comes_late_launches_nothing_twice_and_ends_nobody() {
    let cloud = Cloud::new().await;
    cloud.state().lag = 100;
    let fleet = cloud.plain(|_| {}).await;
    for _ in 0..3 {
        fleet.launch(&intent("a", 2)).await.unwrap();
    }
    assert_eq!(cloud.in_state("running").len(), 2);
    assert_eq!(fleet.observe().await.unwrap().len(), 2, "though none is listed");
}

#[tokio::test]
async fn a_zone_without_machines_is_passed_over_and_parts_are_made_good_elsewhere() {
    let cloud = Cloud::new().await;
    for (place, left) in [("demand a", 0), ("demand b", 1)] {
        cloud.state().left.insert(place.to_owned(), left);
    }
    let fleet = cloud.plain(|_| {}).await;
    fleet.launch(&intent("x", 4)).await.unwrap();
    let places = |place: &str| {
        let state = cloud.state();
        state.machines.values().filter(|machine| machine.place == place).count()
    };
    assert_eq!(places("demand b") + places("demand c"), 4);
    // What was empty is left alone for a while: nobody asks there.
    cloud.server.calls();
    fleet.launch(&intent("y", 1)).await.unwrap();
    let asked = cloud.server.calls();
    let subnets: Vec<_> = asked.iter().filter(|call| call.action == "RunInstances").collect();
    assert_eq!(subnets.len(), 1);
    assert_ne!(subnets[0].get("SubnetId"), "a");
}

#[tokio::test]
async fn no_machine_anywhere_is_an_error_of_its_kind() {
    let cloud = Cloud::new().await;
    for place in ["demand a", "demand b", "demand c"] {
        cloud.state().left.insert(place.to_owned(), 0);
    }
    let error = cloud.plain(|_| {}).await.launch(&intent("x", 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InsufficientCapacity, "{}", error.chain());
    assert!(error.chain().contains("InsufficientInstanceCapacity"), "{}", error.chain());
}

#[tokio::test]
async fn spot_instances_come_first_and_others_where_there_are_none() {
    let cloud = Cloud::new().await;
    for (place, left) in [("spot a", 1), ("spot b", 0), ("spot c", 0)] {
        cloud.state().left.insert(place.to_owned(), left);
    }
    let fleet = cloud.plain(|options| options.spot = true).await;
    fleet.launch(&intent("x", 3)).await.unwrap();
    let spot = cloud.state().machines.values().filter(|machine| machine.spot).count();
    assert_eq!((spot, cloud.in_state("running").len()), (1, 3));
}

#[tokio::test]
async fn stopped_instances_of_its_own_are_started_before_others_are_launched() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|options| options.stopped_pool = 1).await;
    fleet.launch(&intent("x", 2)).await.unwrap();
    let ids = cloud.in_state("running");
    fleet.drain(&id(&ids[0])).await.unwrap_err();
    for one in &ids {
        fleet.terminate(&id(one)).await.unwrap();
    }
    // The pool has room for one.
    let (stopped, terminated) = (cloud.in_state("stopped"), cloud.in_state("terminated"));
    assert_eq!((stopped.len(), terminated.len()), (1, 1));
    assert_eq!(seen(&fleet, Lifecycle::Ended).await.len(), 2);
    fleet.launch(&intent("y", 2)).await.unwrap();
    assert_eq!(cloud.in_state("stopped").len(), 0);
    let running = seen(&fleet, Lifecycle::Running).await;
    assert_eq!(running.len(), 2);
    for instance in running {
        assert_eq!(instance.intent.as_str(), "y", "also the one that was started again");
        assert_eq!(instance.draining_since, None, "its former life is over");
    }
}

#[tokio::test]
async fn a_stopped_instance_that_cannot_be_started_is_left_and_another_is_launched() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|options| options.stopped_pool = 1).await;
    fleet.launch(&intent("x", 1)).await.unwrap();
    let first = cloud.in_state("running").remove(0);
    fleet.terminate(&id(&first)).await.unwrap();
    let place = cloud.state().machines[&first].place.clone();
    cloud.state().left.insert(place, 0);
    fleet.launch(&intent("y", 1)).await.unwrap();
    assert_eq!((cloud.in_state("stopped"), cloud.in_state("running").len()), (vec![first], 1));
}

#[tokio::test]
async fn a_start_that_was_broken_off_is_gone_on_with() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|options| options.stopped_pool = 1).await;
    fleet.launch(&intent("x", 1)).await.unwrap();
    let first = cloud.in_state("running").remove(0);
    fleet.terminate(&id(&first)).await.unwrap();
    cloud.state().refuse.insert("StartInstances", (403, "UnauthorizedOperation"));
    let denied = fleet.launch(&intent("y", 1)).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    cloud.state().refuse.clear();
    cloud.plain(|_| {}).await.launch(&intent("y", 1)).await.unwrap();
    assert_eq!(cloud.in_state("running"), [first], "and none is launched besides");
}

#[tokio::test]
async fn what_runs_is_registered_and_what_ends_is_not() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|_| {}).await;
    fleet.launch(&intent("x", 2)).await.unwrap();
    let first = fleet.observe().await.unwrap();
    assert!(first.iter().all(|i| i.target.as_ref().unwrap().state == TargetState::Unused));
    let second = fleet.observe().await.unwrap();
    let target = second[0].target.as_ref().unwrap();
    assert_eq!(target.state, TargetState::Initial);
    assert_eq!(target.reason.as_deref(), Some("Elb.RegistrationInProgress"));
    fleet.terminate(&second[0].id).await.unwrap();
    assert_eq!(cloud.state().targets.len(), 1);
}

#[tokio::test]
async fn others_instances_are_neither_seen_nor_touched() {
    let cloud = Cloud::new().await;
    let theirs = cloud.plain(|options| options.name = "theirs".to_owned()).await;
    theirs.launch(&intent("x", 1)).await.unwrap();
    let foreign = id(&cloud.in_state("running")[0]);
    let ours = cloud.plain(|_| {}).await;
    assert!(ours.observe().await.unwrap().is_empty());
    for refused in [ours.drain(&foreign).await, ours.terminate(&foreign).await] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let acts = ["CreateTags", "TerminateInstances", "StopInstances", "DeregisterTargets"];
    let counts = cloud.server.counts();
    assert!(acts.iter().all(|act| !counts.contains_key(*act)), "{counts:?}");
}
