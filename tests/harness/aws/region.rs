//! EC2, Auto Scaling and load balancing on this machine: one emulator for all tests, a network for
//! each, and real workers in the place of the instances' software.
//!
//! The emulator only keeps books. Its private addresses are loopback addresses here, and whatever it
//! says is running gets a worker that listens there, with a metadata service of its own; what it
//! says is not running any more is killed, as by the end of a machine.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::{Invocation, Patience, Running, eventually};
use super::emulator::UNTIL_WE_END;
use super::{Gateway, MetadataService, http, tool};

/// Starting takes some seconds on an idle machine.
const START: Duration = Duration::from_mins(3);

/// How often it is looked what runs.
const LOOK: Duration = Duration::from_millis(150);

struct Emulator {
    port: u16,
    /// Its standard input is what keeps it.
    _process: Child,
}

static EMULATOR: OnceLock<Emulator> = OnceLock::new();

fn start() -> Emulator {
    let program = tool("moto_server");
    assert!(program.exists(), "no emulator in {}: `make test` installs it", program.display());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new("sh")
        .args(["-c", UNTIL_WE_END, "sh"])
        .arg(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let up = || http::try_to_ask(port, "GET", "/moto-api/", &[], b"").ok();
    eventually("the emulator of EC2", START, up);
    Emulator { port, _process: process }
}

/// The software of an instance: what is started on the one with this id and this address.
pub(crate) type Software = Arc<dyn Fn(&str, &str) -> Invocation + Send + Sync>;

/// A network of its own, with three zones, a launch template, and the way there.
pub(crate) struct Region {
    pub(crate) gateway: Gateway,
    pub(crate) subnets: Vec<String>,
    pub(crate) template: String,
    port: u16,
    number: u8,
    vpc: String,
}

/// An instance as the emulator has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) address: String,
}

/// The emulator does one thing at a time: it changes what other requests look through, unlocked, and an
/// instance that it takes out of its group then may never end.
static TURN: Mutex<()> = Mutex::new(());

impl Region {
    pub(crate) fn new() -> Self {
        static NETWORKS: AtomicU8 = AtomicU8::new(1);
        let port = EMULATOR.get_or_init(start).port;
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let template = format!("grinder-{number}");
        let (gateway, vpc, subnets) = (Gateway::in_turn(port, Some(&TURN)), String::new(), vec![]);
        // The emulator cannot filter by it; all its machines are well.
        gateway.stand_in("DescribeInstanceStatus", "<R><instanceStatusSet/></R>");
        let mut region = Self { gateway, subnets, template, port, number, vpc };
        let block = format!("127.{number}.0.0/16");
        region.vpc = region.ec2("CreateVpc", &[("CidrBlock", &block)], "vpcId");
        for (n, zone) in ["us-east-1a", "us-east-1b", "us-east-1c"].into_iter().enumerate() {
            let block = format!("127.{number}.{}.0/24", n + 1);
            let of = [("VpcId", &*region.vpc), ("CidrBlock", &*block), ("AvailabilityZone", zone)];
            region.subnets.push(region.ec2("CreateSubnet", &of, "subnetId"));
        }
        let image = region.ec2("DescribeImages", &[("Owner.1", "amazon")], "imageId");
        let data = [
            ("LaunchTemplateName", &*region.template),
            ("LaunchTemplateData.ImageId", &*image),
            ("LaunchTemplateData.InstanceType", "c5.large"),
        ];
        region.ec2("CreateLaunchTemplate", &data, "launchTemplateId");
        region
    }

    /// A target group that all instances of this network may be registered with: its ARN.
    pub(crate) fn target_group(&self) -> String {
        let name = format!("workers-{}", self.number);
        let form = [
            ("Name", &*name),
            ("Protocol", "HTTP"),
            ("Port", "8080"),
            ("VpcId", &*self.vpc),
            ("TargetType", "instance"),
            ("HealthCheckPath", "/health"),
        ];
        let text = self.ask("elasticloadbalancing", "2015-12-01", "CreateTargetGroup", &form);
        texts(&text, "TargetGroupArn").remove(0)
    }

    /// An Auto Scaling group of at most so many, which has none.
    pub(crate) fn group(&self, name: &str, max: u32) {
        let (max, subnets) = (max.to_string(), self.subnets.join(","));
        let form = [
            ("AutoScalingGroupName", name),
            ("MinSize", "0"),
            ("MaxSize", &*max),
            ("DesiredCapacity", "0"),
            ("LaunchTemplate.LaunchTemplateName", &*self.template),
            ("LaunchTemplate.Version", "$Default"),
            ("VPCZoneIdentifier", &*subnets),
        ];
        self.ask("autoscaling", "2011-01-01", "CreateAutoScalingGroup", &form);
    }

    /// What is said of a group now, to be said again later; for as long as there is somebody to listen.
    pub(crate) fn said_of(&self, group: &str) -> &'static str {
        let form = [("AutoScalingGroupNames.member.1", group)];
        self.ask("autoscaling", "2011-01-01", "DescribeAutoScalingGroups", &form).leak()
    }

    /// How many instances a group is to have.
    pub(crate) fn desired(&self, group: &str) -> u32 {
        let form = [("AutoScalingGroupNames.member.1", group)];
        let text = self.ask("autoscaling", "2011-01-01", "DescribeAutoScalingGroups", &form);
        texts(&text, "DesiredCapacity").remove(0).parse().unwrap()
    }

    /// Has a group have so many.
    pub(crate) fn set_desired(&self, group: &str, desired: u32) {
        let desired = desired.to_string();
        let form = [("AutoScalingGroupName", group), ("DesiredCapacity", &*desired)];
        self.ask("autoscaling", "2011-01-01", "SetDesiredCapacity", &form);
    }

    /// All instances of this network.
    pub(crate) fn machines(&self) -> Vec<Machine> {
        machines(self.port, &self.vpc)
    }

    /// Stops, starts or terminates an instance by hand.
    pub(crate) fn by_hand(&self, action: &str, id: &str) {
        self.ask("ec2", "2016-11-15", action, &[("InstanceId.1", id)]);
    }

    /// Tells a command the way here, as every AWS tool is told.
    pub(crate) fn reach(&self, invocation: Invocation) -> Invocation {
        let url = self.gateway.url();
        ["EC2", "AUTO_SCALING", "ELASTIC_LOAD_BALANCING_V2", "CLOUDWATCH"]
            .into_iter()
            .fold(invocation, |i, name| i.env(&format!("AWS_ENDPOINT_URL_{name}"), &url))
    }

    /// A port that is free at the addresses of this network, as nobody else uses them.
    pub(crate) fn worker_port(&self) -> u16 {
        let here = format!("127.{}.0.1:0", self.number);
        TcpListener::bind(here).unwrap().local_addr().unwrap().port()
    }

    /// Keeps the software running on whatever runs, until what this returns is dropped.
    pub(crate) fn power(&self, software: Software) -> Power {
        let (off, gate) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Workers>>::default());
        let (port, vpc, is_off, running) =
            (self.port, self.vpc.clone(), Arc::clone(&off), Arc::clone(&gate));
        let thread = std::thread::spawn(move || {
            while !is_off.load(Ordering::SeqCst) {
                follow(&machines(port, &vpc), &mut running.lock().unwrap(), &software);
                let rest = Patience::new(LOOK);
                while rest.wait() {}
            }
        });
        Power { off, running: gate, thread: Some(thread) }
    }

    /// Asks EC2, and returns the text of the first element of this name.
    fn ec2(&self, action: &str, form: &[(&str, &str)], element: &str) -> String {
        let text = self.ask("ec2", "2016-11-15", action, form);
        texts(&text, element).into_iter().next().unwrap_or_else(|| panic!("{action}: {text}"))
    }

    /// Asks the emulator, past the gateway.
    fn ask(&self, service: &str, version: &str, action: &str, form: &[(&str, &str)]) -> String {
        ask(self.port, service, version, action, form)
    }
}

/// What runs on each instance: its worker and its metadata service.
type Workers = HashMap<String, (Running, MetadataService)>;

/// Machines that are powered. Dropping this pulls the plug.
pub(crate) struct Power {
    off: Arc<AtomicBool>,
    running: Arc<Mutex<Workers>>,
    thread: Option<JoinHandle<()>>,
}

impl Power {
    /// From now on the metadata service of an instance says so.
    pub(crate) fn say(&self, id: &str, path: &str, text: &str) {
        let running = self.running.lock().unwrap();
        running.get(id).unwrap_or_else(|| panic!("{id} runs nothing")).1.say(path, text);
    }

    /// The process on an instance.
    pub(crate) fn pid(&self, id: &str) -> Option<u32> {
        Some(self.running.lock().unwrap().get(id)?.0.pid())
    }

    /// Whether the process on an instance has ended by itself.
    pub(crate) fn has_ended(&self, id: &str) -> bool {
        let mut running = self.running.lock().unwrap();
        running.get_mut(id).is_some_and(|(worker, _)| !worker.is_running())
    }

    /// How many instances have something running on them, or had until it ended.
    pub(crate) fn count(&self) -> usize {
        self.running.lock().unwrap().len()
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        self.off.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic there is a failure of its own.
            drop(thread.join());
        }
    }
}

fn follow(machines: &[Machine], running: &mut Workers, software: &Software) {
    for machine in machines {
        if machine.state != "running" {
            running.remove(&machine.id);
            continue;
        }
        let start = |metadata: &MetadataService| {
            let worker = software(&machine.id, &machine.address);
            let worker = worker.env("AWS_EC2_METADATA_DISABLED", "false");
            worker.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url()).start()
        };
        if let Some((worker, metadata)) = running.get_mut(&machine.id) {
            // As systemd does it with infra/units.
            if worker.has_failed() {
                *worker = start(metadata);
            }
        } else {
            let metadata = MetadataService::start(&machine.id);
            running.insert(machine.id.clone(), (start(&metadata), metadata));
        }
    }
}

fn machines(port: u16, vpc: &str) -> Vec<Machine> {
    let form = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
    let text = ask(port, "ec2", "2016-11-15", "DescribeInstances", &form);
    // One `instanceId` begins each.
    let parts: Vec<_> = text.split("<instanceId>").skip(1).collect();
    let machine = |part: &str| {
        let state = part.split("<instanceState>").nth(1)?;
        Some(Machine {
            id: part.split('<').next()?.to_owned(),
            state: texts(state, "name").into_iter().next()?,
            address: texts(part, "privateIpAddress").into_iter().next().unwrap_or_default(),
        })
    };
    parts.into_iter().filter_map(machine).collect()
}

/// Asks the emulator, which knows a service by how a request says that it is signed.
fn ask(port: u16, service: &str, version: &str, action: &str, form: &[(&str, &str)]) -> String {
    let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
    let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("authorization", signed.as_str())];
    let mut body = format!("Action={action}&Version={version}");
    for (name, value) in form {
        let value = value.replace('%', "%25").replace('/', "%2F").replace(':', "%3A");
        body.push_str(&format!("&{name}={}", value.replace(',', "%2C").replace('$', "%24")));
    }
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = http::ask(port, "POST", "/", &headers, body.as_bytes());
    drop(turn);
    String::from_utf8(answer.expect(200).body).unwrap()
}

/// The texts of all elements of a name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.filter_map(|part| Some(part.split_once(&close)?.0.trim().to_owned())).collect()
}

/// A file with the token of a fleet, in this directory.
pub(crate) fn token_file(directory: &std::path::Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("fleet-token");
    std::fs::write(&path, "a-token-that-is-long-enough\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
