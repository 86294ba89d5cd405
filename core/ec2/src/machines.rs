//! What both fleets have in common: their own instances, the target group, the way to the workers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use pixmill_aws::SdkConfig;
use pixmill_contract::document::Report;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Impairment, Instance, Lifecycle, TargetHealth, TargetState};
use pixmill_contract::{Clock, Error, ErrorKind, InstanceId, IntentId, Timestamp};
use pixmill_workers::Contact;

use crate::calls::balancing::TargetGroup;
use crate::calls::ec2::Ec2;
use crate::calls::machine::{Machine, State};
use crate::options::FleetOptions;
use crate::recent::Recent;
use crate::tags;

/// What a load balancer says of its targets; nothing, if there is none or it does not answer.
pub(crate) type Targets = Option<BTreeMap<InstanceId, TargetHealth>>;

/// What others say of instances than their own workers.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) targets: Targets,
    /// Those that fail EC2's own checks.
    impaired: BTreeMap<InstanceId, Impairment>,
}

/// The instances of one fleet.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(crate) ec2: Ec2,
    pub(crate) target_group: Option<TargetGroup>,
    pub(crate) recent: Recent,
    pub(crate) clock: Arc<dyn Clock>,
    contact: Contact,
    port: u16,
    /// The tag that its own instances bear, and no other's.
    own: (&'static str, String),
}

impl Machines {
    pub(crate) fn new(
        configuration: &SdkConfig,
        options: &FleetOptions,
        own: (&'static str, String),
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let target_group = options.target_group.as_deref();
        Ok(Self {
            ec2: Ec2::new(configuration)?,
            target_group: target_group
                .map(|arn| TargetGroup::new(configuration, arn))
                .transpose()?,
            recent: Recent::default(),
            clock,
            contact: Contact::new(&options.token),
            port: options.port,
            own,
        })
    }

    /// All own instances, whatever their state.
    pub(crate) async fn list(&self) -> Result<Vec<Machine>> {
        self.list_where(&[]).await.map(|listed| self.recent.complete(listed))
    }

    /// The own instances of an intent.
    pub(crate) async fn of_intent(&self, intent: &IntentId) -> Result<Vec<Machine>> {
        let tag = format!("tag:{}", tags::INTENT);
        let mut found = self.list_where(&[(&tag, &[intent.as_str()])]).await?;
        for machine in self.recent.of(intent) {
            if !found.iter().any(|found| found.id == machine.id) {
                found.push(machine);
            }
        }
        Ok(found)
    }

    /// The own instances that more filters let through.
    pub(crate) async fn list_where(&self, filters: &[(&str, &[&str])]) -> Result<Vec<Machine>> {
        let tag = format!("tag:{}", self.own.0);
        let name = [self.own.1.as_str()];
        let own = [(tag.as_str(), &name[..])];
        self.ec2.describe(&[&own[..], filters].concat()).await
    }

    /// Instances with all of these tags, whoever's they are.
    pub(crate) async fn tagged(&self, tags: &[(&str, &str)]) -> Result<Vec<Machine>> {
        let named: Vec<_> =
            tags.iter().map(|(name, value)| (format!("tag:{name}"), [*value])).collect();
        let filters: Vec<_> =
            named.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        self.ec2.describe(&filters).await
    }

    /// An own instance. `NotFound` if it is none.
    pub(crate) async fn find(&self, id: &InstanceId) -> Result<Machine> {
        let missing = || {
            let why = format!("no instance {id} is tagged {} = {}", self.own.0, self.own.1);
            Error::new(ErrorKind::NotFound, "find an instance of this fleet", why)
        };
        if !id.as_str().starts_with("i-") {
            return Err(missing());
        }
        let found = self.list_where(&[("instance-id", &[id.as_str()])]).await?;
        found.into_iter().next().ok_or_else(missing)
    }

    /// What the load balancer and EC2's own checks say. That they do not answer is no reason not to
    /// look.
    pub(crate) async fn checks(&self) -> Checks {
        let (targets, impaired) = tokio::join!(self.targets(), self.ec2.impaired());
        let impaired = impaired.unwrap_or_else(|error| {
            tracing::warn!(reason = error.chain(), "EC2's own checks say nothing");
            BTreeMap::new()
        });
        Checks { targets, impaired }
    }

    async fn targets(&self) -> Targets {
        match self.target_group.as_ref()?.health().await {
            Ok(health) => Some(health),
            Err(error) => {
                tracing::warn!(reason = error.chain(), "the target group says nothing");
                None
            }
        }
    }

    /// What the workers say that run, in the order of the machines.
    pub(crate) async fn reports(&self, machines: &[Machine]) -> Vec<Option<Report>> {
        let addresses: Vec<_> = machines.iter().map(|machine| self.address(machine)).collect();
        let known: Vec<_> = addresses.iter().flatten().copied().collect();
        let mut reports = self.contact.reports(&known).await.into_iter();
        let told = |address: Option<SocketAddr>| address.and_then(|_| reports.next().flatten());
        let told: Vec<_> = addresses.into_iter().map(told).collect();
        // An address goes over to another instance in time, and a worker says where it runs.
        let of = |(machine, report): (&Machine, Option<Report>)| {
            report.filter(|r| r.instance.as_ref().is_none_or(|id| *id == machine.id))
        };
        machines.iter().zip(told).map(of).collect()
    }

    /// Where the worker of a machine listens, while it runs.
    fn address(&self, machine: &Machine) -> Option<SocketAddr> {
        let runs = machine.state == State::Running;
        machine.address.filter(|_| runs).map(|ip| SocketAddr::new(ip, self.port))
    }

    /// An instance of the port, of all that is known of it.
    pub(crate) fn instance(
        &self,
        machine: &Machine,
        lifecycle: Lifecycle,
        checks: &Checks,
        report: Option<Report>,
    ) -> Instance {
        let found = || IntentId::derived(&[b"found", machine.id.as_str().as_bytes()]);
        let unregistered = || TargetHealth {
            state: TargetState::Unused,
            reason: Some("Target.NotRegistered".to_owned()),
        };
        let of = |all: &BTreeMap<_, TargetHealth>| all.get(&machine.id).cloned();
        Instance {
            id: machine.id.clone(),
            lifecycle,
            intent: machine.tags.intent().unwrap_or_else(found),
            launched_at: self.launched_at(machine),
            draining_since: machine.tags.moment(tags::DRAINING),
            target: checks.targets.as_ref().map(|all| of(all).unwrap_or_else(unregistered)),
            impaired: checks.impaired.get(&machine.id).copied(),
            report,
        }
    }

    pub(crate) fn launched_at(&self, machine: &Machine) -> Timestamp {
        let own = machine.tags.moment(tags::LAUNCHED);
        own.or(machine.started).unwrap_or_else(|| self.clock.now())
    }

    /// Tags an instance with this moment, unless it has such a tag.
    pub(crate) async fn mark(&self, machine: &Machine, name: &'static str) -> Result<()> {
        if machine.tags.has(name) {
            return Ok(());
        }
        let now = BTreeMap::from([(name, self.clock.now().millis())]);
        self.ec2.tag(&[&machine.id], &now).await
    }

    /// Marks an instance for draining, and tells its worker then.
    pub(crate) async fn drain(&self, id: &InstanceId) -> Result<()> {
        let machine = self.find(id).await?;
        self.mark(&machine, tags::DRAINING).await?;
        match self.address(&machine) {
            Some(address) => self.contact.drain(address).await,
            None => Ok(()),
        }
    }
}
