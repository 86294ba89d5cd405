//! EC2's calls.

use std::collections::BTreeMap;
use std::fmt::Display;

use pixmill_aws::{Form, Query, SdkConfig, Service};
use pixmill_contract::InstanceId;
use pixmill_contract::error::Result;

use super::machine::Machine;
use crate::options::Template;

const SERVICE: Service = Service { name: "ec2", id: "EC2", version: "2016-11-15" };

/// Most instances of one answer.
const PAGE: u32 = 1000;

/// Most pages of one listing: more than any fleet has, so that a server that never ends is an error.
const MAX_PAGES: usize = 100;

/// Which instances: those whose tag or attribute of this name has one of these values.
pub(crate) type Filter<'a> = (&'a str, &'a [&'a str]);

/// One way to launch instances: where, which type, whether as spot instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) subnet: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) spot: bool,
}

/// What is launched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch<'a> {
    pub(crate) template: &'a Template,
    pub(crate) place: &'a Place,
    /// As many of these as there are machines for, and one at least.
    pub(crate) most: u32,
    /// What makes two calls one.
    pub(crate) token: &'a str,
    pub(crate) tags: &'a BTreeMap<&'a str, String>,
}

/// EC2 in one region.
#[derive(Debug, Clone)]
pub(crate) struct Ec2(Query);

impl Ec2 {
    pub(crate) fn new(configuration: &SdkConfig) -> Result<Self> {
        Query::new(configuration, SERVICE).map(Self)
    }

    /// All instances that every filter lets through, of every state: those that were terminated in
    /// the last hour or so are among them.
    pub(crate) async fn describe(&self, filters: &[Filter<'_>]) -> Result<Vec<Machine>> {
        let (mut machines, mut token) = (vec![], None::<String>);
        for _ in 0..MAX_PAGES {
            let form = Form::new("DescribeInstances").with("MaxResults", PAGE);
            let form = filters
                .iter()
                .zip(1..)
                .fold(form, |form, ((name, values), n)| form.with_filter(n, name, values.iter()));
            let form = form.with_some("NextToken", token.as_ref());
            let (page, next) = self
                .0
                .call("list the instances", form, |xml| {
                    let reservations =
                        xml.at("reservationSet").map(|_| xml.list("reservationSet"))?;
                    let instances = reservations.flat_map(|of| of.list("instancesSet"));
                    let page: Vec<_> = instances.filter_map(Machine::read).collect();
                    Some((page, xml.text("nextToken").map(str::to_owned)))
                })
                .await?;
            machines.extend(page);
            token = next;
            if token.is_none() {
                return Ok(machines);
            }
        }
        let (kind, why) = (pixmill_contract::ErrorKind::Unavailable, "the list does not end");
        Err(pixmill_contract::Error::new(kind, "list the instances", why))
    }

    /// Launches instances; those that were launched by the same token before, if there were any. Not
    /// repeated by itself: EC2 says that it has no machine as it says that it is broken, and another
    /// place is tried sooner than that it has one after all.
    /// They end when they are shut down, and give their roles' credentials to nobody who does not
    /// ask as version 2 of the metadata service demands.
    pub(crate) async fn run(&self, launch: Launch<'_>) -> Result<Vec<Machine>> {
        let Launch { template, place, most, token, tags } = launch;
        let by = if template.name.starts_with("lt-") { "Id" } else { "Name" };
        let form = Form::new("RunInstances")
            .with(format!("LaunchTemplate.LaunchTemplate{by}"), &template.name)
            .with("LaunchTemplate.Version", &template.version)
            .with("MinCount", 1)
            .with("MaxCount", most)
            .with("ClientToken", token)
            .with("InstanceInitiatedShutdownBehavior", "terminate")
            .with("MetadataOptions.HttpTokens", "required")
            .with("MetadataOptions.HttpEndpoint", "enabled")
            .with_some("SubnetId", place.subnet.as_ref())
            .with_some("InstanceType", place.kind.as_ref())
            .with_some("InstanceMarketOptions.MarketType", place.spot.then_some("spot"))
            .with("TagSpecification.1.ResourceType", "instance");
        let form = tagged(form, "TagSpecification.1.Tag", tags);
        let read = |xml: pixmill_aws::Xml<'_>| {
            xml.at("instancesSet")
                .map(|_| xml.list("instancesSet").filter_map(Machine::read).collect())
        };
        self.0.call_once("launch instances", form, read).await
    }

    pub(crate) async fn start(&self, ids: &[&InstanceId]) -> Result<()> {
        self.act("start instances", "StartInstances", ids).await
    }

    pub(crate) async fn stop(&self, ids: &[&InstanceId]) -> Result<()> {
        self.act("stop instances", "StopInstances", ids).await
    }

    pub(crate) async fn terminate(&self, ids: &[&InstanceId]) -> Result<()> {
        self.act("terminate instances", "TerminateInstances", ids).await
    }

    /// Gives instances these tags, in the place of those of the same names.
    pub(crate) async fn tag(
        &self,
        ids: &[&InstanceId],
        tags: &BTreeMap<&str, impl Display>,
    ) -> Result<()> {
        let form = Form::new("CreateTags").with_all("ResourceId", ids);
        self.0.call("tag instances", tagged(form, "Tag", tags), |_| Some(())).await
    }

    /// Takes tags of these names from instances.
    pub(crate) async fn untag(&self, ids: &[&InstanceId], names: &[&str]) -> Result<()> {
        let form = Form::new("DeleteTags").with_all("ResourceId", ids);
        let form = names
            .iter()
            .zip(1..)
            .fold(form, |form, (name, n)| form.with(format!("Tag.{n}.Key"), name));
        self.0.call("untag instances", form, |_| Some(())).await
    }

    async fn act(&self, attempt: &str, action: &str, ids: &[&InstanceId]) -> Result<()> {
        let form = Form::new(action).with_all("InstanceId", ids);
        self.0.call(attempt, form, |_| Some(())).await
    }
}

fn tagged(form: Form, name: &str, tags: &BTreeMap<&str, impl Display>) -> Form {
    tags.iter().zip(1..).fold(form, |form, ((key, value), n)| {
        form.with(format!("{name}.{n}.Key"), key).with(format!("{name}.{n}.Value"), value)
    })
}
