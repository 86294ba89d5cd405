//! Auto Scaling's calls, as far as they are about one group.

use std::collections::BTreeMap;
use std::time::Duration;

use pixmill_aws::{Form, Query, SdkConfig, Service, Xml};
use pixmill_contract::error::Result;
use pixmill_contract::port::Lifecycle;
use pixmill_contract::{Error, ErrorKind, InstanceId};

use crate::options::Template;

const SERVICE: Service = Service { name: "autoscaling", id: "Auto Scaling", version: "2011-01-01" };

/// The name of the hook that keeps an instance until it has drained.
pub(crate) const HOOK: &str = "pixmill-drain";

/// What a group calls it to end instances to spread them over its zones.
pub(crate) const REBALANCING: &str = "AZRebalance";

/// Most instances of one call that protects them.
const PROTECTED_AT_ONCE: usize = 50;

/// Where a group has one of its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Pending,
    InService,
    /// On its way out.
    Terminating,
    /// On its way out, and kept until the hooks are done with it.
    Waiting,
    /// Taken aside by people, or kept warm: not at work, and none of ours to touch.
    Aside,
}

impl Place {
    fn parse(text: &str) -> Self {
        match text {
            "InService" => Self::InService,
            "Terminating:Wait" => Self::Waiting,
            "Terminated" => Self::Terminating,
            _ if text.starts_with("Pending") => Self::Pending,
            _ if text.starts_with("Terminating") => Self::Terminating,
            _ => Self::Aside,
        }
    }

    /// Whether it is on its way out.
    pub(crate) fn is_leaving(self) -> bool {
        match self {
            Self::Terminating | Self::Waiting => true,
            Self::Pending | Self::InService | Self::Aside => false,
        }
    }

    pub(crate) fn lifecycle(self) -> Option<Lifecycle> {
        match self {
            Self::Pending => Some(Lifecycle::Pending),
            Self::InService => Some(Lifecycle::Running),
            Self::Terminating | Self::Waiting => Some(Lifecycle::Stopping),
            Self::Aside => None,
        }
    }
}

/// A group as it is.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) desired: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Whether it keeps off its new instances when it has too many.
    pub(crate) protects: bool,
    /// What it does not do any more.
    pub(crate) suspended: Vec<String>,
    /// What it launches its instances from, if that is a template.
    pub(crate) template: Option<Template>,
    pub(crate) members: BTreeMap<InstanceId, Member>,
}

impl Group {
    /// Whether it ends instances to spread them over its zones.
    pub(crate) fn rebalances(&self) -> bool {
        !self.suspended.iter().any(|name| name == REBALANCING)
    }
}

/// One of a group's instances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) place: Place,
    pub(crate) is_protected: bool,
}

/// An Auto Scaling group.
#[derive(Debug, Clone)]
pub(crate) struct Scaling {
    query: Query,
    group: String,
}

impl Scaling {
    pub(crate) fn new(configuration: &SdkConfig, group: &str) -> Result<Self> {
        Ok(Self { query: Query::new(configuration, SERVICE)?, group: group.to_owned() })
    }

    fn form(&self, action: &str) -> Form {
        Form::new(action).with("AutoScalingGroupName", &self.group)
    }

    /// The group with all its instances, which one answer has. `NotFound` if there is none.
    pub(crate) async fn describe(&self) -> Result<Group> {
        let names = [&self.group];
        let form = Form::new("DescribeAutoScalingGroups");
        let form = form.with_all("AutoScalingGroupNames.member", names);
        let read = |xml: Xml<'_>| {
            let list = "DescribeAutoScalingGroupsResult/AutoScalingGroups";
            xml.at(list)?;
            // Two answers: whether there is such a group, and whether it could be read.
            match xml.list(list).next() {
                None => Some(None),
                Some(xml) => group(xml).map(Some),
            }
        };
        let found = self.query.call("look at the Auto Scaling group", form, read).await?;
        let missing = || {
            let attempt = format!("find the Auto Scaling group {}", self.group);
            Error::new(ErrorKind::NotFound, attempt, "there is none of this name: check AWS_REGION")
        };
        found.ok_or_else(missing)
    }

    /// Sets how many instances the group is to have. It is not held up by the group's cooldown.
    pub(crate) async fn set_desired(&self, desired: u32) -> Result<()> {
        let form = self.form("SetDesiredCapacity").with("DesiredCapacity", desired);
        let form = form.with("HonorCooldown", false);
        self.query.call("set the group's desired capacity", form, |_| Some(())).await
    }

    /// Ends an instance, and has the group want one less. Not repeated by itself: two of them might
    /// want two less.
    pub(crate) async fn terminate(&self, id: &InstanceId) -> Result<()> {
        let form = Form::new("TerminateInstanceInAutoScalingGroup")
            .with("InstanceId", id)
            .with("ShouldDecrementDesiredCapacity", true);
        self.query.call_once("terminate an instance in its group", form, |_| Some(())).await
    }

    /// Has the group keep off its new instances, when it has too many.
    pub(crate) async fn protect_new(&self) -> Result<()> {
        let form = self.form("UpdateAutoScalingGroup");
        let form = form.with("NewInstancesProtectedFromScaleIn", true);
        self.query.call("have the group protect new instances", form, |_| Some(())).await
    }

    /// Has the group keep off these instances.
    pub(crate) async fn protect(&self, ids: &[&InstanceId]) -> Result<()> {
        for ids in ids.chunks(PROTECTED_AT_ONCE) {
            let form = self.form("SetInstanceProtection").with("ProtectedFromScaleIn", true);
            let form = form.with_all("InstanceIds.member", ids);
            self.query.call("have the group protect its instances", form, |_| Some(())).await?;
        }
        Ok(())
    }

    /// Keeps the group from ending instances to spread them over its zones.
    pub(crate) async fn suspend_rebalancing(&self) -> Result<()> {
        let form = self.form("SuspendProcesses");
        let form = form.with_all("ScalingProcesses.member", [REBALANCING]);
        self.query.call("suspend the group's zone rebalancing", form, |_| Some(())).await
    }

    /// Has the group keep an instance that it ends, until it is told to go on or this time is over.
    pub(crate) async fn put_hook(&self, time: Duration) -> Result<()> {
        // What AWS allows.
        let seconds = time.as_secs().clamp(30, 7200);
        let form = self
            .form("PutLifecycleHook")
            .with("LifecycleHookName", HOOK)
            .with("LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING")
            .with("HeartbeatTimeout", seconds)
            .with("DefaultResult", "CONTINUE");
        self.query.call("make the group's lifecycle hook", form, |_| Some(())).await
    }

    /// Whether it has the hook that [`put_hook`](Self::put_hook) makes.
    pub(crate) async fn has_hook(&self) -> Result<bool> {
        let read = |xml: Xml<'_>| {
            let list = "DescribeLifecycleHooksResult/LifecycleHooks";
            xml.at(list)?;
            Some(xml.list(list).any(|of| of.text("LifecycleHookName") == Some(HOOK)))
        };
        self.query
            .call("look at the group's hooks", self.form("DescribeLifecycleHooks"), read)
            .await
    }

    /// Asks for something that cannot be: an action whose fields are `nobody`.
    pub(crate) async fn ask_for_nothing(
        &self,
        action: &str,
        fields: &[&str],
        nobody: &str,
    ) -> Result<()> {
        let form = fields.iter().fold(self.form(action), |form, field| form.with(*field, nobody));
        self.query.call_once("ask whether this is allowed", form, |_| Some(())).await
    }

    /// Tells the group that an instance that it ends need not be kept any more. One that it does not
    /// keep is none the worse for it.
    pub(crate) async fn go_on(&self, id: &InstanceId) -> Result<()> {
        let form = self
            .form("CompleteLifecycleAction")
            .with("LifecycleHookName", HOOK)
            .with("InstanceId", id)
            .with("LifecycleActionResult", "CONTINUE");
        let told = self.query.call("complete a lifecycle action", form, |_| Some(())).await;
        match told {
            // "No active Lifecycle Action found": it has been told, or is not kept yet.
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(()),
            told => told,
        }
    }
}

/// The group that an instance is in, if it is in one.
pub(crate) async fn group_of(
    configuration: &SdkConfig,
    id: &InstanceId,
) -> Result<Option<Scaling>> {
    let query = Query::new(configuration, SERVICE)?;
    let form = Form::new("DescribeAutoScalingInstances").with_all("InstanceIds.member", [id]);
    let read = |xml: Xml<'_>| {
        let list = "DescribeAutoScalingInstancesResult/AutoScalingInstances";
        xml.at(list)?;
        Some(xml.list(list).find_map(|xml| xml.text("AutoScalingGroupName").map(str::to_owned)))
    };
    let group = query.call("find the Auto Scaling group of this instance", form, read).await?;
    Ok(group.map(|group| Scaling { query, group }))
}

fn group(xml: Xml<'_>) -> Option<Group> {
    let is_on = |path: &str| xml.text(path) == Some("true");
    let member = |xml: Xml<'_>| {
        let id = InstanceId::new(xml.text("InstanceId")?).ok()?;
        let place = Place::parse(xml.text("LifecycleState")?);
        let is_protected = xml.text("ProtectedFromScaleIn") == Some("true");
        Some((id, Member { place, is_protected }))
    };
    let suspended = xml.list("SuspendedProcesses");
    let suspended = suspended.filter_map(|process| process.text("ProcessName"));
    let mixed = "MixedInstancesPolicy/LaunchTemplate/LaunchTemplateSpecification";
    Some(Group {
        desired: xml.parsed("DesiredCapacity")?,
        min: xml.parsed("MinSize")?,
        max: xml.parsed("MaxSize")?,
        protects: is_on("NewInstancesProtectedFromScaleIn"),
        suspended: suspended.map(str::to_owned).collect(),
        template: xml.at("LaunchTemplate").or_else(|| xml.at(mixed)).and_then(template),
        members: xml.list("Instances").filter_map(member).collect(),
    })
}

fn template(xml: Xml<'_>) -> Option<Template> {
    let name = xml.text("LaunchTemplateId").or_else(|| xml.text("LaunchTemplateName"))?;
    let version = xml.text("Version").unwrap_or("$Default");
    Some(Template { name: name.to_owned(), version: version.to_owned() })
}
