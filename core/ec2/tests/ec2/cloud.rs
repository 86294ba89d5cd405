//! EC2, Auto Scaling and a target group of a few instances, as far as fleets ask them, with whatever
//! goes wrong. Client tokens are kept as EC2 keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use pixmill_contract::clock::SystemClock;
use pixmill_contract::port::{Fleet as _, Instance, Intent, Lifecycle};
use pixmill_contract::{InstanceId, IntentId, Timestamp};
use pixmill_ec2::{AsgFleet, AsgOptions, Ec2Fleet, Ec2Options, FleetOptions, Template};

use crate::server::{Call, Reply, Server};

/// When every wish is made: now, as the group gives instances only to wishes that came before.
pub(crate) fn intent(name: &str, count: u32) -> Intent {
    let at = Timestamp::from(std::time::SystemTime::UNIX_EPOCH) + LONG;
    Intent { id: IntentId::new(name).unwrap(), count, at }
}

/// 2026.
const LONG: std::time::Duration = std::time::Duration::from_hours(490_896);

#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) state: &'static str,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) place: String,
    pub(crate) spot: bool,
    /// Listings that leave it out yet.
    hidden: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) desired: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) members: BTreeMap<String, String>,
    pub(crate) protects: bool,
    pub(crate) suspended: bool,
    pub(crate) hooks: bool,
    pub(crate) went_on: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) machines: BTreeMap<String, Machine>,
    tokens: BTreeMap<String, Vec<String>>,
    /// How many listings leave out what was just launched.
    pub(crate) lag: u32,
    /// How many machines a place has left, as `spot subnet type`; without an entry, any number.
    pub(crate) left: BTreeMap<String, u32>,
    /// The next calls of these actions have their effect, and their answers are lost.
    pub(crate) lose: Vec<&'static str>,
    /// Calls of these actions are refused so.
    pub(crate) refuse: BTreeMap<&'static str, (u16, &'static str)>,
    pub(crate) targets: BTreeMap<String, (&'static str, &'static str)>,
    /// Who fails which of EC2's own checks, `instance` or `system`.
    pub(crate) impaired: Vec<(String, &'static str)>,
    pub(crate) group: Group,
}

pub(crate) struct Cloud {
    state: Arc<Mutex<State>>,
    pub(crate) server: Server,
}

impl Cloud {
    pub(crate) async fn new() -> Self {
        let state = Arc::<Mutex<State>>::default();
        state.lock().unwrap().group.max = 100;
        let played = Arc::clone(&state);
        let server = Server::start(move |call| played.lock().unwrap().answer(call)).await;
        Self { state, server }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A fleet of plain instances with three subnets; a fresh handle, as another process has it.
    pub(crate) async fn plain(&self, change: impl FnOnce(&mut Ec2Options)) -> Ec2Fleet {
        let mut options = Ec2Options {
            name: "ours".to_owned(),
            template: Some(Template::parse("grinder")),
            subnets: ["a", "b", "c"].map(str::to_owned).to_vec(),
            ..Ec2Options::default()
        };
        change(&mut options);
        let configuration = self.server.configuration().await;
        Ec2Fleet::new(&configuration, &fleet_options(), options, Arc::new(SystemClock)).unwrap()
    }

    /// The fleet of the group.
    pub(crate) async fn grouped(&self) -> AsgFleet {
        let group = "ours".to_owned();
        let options = AsgOptions { group, drain: Some(std::time::Duration::from_secs(90)) };
        let configuration = self.server.configuration().await;
        AsgFleet::new(&configuration, &fleet_options(), options, Arc::new(SystemClock)).unwrap()
    }

    /// How many instances the group is to have.
    pub(crate) fn desired(&self) -> u32 {
        self.state().group.desired
    }

    /// The ids in a state.
    pub(crate) fn in_state(&self, state: &str) -> Vec<String> {
        let state_ = self.state();
        let those = state_.machines.iter().filter(|(_, machine)| machine.state == state);
        those.map(|(id, _)| id.clone()).collect()
    }
}

fn fleet_options() -> FleetOptions {
    // Nobody listens there, and nobody is asked for long.
    FleetOptions { target_group: Some("arn:tg".to_owned()), port: 1, token: "t".to_owned() }
}

pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

/// Those that a fleet sees, by their lifecycle.
pub(crate) async fn seen(fleet: &impl Observes, lifecycle: Lifecycle) -> Vec<Instance> {
    let all = fleet.look().await;
    all.into_iter().filter(|instance| instance.lifecycle == lifecycle).collect()
}

/// Both fleets.
pub(crate) trait Observes {
    async fn look(&self) -> Vec<Instance>;
}

impl Observes for Ec2Fleet {
    async fn look(&self) -> Vec<Instance> {
        self.observe().await.unwrap()
    }
}

impl Observes for AsgFleet {
    async fn look(&self) -> Vec<Instance> {
        self.observe().await.unwrap()
    }
}

impl State {
    fn answer(&mut self, call: &Call) -> Reply {
        if let Some((status, code)) = self.refuse.get(call.action.as_str()) {
            return Reply::refuse(*status, code);
        }
        let reply = match call.action.as_str() {
            "DescribeInstances" => self.describe(call),
            "RunInstances" => self.run(call),
            "StartInstances" => self.turn(call, "running"),
            "StopInstances" => self.turn(call, "stopped"),
            "TerminateInstances" => self.turn(call, "terminated"),
            "CreateTags" => self.tag(call),
            "DeleteTags" => self.untag(call),
            "DescribeInstanceStatus" => self.failing(call),
            "DescribeTargetHealth" => self.health(),
            "RegisterTargets" => self.register(call, Some(crate::checks::REGISTERED)),
            "DeregisterTargets" => self.register(call, None),
            _ => self.scale(call),
        };
        match self.lose.iter().position(|action| *action == call.action) {
            Some(place) => {
                self.lose.remove(place);
                Reply::Lose
            }
            None => reply,
        }
    }

    fn describe(&mut self, call: &Call) -> Reply {
        let filters: Vec<_> = (1..)
            .map_while(|n| {
                let name = call.form.get(&format!("Filter.{n}.Name"))?;
                Some((name.as_str(), call.all(&format!("Filter.{n}.Value"))))
            })
            .collect();
        let page: usize = call.get("MaxResults").parse().unwrap();
        let start: usize = call.get("NextToken").parse().unwrap_or(0);
        for machine in self.machines.values_mut() {
            machine.hidden = machine.hidden.saturating_sub(1);
        }
        let visible = self.machines.iter().filter(|(_, machine)| machine.hidden == 0);
        let matching: Vec<_> = visible
            .filter(|(id, machine)| {
                filters.iter().all(|(name, values)| {
                    let value = match (*name, name.strip_prefix("tag:")) {
                        ("instance-id", _) => Some(id.as_str()),
                        ("instance-state-name", _) => Some(machine.state),
                        (_, Some(tag)) => machine.tags.get(tag).map(String::as_str),
                        _ => panic!("the filter {name} is not known here"),
                    };
                    value.is_some_and(|value| values.contains(&value))
                })
            })
            .collect();
        let items: String = matching
            .iter()
            .skip(start)
            .take(page)
            .map(|(id, machine)| shown(id, machine))
            .collect();
        let next = start + page;
        let token = if next < matching.len() {
            format!("<nextToken>{next}</nextToken>")
        } else {
            String::new()
        };
        Reply::ok(format!(
            "<R xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'><reservationSet><item><instancesSet>\
             {items}</instancesSet></item></reservationSet>{token}</R>"
        ))
    }

    fn run(&mut self, call: &Call) -> Reply {
        assert_eq!(call.get("InstanceInitiatedShutdownBehavior"), "terminate");
        assert_eq!(call.get("MetadataOptions.HttpTokens"), "required");
        let token = call.get("ClientToken").to_owned();
        if !self.tokens.contains_key(&token) {
            let spot = call.get("InstanceMarketOptions.MarketType") == "spot";
            let market = if spot { "spot" } else { "demand" };
            let place = format!("{market} {}{}", call.get("SubnetId"), call.get("InstanceType"));
            let most: u32 = call.get("MaxCount").parse().unwrap();
            let left = self.left.get(&place).copied().unwrap_or(most);
            if left == 0 {
                return Reply::refuse(500, "InsufficientInstanceCapacity");
            }
            let count = most.min(left);
            self.left.entry(place.clone()).and_modify(|left| *left -= count);
            let tags: BTreeMap<_, _> = (1..)
                .map_while(|n| {
                    let tag = format!("TagSpecification.1.Tag.{n}");
                    let key = call.form.get(&format!("{tag}.Key"))?;
                    Some((key.clone(), call.get(&format!("{tag}.Value")).to_owned()))
                })
                .collect();
            let ids: Vec<_> =
                (0..count).map(|_| self.add("running", tags.clone(), &place, spot)).collect();
            self.tokens.insert(token.clone(), ids);
        }
        let items: String =
            self.tokens[&token].iter().map(|id| shown(id, &self.machines[id])).collect();
        Reply::ok(format!("<R><instancesSet>{items}</instancesSet></R>"))
    }

    pub(crate) fn add(
        &mut self,
        state: &'static str,
        tags: BTreeMap<String, String>,
        place: &str,
        spot: bool,
    ) -> String {
        let id = format!("i-{:04}", self.machines.len());
        let hidden = if self.lag == 0 { 0 } else { self.lag + 1 };
        let machine = Machine { state, tags, place: place.to_owned(), spot, hidden };
        self.machines.insert(id.clone(), machine);
        id
    }

    fn turn(&mut self, call: &Call, state: &'static str) -> Reply {
        for id in call.all("InstanceId") {
            let Some(machine) = self.machines.get_mut(id) else {
                return Reply::refuse(400, "InvalidInstanceID.NotFound");
            };
            if state == "running" && self.left.get(&machine.place) == Some(&0) {
                return Reply::refuse(500, "InsufficientInstanceCapacity");
            }
            machine.state = state;
        }
        Reply::ok("<R/>")
    }

    fn tag(&mut self, call: &Call) -> Reply {
        for id in call.all("ResourceId") {
            let Some(machine) = self.machines.get_mut(id) else {
                return Reply::refuse(400, "InvalidInstanceID.NotFound");
            };
            for n in 1.. {
                let Some(key) = call.form.get(&format!("Tag.{n}.Key")) else { break };
                machine.tags.insert(key.clone(), call.get(&format!("Tag.{n}.Value")).to_owned());
            }
        }
        Reply::ok("<R/>")
    }

    fn untag(&mut self, call: &Call) -> Reply {
        for id in call.all("ResourceId") {
            let machine = self.machines.get_mut(id).unwrap();
            let names: BTreeSet<_> =
                (1..).map_while(|n| call.form.get(&format!("Tag.{n}.Key"))).collect();
            machine.tags.retain(|key, _| !names.contains(key));
        }
        Reply::ok("<R/>")
    }

    fn scale(&mut self, call: &Call) -> Reply {
        let of = call.get("InstanceId").to_owned();
        match call.action.as_str() {
            "DescribeAutoScalingGroups" => return self.describe_group(),
            "SetDesiredCapacity" => {
                assert_eq!(call.get("HonorCooldown"), "false");
                self.group.desired = call.get("DesiredCapacity").parse().unwrap();
                self.fill_group();
            }
            "TerminateInstanceInAutoScalingGroup" => {
                assert_eq!(call.get("ShouldDecrementDesiredCapacity"), "true");
                if self.group.desired <= self.group.min {
                    return Reply::refuse(400, "ValidationError");
                }
                self.group.desired -= 1;
                if self.group.hooks {
                    self.group.members.insert(of, "Terminating:Wait".to_owned());
                } else {
                    self.group.members.remove(&of);
                    self.machines.get_mut(&of).unwrap().state = "terminated";
                }
            }
            "CompleteLifecycleAction" => {
                if self.group.members.get(&of).is_none_or(|place| place != "Terminating:Wait") {
                    return Reply::refuse(400, "ValidationError");
                }
                self.group.members.remove(&of);
                self.machines.get_mut(&of).unwrap().state = "terminated";
                self.group.went_on.push(of);
            }
            "PutLifecycleHook" => self.group.hooks = true,
            "SuspendProcesses" => self.group.suspended = true,
            "UpdateAutoScalingGroup" => self.group.protects = true,
            "SetInstanceProtection" => {}
            other => panic!("the action {other} is not known here"),
        }
        Reply::ok("<R/>")
    }

    /// The group launches what is missing.
    pub(crate) fn fill_group(&mut self) {
        let on_its_way = |place: &&String| !place.starts_with("Terminating");
        let there = self.group.members.values().filter(on_its_way).count();
        for _ in there..self.group.desired as usize {
            let tags =
                BTreeMap::from([("aws:autoscaling:groupName".to_owned(), "ours".to_owned())]);
            let id = self.add("running", tags, "group", false);
            self.group.members.insert(id, "InService".to_owned());
        }
    }

    fn describe_group(&self) -> Reply {
        let Group { desired, min, max, protects, suspended, .. } = &self.group;
        let member = |(id, place): (&String, &String)| {
            format!(
                "<member><InstanceId>{id}</InstanceId><LifecycleState>{place}</LifecycleState>\
                 <ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>"
            )
        };
        let members: String = self.group.members.iter().map(member).collect();
        let process = "<member><ProcessName>AZRebalance</ProcessName></member>";
        let suspended = if *suspended { process } else { "" };
        Reply::ok(format!(
            "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
             <DesiredCapacity>{desired}</DesiredCapacity><MinSize>{min}</MinSize><MaxSize>{max}</MaxSize>\
             <NewInstancesProtectedFromScaleIn>{protects}</NewInstancesProtectedFromScaleIn>\
             <SuspendedProcesses>{suspended}</SuspendedProcesses><Instances>{members}</Instances>\
             </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></R>"
        ))
    }
}

fn shown(id: &str, machine: &Machine) -> String {
    let tag = |(key, value): (&String, &String)| {
        format!("<item><key>{key}</key><value>{value}</value></item>")
    };
    let tags: String = machine.tags.iter().map(tag).collect();
    let (state, spot) = (machine.state, if machine.spot { "spot" } else { "" });
    format!(
        "<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>\
         <privateIpAddress>127.0.0.1</privateIpAddress>\
         <launchTime>2026-01-01T00:00:00.000Z</launchTime><instanceLifecycle>{spot}</instanceLifecycle>\
         <tagSet>{tags}</tagSet></item>"
    )
}
