//! EC2's calls.

use std::collections::BTreeMap;
use std::fmt::Display;

use pixmill_aws::{Form, Query, SdkConfig, Service, Xml};
use pixmill_contract::error::Result;
use pixmill_contract::port::Impairment;
use pixmill_contract::{Error, ErrorKind, InstanceId};

use super::machine::Machine;
use crate::doctor::missing;
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

impl Launch<'_> {
    /// The call: they end when they are shut down, and give their roles' credentials to nobody who does
    /// not ask as version 2 of the metadata service demands.
    pub(crate) fn form(&self) -> Form {
        let Launch { template, place, most, token, tags } = self;
        let form = Form::new("RunInstances")
            .with(format!("LaunchTemplate.{}", template.key()), &template.name)
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
        tagged(form, "TagSpecification.1.Tag", tags)
    }
}

/// What a launch template says of the instances that are launched from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFacts {
    /// Its id or name.
    pub name: String,
    /// Which of its versions it is.
    pub version: String,
    /// Whether they demand version 2 of the metadata service.
    pub demands_tokens: bool,
    /// Whether they have a role.
    pub has_role: bool,
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
        let read = |xml: Xml<'_>| {
            xml.at("reservationSet")?;
            let instances = xml.list("reservationSet").flat_map(|of| of.list("instancesSet"));
            Some(instances.filter_map(Machine::read).collect())
        };
        self.pages("list the instances", "DescribeInstances", filters, read).await
    }

    /// All instances of the account that fail EC2's own checks. They cannot be asked for by a tag; but
    /// the well are left out, so that one page has them however large the fleet is.
    pub(crate) async fn impaired(&self) -> Result<BTreeMap<InstanceId, Impairment>> {
        let failing = async |check: &str| {
            let read = |xml: Xml<'_>| {
                xml.at("instanceStatusSet")?;
                let ids = xml.list("instanceStatusSet").filter_map(|of| of.text("instanceId"));
                Some(ids.filter_map(|id| InstanceId::new(id).ok()).collect())
            };
            let filters: [Filter<'_>; 1] = [(check, &["impaired"])];
            let attempt = "ask for the machines that EC2 finds impaired";
            self.pages(attempt, "DescribeInstanceStatus", &filters, read).await
        };
        let (instance, system) =
            tokio::join!(failing("instance-status.status"), failing("system-status.status"));
        let instance = instance?.into_iter().map(|id| (id, Impairment::Instance));
        // What a machine stands on is why the machine fails, where both do.
        let system = system?.into_iter().map(|id| (id, Impairment::System));
        Ok(instance.chain(system).collect())
    }

    /// All pages of a list of what every filter lets through.
    async fn pages<T>(
        &self,
        attempt: &str,
        action: &str,
        filters: &[Filter<'_>],
        read: impl Fn(Xml<'_>) -> Option<Vec<T>>,
    ) -> Result<Vec<T>> {
        let (mut all, mut token) = (vec![], None::<String>);
        for _ in 0..MAX_PAGES {
            let form = Form::new(action).with("MaxResults", PAGE);
            let form = filters
                .iter()
                .zip(1..)
                .fold(form, |form, ((name, values), n)| form.with_filter(n, name, values.iter()));
            let form = form.with_some("NextToken", token.as_ref());
            let read = |xml: Xml<'_>| Some((read(xml)?, xml.text("nextToken").map(str::to_owned)));
            let (page, next) = self.0.call(attempt, form, read).await?;
            all.extend(page);
            token = next;
            if token.is_none() {
                return Ok(all);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, attempt, "the list does not end"))
    }

    /// Launches instances; those that were launched by the same token before, if there were any. Not
    /// repeated by itself: EC2 says that it has no machine as it says that it is broken, and another
    /// place is tried sooner than that it has one after all.
    pub(crate) async fn run(&self, launch: Launch<'_>) -> Result<Vec<Machine>> {
        let read = |xml: Xml<'_>| {
            xml.at("instancesSet")
                .map(|_| xml.list("instancesSet").filter_map(Machine::read).collect())
        };
        self.0.call_once("launch instances", launch.form(), read).await
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

    /// Asks whether a call would be carried out, which it is not. `Changed` if it would.
    pub(crate) async fn rehearse(&self, form: Form) -> Result<()> {
        self.0.call_once("rehearse a call of EC2", form.with("DryRun", true), |_| Some(())).await
    }

    /// What a launch template says. `NotFound` if there is none, or not this version of it.
    pub(crate) async fn template(&self, template: &Template) -> Result<TemplateFacts> {
        let Template { name, version } = template;
        let form = Form::new("DescribeLaunchTemplateVersions")
            .with(template.key(), name)
            .with_all("LaunchTemplateVersion", [version]);
        let read = |xml: Xml<'_>| {
            let list = "launchTemplateVersionSet";
            xml.at(list)?;
            Some(xml.list(list).next().map(|of| {
                let tokens = of.text("launchTemplateData/metadataOptions/httpTokens");
                TemplateFacts {
                    name: name.clone(),
                    version: of.text("versionNumber").unwrap_or(version).to_owned(),
                    demands_tokens: tokens == Some("required"),
                    has_role: of.at("launchTemplateData/iamInstanceProfile").is_some(),
                }
            }))
        };
        let attempt = "look at the launch template";
        let found = self.0.call(attempt, form, read).await?;
        found.ok_or_else(|| missing(attempt, "it has no such version"))
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
