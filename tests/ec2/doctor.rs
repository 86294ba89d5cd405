//! What `doctor` says of fleets that are set up wrong, each in one way. The emulator refuses nobody, and
//! believes in processes and instances that cannot be: the gateway says of those what AWS does.

use serde_json::Value;

use super::world::World;
use crate::harness::{Invocation, Request, Treatment};

/// What is found that is neither fine nor unknown: check, status, fix.
#[track_caller]
fn wrong(doctor: Invocation, code: i32) -> Vec<(String, String, String)> {
    let findings = doctor.arg("--json").go().expect(code).json();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let all = findings.as_array().unwrap().iter();
    let all = all.map(|f| (text(f, "check"), text(f, "status"), text(f, "fix")));
    all.filter(|(_, status, _)| status != "ok" && status != "unknown").collect()
}

fn checks(found: &[(String, String, String)]) -> Vec<&str> {
    found.iter().map(|(check, ..)| check.as_str()).collect()
}

/// Asks about the fleet, by what a controller is told.
fn doctor(world: &World) -> Invocation {
    doctor_of(world, "3")
}

/// The same, of a controller that is to want so many.
fn doctor_of(world: &World, max: &str) -> Invocation {
    let doctor = world.region.reach(world.cloud.pixmill("doctor"));
    doctor.args(&world.launching).args(["--max", max])
}

/// What AWS says to what cannot be.
fn refused(request: &Request) -> Treatment {
    let is_nobody = request.document.contains("pixmill-doctor") && request.service != "ec2";
    if is_nobody { Treatment::Refuse(400, "ValidationError", "") } else { Treatment::Pass }
}

/// What is amiss with every fleet of the emulator's: a template without a role, which demands no
/// tokens of who is in a group, and a target group without a load balancer.
const AMISS: [&str; 2] = ["launch template", "load balancer"];

#[test]
fn a_group_is_set_up_by_its_controller_and_what_is_missing_is_named() {
    let world = World::group();
    world.region.gateway.treat(refused);
    let found = wrong(doctor(&world), 0);
    let before = ["zone rebalancing", "scale-in protection", "lifecycle hook"];
    assert_eq!(checks(&found), [&before[..], &AMISS].concat(), "{found:?}");
    world.send_home();
    assert_eq!(checks(&wrong(doctor(&world), 0)), AMISS);
    let said = doctor(&world).go().expect(0).stdout;
    for line in [
        "ok      MaxSize: 3\n",
        "ok      zone rebalancing: suspended\n",
        "ok      lifecycle hook: pixmill-drain\n",
        "ok      autoscaling:SetDesiredCapacity: not denied\n",
        "ok      health check: /health at traffic-port",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    let more = wrong(doctor_of(&world, "20"), 0);
    assert!(more[0].0 == "MaxSize" && more[0].2.contains("--max-size 20"), "{more:?}");
    let other = world.region.reach(world.cloud.pixmill("doctor")).args(["--asg", "nobody"]);
    let found = wrong(other, 1);
    assert_eq!((checks(&found), &*found[0].1), (vec!["Auto Scaling group"], "error"));
}

#[test]
fn every_permission_that_a_controller_lacks_is_named() {
    for (world, actions) in [
        (
            World::group(),
            &[
                "ec2:DescribeInstances",
                "autoscaling:SetDesiredCapacity",
                "autoscaling:SetInstanceProtection",
                "autoscaling:PutLifecycleHook",
                "autoscaling:CompleteLifecycleAction",
                "elasticloadbalancing:DescribeTargetHealth",
            ][..],
        ),
        (
            World::plain(),
            &[
                "ec2:RunInstances",
                "elasticloadbalancing:RegisterTargets",
                "elasticloadbalancing:DeregisterTargets",
            ],
        ),
    ] {
        world.region.gateway.treat(|request| {
            let is_one = request.service != "monitoring" && !request.action.contains("Hooks");
            if is_one { Treatment::Deny } else { Treatment::Pass }
        });
        let found = wrong(doctor(&world), 1);
        for action in actions {
            let is_named = |(check, status, fix): &(String, String, String)| {
                check == action && status == "error" && fix.contains(&format!("allow {action}"))
            };
            assert!(found.iter().any(is_named), "{action} is not in {found:?}");
        }
    }
}

#[test]
fn plain_instances_are_launched_in_a_rehearsal_only() {
    let world = World::plain();
    world.region.gateway.treat(refused);
    let said = doctor(&world).go().expect(0).stdout;
    assert!(said.contains("ok      ec2:RunInstances: allowed\n"), "{said}");
    assert_eq!(world.region.machines(), []);
    let name = "nobody";
    let other = world.region.reach(world.cloud.pixmill("doctor"));
    let found = wrong(other.args(["--launch-template", name]), 1);
    assert!(checks(&found).contains(&"launch template"), "{found:?}");
    // What ends instances is asked about one that there is.
    let controller = world.controller().args(["--min", "1"]).start();
    world.until_running(1);
    drop(controller);
    let said = doctor(&world).go().expect(0).stdout;
    for action in ["CreateTags", "DeleteTags", "TerminateInstances", "StopInstances"] {
        let line = format!("ok      ec2:{action}: allowed\n");
        assert!(said.contains(&line), "{line:?} is not in\n{said}");
    }
    assert_eq!(world.running().len(), 1, "it was asked about, and no more");
}
