//! Both fleets on EC2 keep the promises of the fleet port, with workers that are the real thing.
//!
//! What the emulator cannot keep, and is proved in the fleets' own tests with a server that plays
//! what EC2 does: a client token is no such thing to it, so what makes an intent one launch here is
//! that its tag is looked up first (F2 for lost answers and for lists that come late); its hooks never
//! keep an instance; its targets are never unhealthy; nothing is throttled, and there is always a
//! machine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pixmill_aws::SdkConfig;
use pixmill_contract::port::Instance;
use pixmill_contract::testing::{FleetHarness, fleet_conformance};
use pixmill_contract::{Clock as _, Fleet, SystemClock, Timestamp};
use pixmill_ec2::{AsgFleet, AsgOptions, Ec2Fleet, Ec2Options, FleetOptions, Template};
use rustix::process::Signal;

use super::SOON;
use super::ground::configuration;
use crate::harness::{Place, Power, Region, Software, kill, pixmill, token_file};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Group,
}

struct Machines {
    kind: Kind,
    region: Region,
    power: Power,
    configuration: SdkConfig,
    options: FleetOptions,
    made: AtomicU32,
    /// The names of fleets, by their handles, to open the same again.
    names: Mutex<Vec<(usize, String)>>,
    _place: Place,
}

impl Machines {
    async fn new(kind: Kind) -> Self {
        let (place, region) = (Place::new(), Region::new());
        let (port, token) = (region.worker_port(), token_file(&place.path("")));
        let target_group = Some(region.target_group());
        let options = FleetOptions { target_group, port, token: told(&token) };
        let configuration = configuration(region.gateway.url()).await;
        let data = place.data();
        let software: Software = Arc::new(move |_, address| {
            let consumer = pixmill().args(["consumer", "--slots", "1", "--ec2", "--data"]);
            let consumer = consumer.arg(&data).args(["--drain-timeout", "5s", "--listen"]);
            consumer.arg(format!("{address}:{port}")).arg("--token-file").arg(&token)
        });
        let power = region.power(software);
        let (made, names) = (AtomicU32::new(0), Mutex::default());
        Self { kind, region, power, configuration, options, made, names, _place: place }
    }

    /// A handle of the fleet of this name.
    fn open(&self, name: &str) -> Arc<dyn Fleet> {
        let clock = Arc::new(SystemClock);
        let fleet: Arc<dyn Fleet> = match self.kind {
            Kind::Plain => {
                let options = Ec2Options {
                    name: name.to_owned(),
                    template: Some(Template::parse(&self.region.template)),
                    subnets: self.region.subnets.clone(),
                    ..Ec2Options::default()
                };
                let fleet = Ec2Fleet::new(&self.configuration, &self.options, options, clock);
                Arc::new(fleet.unwrap())
            }
            Kind::Group => {
                let group = name.to_owned();
                let options = AsgOptions { group, drain: Some(Duration::from_mins(1)) };
                let fleet = AsgFleet::new(&self.configuration, &self.options, options, clock);
                Arc::new(fleet.unwrap())
            }
        };
        self.names.lock().unwrap().push((handle(&fleet), name.to_owned()));
        fleet
    }
}

fn handle(fleet: &Arc<dyn Fleet>) -> usize {
    Arc::as_ptr(fleet).cast::<()>() as usize
}

fn told(token: &PathBuf) -> String {
    std::fs::read_to_string(token).unwrap().trim().to_owned()
}

#[async_trait]
impl FleetHarness for Machines {
    async fn fleets(&self) -> [Arc<dyn Fleet>; 2] {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        [0, 1].map(|which| {
            let name = format!("fleet-{:?}-{n}-{which}", self.kind).to_lowercase();
            if self.kind == Kind::Group {
                self.region.group(&name, 10);
            }
            self.open(&name)
        })
    }

    async fn reopened(&self, fleet: &Arc<dyn Fleet>) -> Arc<dyn Fleet> {
        let at = handle(fleet);
        let names = self.names.lock().unwrap().clone();
        // A handle's place may have been another's before.
        let (_, name) = names.into_iter().rfind(|(handle, _)| *handle == at).unwrap();
        self.open(&name)
    }

    async fn crash(&self, instance: &Instance) {
        self.region.by_hand("TerminateInstances", instance.id.as_str());
    }

    async fn silence(&self, instance: &Instance) {
        kill(self.power.pid(instance.id.as_str()).unwrap(), Signal::STOP);
    }

    fn patience(&self) -> Duration {
        SOON
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_instances_keep_the_promises_of_the_fleet_port() {
    fleet_conformance(&Machines::new(Kind::Plain).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_keeps_the_promises_of_the_fleet_port() {
    fleet_conformance(&Machines::new(Kind::Group).await).await;
}
