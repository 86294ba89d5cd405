//! `pixmill controller --backend aws` over machines: from none to as many as the work needs, through
//! losses and its own death, and back to none, without losing a job.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{SOON, software};
use crate::harness::{
    Cloud, Invocation, Machine, Patience, Place, Power, Region, Running, eventually, token_file,
};

/// Pictures, and what is made of each: some tenths of a second of work.
const PICTURES: u32 = 150;
const SLOW: &str = "resize:1200,enlarge=true | median:9 | blur:31 -> jpeg";

/// A pipeline, its machines, and what runs on them.
struct World {
    place: Place,
    cloud: Arc<Cloud>,
    region: Region,
    power: Power,
    port: u16,
    /// The flags that lead to the fleet, for a controller and for whoever looks.
    launching: Vec<String>,
    looking: Vec<String>,
}

impl World {
    fn new(launching: Vec<String>, looking: Vec<String>, region: Region) -> Self {
        let (place, cloud) = (Place::new(), Arc::new(Cloud::new()));
        let port = region.worker_port();
        let power = region.power(software(&place, &cloud, &region, port));
        Self { place, cloud, region, power, port, launching, looking }
    }

    /// Plain instances, registered with a target group.
    fn plain() -> Self {
        let region = Region::new();
        let group = region.target_group();
        let subnets = region.subnets.join(",");
        let flags = ["--launch-template", &region.template, "--subnet", &subnets];
        let looking = ["--target-group", &group].map(str::to_owned);
        let launching = flags.map(str::to_owned).into_iter().chain(looking.clone());
        Self::new(launching.collect(), looking.to_vec(), region)
    }

    /// An Auto Scaling group.
    fn group() -> Self {
        let region = Region::new();
        let name = format!("group-{}", region.template);
        region.group(&name, 3);
        let flags = vec!["--asg".to_owned(), name];
        Self::new(flags.clone(), flags, region)
    }

    /// A command that is told of the fleet.
    fn command(&self, command: &str, flags: &[String]) -> Invocation {
        let command = self.region.reach(self.cloud.pixmill(command)).args(flags);
        let command = command.args(["--worker-port", &self.port.to_string()]).arg("--token-file");
        command.arg(token_file(&self.place.path(""))).bound(SOON)
    }

    fn controller(&self) -> Invocation {
        let controller = self.command("controller", &self.launching);
        let controller = controller.args(["--max", "3", "--interval", "500ms", "--boot", "2s"]);
        controller.args(["--target-latency", "5s", "--explain"])
    }

    fn submit(&self) {
        self.place.put_photos(PICTURES);
        self.cloud.submit(&self.place, SLOW).bound(SOON).go().expect(0);
    }

    fn running(&self) -> Vec<Machine> {
        let all = self.region.machines();
        all.into_iter().filter(|machine| machine.state == "running").collect()
    }

    fn until_running(&self, count: usize) -> Vec<Machine> {
        eventually(&format!("{count} instances"), SOON, || {
            let running = self.running();
            (running.len() == count).then_some(running)
        })
    }

    fn done(&self) -> usize {
        self.cloud.keys("results/").len()
    }

    fn until_done(&self, count: usize) {
        eventually(&format!("{count} results"), SOON, || (self.done() >= count).then_some(()));
    }

    fn fleet(&self) -> Value {
        let status = self.command("status", &self.looking).args(["--fleet", "--json"]);
        status.go().expect(0).json()["fleet"].clone()
    }

    /// Waits until so many workers are at work, by what is told of the fleet.
    fn until_at_work(&self, count: usize) {
        eventually(&format!("{count} workers"), SOON, || {
            let rest = Patience::new(Duration::from_millis(300));
            while rest.wait() {}
            let fleet = self.fleet();
            let instances = fleet["instances"].as_array().unwrap();
            let at_work = |i: &&Value| i["report"]["leases"].as_u64().is_some_and(|n| n > 0);
            (instances.iter().filter(at_work).count() == count).then_some(())
        });
    }

    /// Every job has ended once, as done, and nothing is left in either queue.
    fn assert_nothing_lost(&self) {
        let results = self.cloud.results();
        assert_eq!(results.len(), PICTURES as usize);
        for (key, result) in &results {
            assert_eq!(result["state"], "done", "{key}: {result}");
        }
        let empty = |queue: &str| (self.cloud.depth(queue) == 0).then_some(());
        eventually("empty queues", SOON, || empty(&self.cloud.queue));
        assert_eq!(self.cloud.depth(&self.cloud.dead), 0);
    }

    /// From none to three, with losses and a dead controller in between, and back to none.
    fn live(&self) -> String {
        self.submit();
        let first = Told(self.controller().start());
        self.until_at_work(3);
        let [terminated, stopped, _] = &self.until_running(3)[..] else { panic!("three run") };
        self.region.by_hand("TerminateInstances", &terminated.id);
        let is_seen = |id: &str| {
            let fleet = self.fleet();
            let instances = fleet["instances"].as_array().unwrap();
            instances.iter().any(|i| i["id"] == id && i["state"] == "ended").then_some(())
        };
        eventually("an end by hand to be seen", SOON, || is_seen(&terminated.id));
        self.until_running(3);
        self.until_at_work(3);

        first.0.signal(Signal::KILL);
        let timeline = first.0.stdout();
        drop(first);
        let second = Told(self.controller().start());
        self.region.by_hand("StopInstances", &stopped.id);
        let before = self.done();
        assert!(before < PICTURES as usize, "it was over before its controller died\n{timeline}");
        self.until_at_work(3);
        self.until_done(PICTURES as usize);
        self.until_running(0);
        second.0.signal(Signal::TERM);
        let last = || second.0.stdout().contains("0 instances").then_some(());
        eventually("a last word", SOON, last);
        let timeline = timeline + &second.0.stdout();
        self.assert_nothing_lost();
        timeline
    }
}

/// A controller whose decisions are told when the test fails.
struct Told(Running);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}{}", self.0.stdout(), self.0.stderr());
        }
    }
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
    let timeline = world.live();
    assert_only_the_drained_were_ended(&timeline);
    let all = world.region.machines();
    assert!(all.iter().all(|machine| machine.state == "terminated"), "{all:?}");
    assert!(all.len() <= 5, "{} were launched where three were allowed: {timeline}", all.len());
}

#[test]
fn a_group_from_none_to_three_through_losses_and_back_to_none() {
    let world = World::group();
    let timeline = world.live();
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
    let published = |asked: &[crate::harness::Request]| {
        asked.iter().any(|request| request.action == "PutMetricData").then_some(())
    };
    eventually("metrics", SOON, || published(&world.region.gateway.take_requests()));
    assert!(world.power.count() >= 3);
    stop(controller);
    world
        .command("controller", &world.launching)
        .args(["--max", "0", "--interval", "500ms"])
        .go()
        .expect(0);
    world.until_running(0);
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
