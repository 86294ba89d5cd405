//! Worlds that go wrong around machines, as the command sees them: services that refuse, zones without
//! machines, probes that lie, machines that never come up. Those in which more than minutes pass are
//! in `bad.rs`.

use std::time::Duration;

use super::SOON;
use super::world::{PICTURES, Told, World};
use crate::harness::{Invocation, Patience, Treatment, eventually};

/// Long enough for a hasty controller to do harm in.
const WHILE: Duration = Duration::from_secs(6);

fn pass(time: Duration) {
    let rest = Patience::new(time);
    while rest.wait() {}
}

/// Refuses calls of these actions, as EC2 and its kin do.
fn refuse(world: &World, actions: &'static [&'static str], status: u16, code: &'static str) {
    world.region.gateway.treat(move |request| {
        if actions.contains(&request.action.as_str()) {
            Treatment::Refuse(status, code, "")
        } else {
            Treatment::Pass
        }
    });
}

fn mend(world: &World) {
    world.region.gateway.treat(|_| Treatment::Pass);
}

/// What a target group says, if it says the same of all.
fn all_targets_are(world: &World, state: &str, reason: &str) {
    let one = |id: &str| {
        format!(
            "<member><Target><Id>{id}</Id></Target><TargetHealth><State>{state}</State>\
             <Reason>{reason}</Reason></TargetHealth></member>"
        )
    };
    let all: String = world.region.machines().iter().map(|machine| one(&machine.id)).collect();
    let answer = format!(
        "<R><DescribeTargetHealthResult><TargetHealthDescriptions>{all}\
         </TargetHealthDescriptions></DescribeTargetHealthResult></R>"
    );
    // It is said for as long as there is somebody to listen.
    let answer: &'static str = answer.leak();
    world.region.gateway.treat(move |request| match &*request.action {
        "DescribeTargetHealth" => Treatment::Say(answer),
        _ => Treatment::Pass,
    });
}

/// No machine, then no answers, then probes that lie: nobody is launched twice, nobody is ended.
fn survives_its_services(world: &World) {
    refuse(world, &["RunInstances", "SetDesiredCapacity"], 500, "InsufficientInstanceCapacity");
    world.submit();
    let controller = Told(world.controller().args(["--min", "3"]).start());
    let says = |what: &str| controller.0.stdout().contains(what).then_some(());
    eventually("a word about capacity", SOON, || says("InsufficientInstanceCapacity"));
    assert_eq!(world.region.machines(), []);
    mend(world);
    world.until_at_work(3);
    let three = world.until_running(3);

    refuse(world, &["DescribeInstances", "DescribeAutoScalingGroups"], 503, "Unavailable");
    eventually("a word about the fleet", SOON, || says("the fleet could not be observed"));
    pass(WHILE);
    refuse(world, &["DescribeTargetHealth"], 503, "ServiceUnavailable");
    pass(WHILE);
    all_targets_are(world, "initial", "Elb.InitialHealthChecking");
    pass(WHILE);
    assert_eq!(world.running(), three, "nobody came and nobody went");
    all_targets_are(world, "unhealthy", "Target.FailedHealthChecks");
    world.until_done(PICTURES as usize);
    // Idle ones that all fail their checks are our own eyes' fault: the breaker opens.
    eventually("a word about our eyes", SOON, || says("look sick"));
    pass(WHILE);
    let gone = world.region.machines().len() - world.running().len();
    assert!(gone <= 1, "{gone} made room for a canary: {}", controller.0.stdout());
    drop(controller);
    mend(world);
    world.send_home();
    world.assert_nothing_lost();
}

#[test]
fn plain_instances_survive_their_services() {
    survives_its_services(&World::plain());
}

#[test]
fn a_group_survives_its_services() {
    survives_its_services(&World::group());
}

/// Machines that come up and never report are given up, and launches are held back.
fn gives_up_what_never_reports(world: &World) {
    world.submit();
    let controller = Told(world.controller().start());
    let says = |what: &str| controller.0.stdout().contains(what).then_some(());
    eventually("an end", SOON, || says("its worker has not reported"));
    let before = world.region.machines().len();
    pass(WHILE);
    let after = world.region.machines().len();
    assert!(after <= before + 3, "{after} machines, of which none works");
}

fn asleep() -> Invocation {
    Invocation::new("sleep".as_ref()).arg("600")
}

#[test]
fn plain_instances_that_never_report_are_given_up() {
    gives_up_what_never_reports(&World::plain_with(Some(asleep)));
}

#[test]
fn instances_of_a_group_that_never_report_are_given_up() {
    gives_up_what_never_reports(&World::group_with(Some(asleep)));
}
