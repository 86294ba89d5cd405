//! `pixmill controller --backend aws` over machines: from none to as many as the work needs, through
//! losses and its own death, and back to none, without losing a job.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::SOON;
use super::world::{PICTURES, Told, World};
use crate::api::Server;
use crate::harness::{Running, eventually, token_file};

/// From none to three, with losses and a dead controller in between, and back to none.
fn live(world: &World) -> String {
    world.submit();
    let first = Told(world.controller().start());
    world.until_at_work(3);
    let [terminated, stopped, _] = &world.until_running(3)[..] else { panic!("three run") };
    world.region.by_hand("TerminateInstances", &terminated.id);
    let is_seen = |id: &str| {
        let fleet = world.fleet();
        let instances = fleet["instances"].as_array().unwrap();
        instances.iter().any(|i| i["id"] == id && i["state"] == "ended").then_some(())
    };
    eventually("an end by hand to be seen", SOON, || is_seen(&terminated.id));
    world.until_running(3);
    world.until_at_work(3);

    first.0.signal(Signal::KILL);
    let timeline = first.0.stdout();
    drop(first);
    let second = Told(world.controller().start());
    world.region.by_hand("StopInstances", &stopped.id);
    let before = world.done();
    assert!(before < PICTURES as usize, "it was over before its controller died\n{timeline}");
    world.until_running(3);
    world.until_done(PICTURES as usize);
    world.until_running(0);
    let last = || second.0.stdout().contains("0 instances").then_some(());
    eventually("a last word", SOON, last);
    let timeline = timeline + &second.0.stdout();
    world.assert_nothing_lost();
    timeline
}

fn stop(controller: Running) -> String {
    controller.signal(Signal::TERM);
    controller.end().expect(0).stdout
}

/// Whoever was ended by the controller had drained before.
fn assert_only_the_drained_were_ended(timeline: &str) {
    let ends: Vec<_> = timeline.lines().filter(|line| line.contains("terminate ")).collect();
    assert!(!ends.is_empty(), "nobody was ended:\n{timeline}");
    for end in ends {
        assert!(end.contains("it holds nothing any more"), "{end}\n{timeline}");
    }
}

#[test]
fn plain_instances_from_none_to_three_through_losses_and_back_to_none() {
    let world = World::plain();
    let timeline = live(&world);
    assert_only_the_drained_were_ended(&timeline);
    let all = world.region.machines();
    assert!(all.iter().all(|machine| machine.state == "terminated"), "{all:?}");
    assert!(all.len() <= 5, "{} were launched where three were allowed: {timeline}", all.len());
}

#[test]
fn a_group_from_none_to_three_through_losses_and_back_to_none() {
    let world = World::group();
    let timeline = live(&world);
    assert_only_the_drained_were_ended(&timeline);
    assert_eq!(world.region.desired(&world.looking[1]), 0, "{timeline}");
}

#[test]
fn a_rehearsal_touches_no_machine_and_a_look_tells_of_each() {
    let world = World::plain();
    world.submit();
    let rehearsal = world.controller().arg("--dry-run").start();
    eventually("a decision", SOON, || rehearsal.stdout().contains("launch").then_some(()));
    stop(rehearsal);
    assert_eq!(world.region.machines(), []);
    let acts = |action: &str| !action.is_empty() && !action.starts_with("Describe");
    let asked = world.region.gateway.take_requests();
    assert!(asked.iter().all(|request| !acts(&request.action)), "{asked:?}");

    let controller = world.controller().args(["--cloudwatch", "Pixmill"]).start();
    world.until_at_work(3);
    let status = world.command("status", &world.looking).arg("--fleet").go().expect(0).stdout;
    assert!(status.contains("target healthy"), "{status}");
    sees_the_fleet_in_the_store(&world);
    let published = |asked: &[crate::harness::Request]| {
        asked.iter().any(|request| request.action == "PutMetricData").then_some(())
    };
    eventually("metrics", SOON, || published(&world.region.gateway.take_requests()));
    assert!(world.power.count() >= 3);
    stop(controller);
    world.send_home();
}

/// Who serves the pipeline sees its fleet without being able to ask EC2 for it.
fn sees_the_fleet_in_the_store(world: &World) {
    let producer = world.cloud.pixmill("producer").arg("--spool").arg(world.place.path("spool"));
    let server = Server::start(producer);
    let at_work = |fleet: &Value| {
        let instances = fleet["instances"].as_array().unwrap();
        let works = |i: &&Value| i["report"]["leases"].as_u64().is_some_and(|leases| leases > 0);
        instances.iter().filter(works).count() == 3 && fleet["totals"]["desired"] == 3
    };
    let fleet = eventually("the fleet in the store", SOON, || {
        Some(server.get("/v1/fleet").expect(200).json()).filter(at_work)
    });
    let one = &fleet["instances"][0];
    assert_eq!((&one["state"], &one["drainable"]), (&"ready".into(), &false.into()), "{one}");
    assert_eq!(one["target"]["state"], "healthy", "{one}");
    let drain = format!("/v1/fleet/{}/drain", one["id"].as_str().unwrap());
    let refused = server.post_json(&drain, &json!({})).expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("--max"), "{refused}");
    let session = server.get("/v1/session").expect(200).json();
    assert!(session["features"].as_array().unwrap().contains(&"fleet".into()), "{session}");
    server.process.signal(Signal::TERM);
    server.process.end().expect(0);
}

#[test]
fn what_is_missing_is_said() {
    let world = World::plain();
    let bare = |flags: &[&str], why: &str| {
        let controller = world.region.reach(world.cloud.pixmill("controller")).args(flags);
        controller.go().expect(2).says(&[why]);
    };
    bare(&[], "--token-file");
    let token = token_file(&world.place.path(""));
    let token = token.to_str().unwrap();
    bare(&["--token-file", token], "--asg NAME, or --launch-template NAME");
    bare(&["--token-file", token, "--asg", "nobody"], "there is none of this name");
    let local = world.place.on_data("controller").args(["--asg", "x"]);
    local.go().expect(2).says(&["--backend aws"]);
}
