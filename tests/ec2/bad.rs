//! Worlds that go wrong, on both fleets: those of any fleet (`tests/controller/bad.rs`), and those that
//! only machines know. Time passes by the controller's clock, so that ten minutes take seconds.
//!
//! The emulator keeps nobody `initial`, gives no notices and never answers late: what its target
//! groups and its lists say here is said by the gateway in front of it, and notices by the metadata
//! service of each machine.

use std::time::Duration;

use pixmill_contract::port::Instance;
use pixmill_controller::{Action, DrainReason, TerminateReason};

use super::ground::{Machines, open};
use crate::controller::bad::{self, Leaving, many};
use crate::controller::working::{Working, told, until};
use crate::controller::world::On;
use crate::controller::{SLOW, SOON};
use crate::harness::{TWO, Treatment};

/// A notice of a spot instance's end, which is far away: what is tested is a drain, and no haste.
const NOTICE: &str = r#"{"action": "terminate", "time": "2126-01-01T00:00:00Z"}"#;

/// A third of the fleet is told that it is to go: it drains by itself, is ended and replaced.
async fn a_third_gets_notices(on: On) {
    let (mut world, machines) = open(on, 6, &[], false).await;
    world.policy.min = 6;
    world.place.put_photos(many());
    world.submit(SLOW);
    let working = Working::start(world.controller());
    let six = world.until_at_work(6).await;
    let (told_to_go, others) = six.split_at(2);
    for instance in told_to_go {
        machines.power.say(instance.id.as_str(), "spot/instance-action", NOTICE);
    }
    let has_gone = |instance: &Instance| {
        let drained = working.actions().into_iter().any(|action| match action {
            Action::Drain { id, why } => id == instance.id && why == DrainReason::Itself,
            Action::Launch { .. } | Action::Terminate { .. } => false,
        });
        drained && end_of(&working, instance) == Some(TerminateReason::Drained)
    };
    let all_gone = until("an end of those with notices", async || told_to_go.iter().all(has_gone));
    let are_gone = tokio::time::timeout(SOON / 2, all_gone).await.is_ok();
    assert!(are_gone, "{told_to_go:?} were not ended: {}", told(&working.decisions()));
    world.until_results(many() as usize).await;
    world.until_reporting(6).await;
    for instance in others {
        assert_eq!(end_of(&working, instance), None, "{}", told(&working.decisions()));
    }
    let decisions = working.stop().await;
    assert_eq!(world.ever(), 8, "{}", told(&decisions));
    world.assert_all_done(many() as usize);
}

/// Why an instance was ended, if it was.
fn end_of(working: &Working, instance: &Instance) -> Option<TerminateReason> {
    working.actions().into_iter().find_map(|action| match action {
        Action::Terminate { id, why } if id == instance.id => Some(why),
        Action::Terminate { .. } | Action::Drain { .. } | Action::Launch { .. } => None,
    })
}

/// What a target group says that says `initial` of all.
fn initial(machines: &Machines) -> &'static str {
    let one = |id: &str| {
        format!(
            "<member><Target><Id>{id}</Id></Target><TargetHealth><State>initial</State>\
             <Reason>Elb.InitialHealthChecking</Reason></TargetHealth></member>"
        )
    };
    let all: String = machines.region.machines().iter().map(|machine| one(&machine.id)).collect();
    let answer = format!(
        "<R><DescribeTargetHealthResult><TargetHealthDescriptions>{all}\
         </TargetHealthDescriptions></DescribeTargetHealthResult></R>"
    );
    // It is said for as long as there is somebody to listen.
    answer.leak()
}

/// The load balancer does not come to an end with its first checks, for ten minutes: nobody is
/// replaced for that, and work goes on.
async fn initial_for_ten_minutes(on: On) {
    let (mut world, machines) = open(on, 2, &[], true).await;
    world.policy.min = 2;
    world.policy.interval = Duration::from_millis(100);
    let working = Working::start(world.controller());
    let two = world.until_reporting(2).await;
    let said = initial(&machines);
    machines.region.gateway.treat(move |request| match &*request.action {
        "DescribeTargetHealth" => Treatment::Say(said),
        _ => Treatment::Pass,
    });
    world.pass(&working, Duration::from_mins(5)).await;
    world.place.put_photos(10);
    world.submit(TWO);
    world.until_results(10).await;
    world.pass(&working, Duration::from_mins(5)).await;
    let left = world.until_reporting(2).await;
    let says = |i: &Instance| i.target.as_ref().and_then(|target| target.reason.clone());
    assert!(left.iter().all(|i| says(i).as_deref() == Some("Elb.InitialHealthChecking")));
    let ids = |of: &[Instance]| of.iter().map(|i| i.id.clone()).collect::<Vec<_>>();
    let decisions = working.stop().await;
    assert_eq!(ids(&left), ids(&two), "{}", told(&decisions));
    let passed = decisions.last().unwrap().record.at.since(decisions[0].record.at);
    assert!(passed >= Duration::from_mins(10), "only {passed:?} passed");
    world.assert_all_done(10);
}

/// EC2 and the group answer as it was before anybody was launched, and go on so for a while: nobody
/// is launched twice.
async fn lists_are_old_when_machines_come(on: On) {
    let (mut world, machines) = open(on, 4, &[], false).await;
    world.policy.min = 2;
    // Long enough for lists as old as these.
    world.policy.boot = Duration::from_secs(30);
    let before = (on == On::Group).then(|| machines.region.said_of(&machines.region.template));
    machines.region.gateway.treat(move |request| match (&*request.action, before) {
        ("DescribeInstances", _) => Treatment::Say("<R><reservationSet/></R>"),
        ("DescribeAutoScalingGroups", Some(before)) => Treatment::Say(before),
        _ => Treatment::Pass,
    });
    let working = Working::start(world.controller());
    until("machines", async || world.ever() > 0).await;
    // An intent is asked for again for half a minute.
    world.pass(&working, Duration::from_secs(40)).await;
    assert_eq!(world.ever(), 2, "{}", told(&working.decisions()));
    machines.region.gateway.treat(|_| Treatment::Pass);
    world.until_reporting(2).await;
    working.ticks(3).await;
    let decisions = working.stop().await;
    assert_eq!(world.ever(), 2, "{}", told(&decisions));
}

/// How a controller leaves in every day's form; in the long one it is killed.
fn leaving() -> Leaving {
    let is_long = std::env::vars().any(|(name, _)| name == "PIXMILL_SOAK_PICTURES");
    if is_long { Leaving::Killed } else { Leaving::Stopped }
}

mod plain {
    use super::*;

    const ON: On = On::Plain;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn stale_answers_are_no_reason_to_go() {
        bad::answers_are_old(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_worker_that_hangs_with_leases_is_replaced_and_others_do_its_jobs() {
        bad::a_worker_hangs(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pictures_that_hang_or_kill_their_workers_end_dead_and_cost_no_other_job() {
        bad::pictures_are_poison(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn fewer_are_allowed_than_there_are() {
        bad::fewer_are_allowed(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_clock_that_jumps_sends_nobody_home_and_launches_nobody() {
        bad::the_clock_jumps(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_two_controllers_one_acts_and_the_other_takes_over() {
        bad::two_controllers_meet(ON, leaving()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn spot_notices_for_a_third_of_the_fleet_cost_no_job() {
        a_third_gets_notices(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn initial_for_ten_minutes_replaces_nobody() {
        initial_for_ten_minutes(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lists_that_come_late_launch_nobody_twice() {
        lists_are_old_when_machines_come(ON).await;
    }
}

mod group {
    use super::*;

    const ON: On = On::Group;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn stale_answers_are_no_reason_to_go() {
        bad::answers_are_old(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_worker_that_hangs_with_leases_is_replaced_and_others_do_its_jobs() {
        bad::a_worker_hangs(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pictures_that_hang_or_kill_their_workers_end_dead_and_cost_no_other_job() {
        bad::pictures_are_poison(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn fewer_are_allowed_than_there_are() {
        bad::fewer_are_allowed(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_clock_that_jumps_sends_nobody_home_and_launches_nobody() {
        bad::the_clock_jumps(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_two_controllers_one_acts_and_the_other_takes_over() {
        bad::two_controllers_meet(ON, leaving()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn spot_notices_for_a_third_of_the_fleet_cost_no_job() {
        a_third_gets_notices(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn initial_for_ten_minutes_replaces_nobody() {
        initial_for_ten_minutes(ON).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lists_that_come_late_launch_nobody_twice() {
        lists_are_old_when_machines_come(ON).await;
    }
}
