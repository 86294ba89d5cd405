//! A world of machines: a fleet on the emulator of EC2, with the real worker on each, whose controller
//! runs in the tests' own process.

use std::sync::Arc;
use std::time::Duration;

use pixmill_aws::{
    AwsBackend, AwsOptions, Credentials, Linger, SdkConfig, SharedCredentialsProvider,
};
use pixmill_contract::{Buckets, Clock, Fleet, Pipeline};
use pixmill_ec2::{AsgFleet, AsgOptions, Ec2Fleet, Ec2Options, FleetOptions, Template};
use serde_json::Value;

use super::{SOON, software};
use crate::controller::world::{Ground, On, World, Wrong};
use crate::harness::{Cloud, Place, Power, Region, token_file};

/// The machines that a world stands on.
pub(crate) struct Machines {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) region: Region,
    pub(crate) power: Power,
    on: On,
    clock: Arc<Wrong>,
    configuration: SdkConfig,
    options: FleetOptions,
}

/// The way to a service of the emulators, set up as the program is.
pub(super) async fn configuration(url: String) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "the tests");
    pixmill_aws::configuration()
        .await
        .into_builder()
        .region(pixmill_aws::Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// At most so many machines, whose workers are told so. Nobody probes them: a probe of the emulator's
/// finds everybody healthy.
pub(crate) async fn world(on: On, max: u32, flags: &[&str]) -> World {
    let (world, _) = open(on, max, flags, false).await;
    world
}

/// The same, with what it stands on, and with a target group where one is wanted.
pub(super) async fn open(
    on: On,
    max: u32,
    flags: &[&str],
    is_probed: bool,
) -> (World, Arc<Machines>) {
    let (place, region, cloud) = (Place::new(), Region::new(), Arc::new(Cloud::new()));
    let (port, clock) = (region.worker_port(), Arc::new(Wrong::default()));
    let token = std::fs::read_to_string(token_file(&place.path(""))).unwrap().trim().to_owned();
    let target_group = is_probed.then(|| region.target_group());
    if on == On::Group {
        // Those that drain have places of their own.
        region.group(&region.template, 2 * max);
    }
    let power = region.power(software(&place, &cloud, &region, port, flags));
    let options = AwsOptions {
        bucket: cloud.bucket.clone(),
        queue: cloud.queue.clone(),
        dead_letter_queue: None,
        linger: Linger::default(),
    };
    let backend = AwsBackend::open(&configuration(cloud.gateway.url()).await, &options).await;
    let backend = backend.unwrap();
    let pipeline = Pipeline {
        buckets: Buckets::own(backend.store.bucket()),
        store: Arc::new(backend.store),
        jobs: Arc::new(backend.jobs),
        dead_letters: Arc::new(backend.dead_letters),
        replies: Arc::new(backend.replies),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
    };
    let configuration = configuration(region.gateway.url()).await;
    let options = FleetOptions { target_group, port, token };
    let at = Arc::clone(&clock);
    let machines = Machines { cloud, region, power, on, clock: at, configuration, options };
    let machines = Arc::new(machines);
    let (fleet, policy) = (machines.reopened(), World::policy(max));
    let ground = Box::new(Arc::clone(&machines));
    (World { place, pipeline, fleet, policy, clock, ground }, machines)
}

impl Ground for Arc<Machines> {
    fn submit(&self, place: &Place, recipe: &str) {
        self.cloud.submit(place, recipe).bound(SOON).go().expect(0);
    }

    fn results(&self) -> Vec<Value> {
        self.cloud.results().into_iter().map(|(_, result)| result).collect()
    }

    fn result_count(&self) -> usize {
        self.cloud.keys("results/").len()
    }

    fn ever(&self) -> usize {
        self.region.machines().len()
    }

    fn reopened(&self) -> Arc<dyn Fleet> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let name = self.region.template.clone();
        if self.on == On::Group {
            let options = AsgOptions { group: name, drain: Some(Duration::from_mins(1)) };
            let fleet = AsgFleet::new(&self.configuration, &self.options, options, clock);
            return Arc::new(fleet.unwrap());
        }
        let template = Some(Template::parse(&name));
        let subnets = self.region.subnets.clone();
        let options = Ec2Options { name, template, subnets, ..Ec2Options::default() };
        Arc::new(Ec2Fleet::new(&self.configuration, &self.options, options, clock).unwrap())
    }
}
