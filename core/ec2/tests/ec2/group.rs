//! An Auto Scaling group: out by its desired capacity, in by one certain instance.

use pixmill_contract::error::ErrorKind;
use pixmill_contract::port::{Fleet as _, Lifecycle};

use crate::cloud::{Cloud, id, intent, seen};

#[tokio::test]
async fn asking_again_for_an_intent_wants_no_more() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.launch(&intent("a", 2)).await.unwrap();
    cloud.state().lose = vec!["SetDesiredCapacity"];
    fleet.launch(&intent("b", 1)).await.unwrap();
    for fleet in [&fleet, &cloud.grouped().await] {
        fleet.launch(&intent("a", 2)).await.unwrap();
        fleet.launch(&intent("b", 1)).await.unwrap();
    }
    assert_eq!((cloud.desired(), cloud.in_state("running").len()), (3, 3));
    let mut of: Vec<_> = seen(&fleet, Lifecycle::Running).await;
    of.sort_by(|one, other| one.intent.cmp(&other.intent));
    let intents: Vec<_> = of.iter().map(|instance| instance.intent.as_str()).collect();
    assert_eq!(intents, ["a", "a", "b"]);
}

#[tokio::test]
async fn a_group_that_launches_late_is_not_asked_for_more() {
    let cloud = Cloud::new().await;
    cloud.state().lag = 6;
    let fleet = cloud.grouped().await;
    for _ in 0..4 {
        fleet.launch(&intent("a", 2)).await.unwrap();
    }
    assert_eq!(cloud.state().group.desired, 2);
}

#[tokio::test]
async fn an_instance_ends_by_itself_alone_and_one_less_is_wanted() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.prepare().await.unwrap();
    fleet.launch(&intent("a", 3)).await.unwrap();
    let gone = id(&cloud.in_state("running")[1]);
    fleet.terminate(&gone).await.unwrap();
    assert_eq!(cloud.state().group.desired, 2);
    // The hook keeps it, until the next look tells the group to go on.
    assert_eq!(seen(&fleet, Lifecycle::Stopping).await.len(), 1);
    assert_eq!(cloud.state().group.went_on, [gone.as_str()]);
    assert_eq!(cloud.in_state("terminated"), [gone.as_str()]);
    fleet.terminate(&gone).await.unwrap();
    assert_eq!(cloud.state().group.desired, 2, "also when it is asked for again");
}

#[tokio::test]
async fn a_lost_answer_to_an_end_wants_one_less_and_not_two() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.prepare().await.unwrap();
    fleet.launch(&intent("a", 3)).await.unwrap();
    let gone = id(&cloud.in_state("running")[0]);
    cloud.state().lose = vec!["TerminateInstanceInAutoScalingGroup"];
    fleet.terminate(&gone).await.unwrap_err();
    fleet.terminate(&gone).await.unwrap();
    assert_eq!(cloud.state().group.desired, 2);
}

#[tokio::test]
async fn the_groups_maximum_is_kept_and_said() {
    let cloud = Cloud::new().await;
    cloud.state().group.max = 2;
    let fleet = cloud.grouped().await;
    let refused = fleet.launch(&intent("a", 3)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InsufficientCapacity);
    assert!(refused.chain().contains("the group's maximum is 2"), "{}", refused.chain());
    assert_eq!(cloud.state().group.desired, 2, "as far as it goes");
}

#[tokio::test]
async fn the_group_keeps_off_its_instances_and_what_is_undone_is_done_again() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.prepare().await.unwrap();
    let group = |cloud: &Cloud| {
        let state = cloud.state();
        (state.group.protects, state.group.suspended, state.group.hooks)
    };
    assert_eq!(group(&cloud), (true, true, true));
    cloud.state().group.protects = false;
    cloud.state().group.suspended = false;
    fleet.launch(&intent("a", 1)).await.unwrap();
    assert_eq!(group(&cloud), (true, true, true));
}

#[tokio::test]
async fn what_ended_by_itself_is_taken_out_of_the_group_and_replaced() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    for _ in 0..2 {
        fleet.launch(&intent("a", 2)).await.unwrap();
    }
    let victim = cloud.in_state("running").remove(0);
    cloud.state().machines.get_mut(&victim).unwrap().state = "stopped";
    fleet.launch(&intent("b", 1)).await.unwrap();
    assert_eq!((cloud.desired(), cloud.in_state("running").len()), (2, 2));
    assert_eq!(cloud.in_state("terminated"), [victim]);
}

#[tokio::test]
async fn a_capacity_that_somebody_lowered_is_left_so_and_said() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.launch(&intent("a", 3)).await.unwrap();
    fleet.observe().await.unwrap();
    cloud.state().group.desired = 1;
    for _ in 0..3 {
        fleet.observe().await.unwrap();
    }
    let refused = fleet.launch(&intent("b", 1)).await.unwrap_err();
    assert!(refused.chain().contains("somebody lowered it from 3 to 1"), "{}", refused.chain());
    assert_eq!(cloud.state().group.desired, 1);
}

#[tokio::test]
async fn instances_that_somebody_asked_for_are_capacity_like_any_other() {
    let cloud = Cloud::new().await;
    let fleet = cloud.grouped().await;
    fleet.launch(&intent("a", 1)).await.unwrap();
    cloud.state().group.desired = 3;
    cloud.state().fill_group();
    fleet.launch(&intent("a", 1)).await.unwrap();
    assert_eq!(seen(&fleet, Lifecycle::Running).await.len(), 3);
    let others = seen(&fleet, Lifecycle::Running).await;
    let drained = others.iter().find(|instance| instance.intent.as_str() != "a").unwrap();
    fleet.terminate(&drained.id).await.unwrap();
    assert_eq!(cloud.state().group.desired, 2);
}

#[tokio::test]
async fn a_group_that_is_not_there_is_said_to_be_missing() {
    let server = crate::server::Server::start(|_| {
        crate::server::Reply::ok(
            "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups/></DescribeAutoScalingGroupsResult></R>",
        )
    })
    .await;
    let options = pixmill_ec2::FleetOptions { target_group: None, port: 1, token: String::new() };
    let group = pixmill_ec2::AsgOptions { group: "no".to_owned(), drain: None };
    let clock = std::sync::Arc::new(pixmill_contract::SystemClock);
    let configuration = server.configuration().await;
    let fleet = pixmill_ec2::AsgFleet::new(&configuration, &options, group, clock).unwrap();
    let missing = fleet.prepare().await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
