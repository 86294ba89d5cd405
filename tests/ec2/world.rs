//! A pipeline on S3 and SQS, machines that work on it, and a controller that looks after them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{SOON, software};
use crate::harness::{
    Cloud, Invocation, Machine, Patience, Place, Power, Region, Running, Software, eventually,
    token_file,
};

/// Pictures, and what is made of each: a little work.
pub(crate) const PICTURES: u32 = 200;
const LIGHT: &str = "resize:500,enlarge=true | median:5 -> jpeg";

/// How far away the store and the queue are: so far that a job takes a second, however fast the machine
/// is, and there is work for longer than a controller's lease outlives it.
const FAR: Duration = Duration::from_millis(150);

/// A pipeline, its machines, and what runs on them.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) region: Region,
    pub(crate) power: Power,
    port: u16,
    /// The flags that lead to the fleet, for a controller and for whoever looks.
    pub(crate) launching: Vec<String>,
    pub(crate) looking: Vec<String>,
}

/// What runs on the machines in the place of workers.
type Instead = Option<fn() -> Invocation>;

impl World {
    fn new(launching: Vec<String>, looking: Vec<String>, region: Region, instead: Instead) -> Self {
        let (place, cloud) = (Place::new(), Arc::new(Cloud::new()));
        let port = region.worker_port();
        let software: Software = match instead {
            Some(instead) => Arc::new(move |_, _| instead()),
            None => software(&place, &cloud, &region, port, &[]),
        };
        let power = region.power(software);
        Self { place, cloud, region, power, port, launching, looking }
    }

    /// Plain instances, registered with a target group.
    pub(crate) fn plain() -> Self {
        Self::plain_with(None)
    }

    pub(crate) fn plain_with(instead: Instead) -> Self {
        let region = Region::new();
        let group = region.target_group();
        let subnets = region.subnets.join(",");
        let flags = ["--launch-template", &region.template, "--subnet", &subnets];
        let looking = ["--target-group", &group].map(str::to_owned);
        let launching = flags.map(str::to_owned).into_iter().chain(looking.clone());
        Self::new(launching.collect(), looking.to_vec(), region, instead)
    }

    /// An Auto Scaling group with its target group.
    pub(crate) fn group() -> Self {
        Self::group_with(None)
    }

    pub(crate) fn group_with(instead: Instead) -> Self {
        let region = Region::new();
        let (name, targets) = (format!("group-{}", region.template), region.target_group());
        region.group(&name, 3);
        let flags = ["--asg", &name, "--target-group", &targets].map(str::to_owned);
        Self::new(flags.to_vec(), flags.to_vec(), region, instead)
    }

    /// A command that is told of the fleet.
    pub(crate) fn command(&self, command: &str, flags: &[String]) -> Invocation {
        let command = self.region.reach(self.cloud.pixmill(command)).args(flags);
        let command = command.args(["--worker-port", &self.port.to_string()]).arg("--token-file");
        command.arg(token_file(&self.place.path(""))).bound(SOON)
    }

    pub(crate) fn controller(&self) -> Invocation {
        let controller = self.command("controller", &self.launching);
        let controller = controller.args(["--max", "3", "--interval", "500ms", "--boot", "2s"]);
        controller.args(["--target-latency", "5s", "--explain"])
    }

    pub(crate) fn submit(&self) {
        self.place.put_photos(PICTURES);
        self.cloud.submit(&self.place, LIGHT).bound(SOON).go().expect(0);
        self.cloud.gateway.delay(FAR);
    }

    /// Sends everybody home, by a policy of none.
    pub(crate) fn send_home(&self) {
        let none = self.command("controller", &self.launching).args(["--max", "0"]);
        none.args(["--interval", "500ms"]).go().expect(0);
        self.until_running(0);
    }

    pub(crate) fn running(&self) -> Vec<Machine> {
        let all = self.region.machines();
        all.into_iter().filter(|machine| machine.state == "running").collect()
    }

    pub(crate) fn until_running(&self, count: usize) -> Vec<Machine> {
        eventually(&format!("{count} instances"), SOON, || {
            let running = self.running();
            (running.len() == count).then_some(running)
        })
    }

    pub(crate) fn done(&self) -> usize {
        self.cloud.keys("results/").len()
    }

    pub(crate) fn until_done(&self, count: usize) {
        eventually(&format!("{count} results"), SOON, || (self.done() >= count).then_some(()));
    }

    pub(crate) fn fleet(&self) -> Value {
        let status = self.command("status", &self.looking).args(["--fleet", "--json"]);
        status.go().expect(0).json()["fleet"].clone()
    }

    /// Waits until so many workers are at work, by what is told of the fleet.
    pub(crate) fn until_at_work(&self, count: usize) {
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
    pub(crate) fn assert_nothing_lost(&self) {
        let results = self.cloud.results();
        assert_eq!(results.len(), PICTURES as usize);
        for (key, result) in &results {
            assert_eq!(result["state"], "done", "{key}: {result}");
        }
        let empty = |queue: &str| (self.cloud.depth(queue) == 0).then_some(());
        eventually("empty queues", SOON, || empty(&self.cloud.queue));
        assert_eq!(self.cloud.depth(&self.cloud.dead), 0);
    }
}

/// A controller whose decisions are told when the test fails.
pub(crate) struct Told(pub(crate) Running);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}{}", self.0.stdout(), self.0.stderr());
        }
    }
}
