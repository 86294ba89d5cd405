//! What AWS says of a fleet before anybody acts on it, asked for a person who wants to know whether a
//! controller could. It judges nothing; `pixmill doctor` does.
//!
//! No question changes anything. EC2 is told that it is a dry run, which it answers for certain. The
//! other services know no such thing: they are asked for something that cannot be, under the name
//! [`NOBODY`]. A denial is certain then, and a complaint about the name says only that nothing was
//! denied before it.

use pixmill_aws::{Form, SdkConfig};
use pixmill_contract::error::{Error, ErrorKind, Result};
use pixmill_contract::{InstanceId, IntentId};

use crate::calls::balancing::TargetGroup;
pub use crate::calls::balancing::TargetGroupFacts;
pub use crate::calls::ec2::TemplateFacts;
use crate::calls::ec2::{Ec2, Launch, Place};
use crate::calls::scaling::{Group, Scaling};
use crate::options::{Ec2Options, Template};
use crate::tags;

/// What no instance, process or number is called.
pub const NOBODY: &str = "pixmill-doctor";

/// Which fleet.
#[derive(Debug, Clone)]
pub enum Named {
    /// That of this Auto Scaling group.
    Group(String),
    /// Plain instances.
    Plain(Ec2Options),
}

/// All that was found out.
#[derive(Debug)]
pub struct Facts {
    /// How many instances of its own there are, of every state.
    pub instances: Result<usize>,
    /// The group, for a fleet that is one's.
    pub group: Option<Result<GroupFacts>>,
    /// The launch template, as far as there is one that is known.
    pub template: Option<Result<TemplateFacts>>,
    /// The target group, if one is named.
    pub target_group: Option<Result<TargetGroupFacts>>,
    /// The calls that a controller makes, and whether they are allowed.
    pub permissions: Vec<Permission>,
}

/// Whether a call is allowed.
#[derive(Debug)]
pub struct Permission {
    /// The call, as policies name it.
    pub action: &'static str,
    /// `Ok(true)` if it is allowed for certain, `Ok(false)` if it is not denied.
    pub answer: Result<bool>,
}

/// A group, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFacts {
    /// How many instances it is to have.
    pub desired: u32,
    /// Fewest that it may be told to have.
    pub min: u32,
    /// Most that it may be told to have.
    pub max: u32,
    /// Whether its new instances are protected from scale-in.
    pub protects: bool,
    /// What it does not do any more, such as `AZRebalance`.
    pub suspended: Vec<String>,
    /// Whether it has the hook that keeps instances until they have drained; nothing, if that may not
    /// be asked.
    pub has_hook: Option<bool>,
}

/// Asks AWS everything about a fleet.
pub async fn look(
    configuration: &SdkConfig,
    named: &Named,
    target_group: Option<&str>,
) -> Result<Facts> {
    let ec2 = Ec2::new(configuration)?;
    let (own, value) = match named {
        Named::Group(name) => (tags::GROUP, name),
        Named::Plain(options) => (tags::FLEET, &options.name),
    };
    let tag = format!("tag:{own}");
    let listed = ec2.describe(&[(&tag, &[value])]).await;
    let lives = |machine: &&crate::calls::machine::Machine| !machine.has_ended();
    let one = listed.iter().flatten().find(lives).map(|machine| machine.id.clone());
    let mut permissions =
        vec![Permission::asked("ec2:DescribeInstanceStatus", ec2.impaired().await)];
    if let Some(one) = &one {
        permissions.extend(tagging(&ec2, one).await);
    }
    let (group, template) = match named {
        Named::Group(name) => {
            let scaling = Scaling::new(configuration, name)?;
            permissions.extend(of_group(&scaling).await);
            look_at_group(&scaling).await
        }
        Named::Plain(options) => {
            permissions.extend(of_plain(&ec2, options, one.as_ref()).await);
            (None, options.template.clone())
        }
    };
    let template = match &template {
        Some(template) => Some(ec2.template(template).await),
        None => None,
    };
    let target_group = match target_group {
        Some(arn) => {
            let balanced = TargetGroup::new(configuration, arn)?;
            permissions.extend(of_targets(&balanced, named).await);
            Some(balanced.describe().await)
        }
        None => None,
    };
    let instances = listed.map(|machines| machines.len());
    Ok(Facts { instances, group, template, target_group, permissions })
}

impl Permission {
    /// What a look says that was made.
    fn asked<T>(action: &'static str, answer: Result<T>) -> Self {
        Self { action, answer: answer.map(|_| true) }
    }

    /// What a dry run says. EC2 has a refusal of its own for what it would have done.
    fn rehearsed(action: &'static str, answer: Result<()>) -> Self {
        let answer = match answer {
            Err(error) if error.kind() == ErrorKind::Changed => Ok(true),
            answer => answer.map(|()| false),
        };
        Self { action, answer }
    }

    /// What a call says that cannot be done.
    fn refused(action: &'static str, answer: Result<()>) -> Self {
        let answer = match answer {
            Err(error) if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {
                Err(error)
            }
            _ => Ok(false),
        };
        Self { action, answer }
    }
}

async fn tagging(ec2: &Ec2, one: &InstanceId) -> [Permission; 2] {
    let tag = |action: &str| {
        let form = Form::new(action).with_all("ResourceId", [one]);
        form.with("Tag.1.Key", tags::DRAINING).with("Tag.1.Value", 0)
    };
    let (create, delete) =
        tokio::join!(ec2.rehearse(tag("CreateTags")), ec2.rehearse(tag("DeleteTags")));
    [
        Permission::rehearsed("ec2:CreateTags", create),
        Permission::rehearsed("ec2:DeleteTags", delete),
    ]
}

/// What launching and ending plain instances takes; the latter only where there is one to ask about.
async fn of_plain(ec2: &Ec2, options: &Ec2Options, one: Option<&InstanceId>) -> Vec<Permission> {
    let mut permissions = vec![];
    if let Some(template) = &options.template {
        let place = Place {
            subnet: options.subnets.first().cloned(),
            kind: options.types.first().cloned(),
            spot: options.spot,
        };
        let intent = IntentId::derived(&[NOBODY.as_bytes()]);
        let bears = [(tags::FLEET, options.name.clone()), (tags::INTENT, intent.to_string())];
        let (tags, token) = (bears.into_iter().collect(), intent.as_str());
        let launch = Launch { template, place: &place, most: 1, token, tags: &tags };
        let launched = ec2.rehearse(launch.form()).await;
        permissions.push(Permission::rehearsed("ec2:RunInstances", launched));
    }
    let ends = [
        ("ec2:TerminateInstances", "TerminateInstances"),
        ("ec2:StopInstances", "StopInstances"),
        ("ec2:StartInstances", "StartInstances"),
    ];
    for (name, action) in ends {
        let Some(one) = one else { break };
        let answer = ec2.rehearse(Form::new(action).with_all("InstanceId", [one])).await;
        permissions.push(Permission::rehearsed(name, answer));
    }
    permissions
}

/// What sizing a group takes. Ending an instance cannot be asked for without one: which group it is
/// in says who may.
async fn of_group(scaling: &Scaling) -> Vec<Permission> {
    let questions: [(_, _, &[&str]); 6] = [
        ("autoscaling:SetDesiredCapacity", "SetDesiredCapacity", &["DesiredCapacity"]),
        ("autoscaling:SetInstanceProtection", "SetInstanceProtection", &["InstanceIds.member.1"]),
        ("autoscaling:SuspendProcesses", "SuspendProcesses", &["ScalingProcesses.member.1"]),
        ("autoscaling:UpdateAutoScalingGroup", "UpdateAutoScalingGroup", &["DefaultCooldown"]),
        (
            "autoscaling:PutLifecycleHook",
            "PutLifecycleHook",
            &["LifecycleHookName", "LifecycleTransition"],
        ),
        (
            "autoscaling:CompleteLifecycleAction",
            "CompleteLifecycleAction",
            &["LifecycleHookName", "InstanceId", "LifecycleActionResult"],
        ),
    ];
    let mut permissions = vec![];
    for (name, action, fields) in questions {
        let answer = scaling.ask_for_nothing(action, fields, NOBODY).await;
        permissions.push(Permission::refused(name, answer));
    }
    permissions
}

async fn look_at_group(scaling: &Scaling) -> (Option<Result<GroupFacts>>, Option<Template>) {
    let group = match scaling.describe().await {
        Ok(group) => group,
        Err(error) => return (Some(Err(error)), None),
    };
    let Group { desired, min, max, protects, suspended, template, .. } = group;
    let has_hook = scaling.has_hook().await.ok();
    (Some(Ok(GroupFacts { desired, min, max, protects, suspended, has_hook })), template)
}

/// What the target group takes: of plain instances, that they are brought there and taken away.
async fn of_targets(group: &TargetGroup, named: &Named) -> Vec<Permission> {
    let health = group.health().await;
    let mut permissions =
        vec![Permission::asked("elasticloadbalancing:DescribeTargetHealth", health)];
    if let (Named::Plain(_), Ok(nobody)) = (named, InstanceId::new(NOBODY)) {
        let come = group.register(&[&nobody]).await;
        let go = group.deregister(&[&nobody]).await;
        permissions.push(Permission::refused("elasticloadbalancing:RegisterTargets", come));
        permissions.push(Permission::refused("elasticloadbalancing:DeregisterTargets", go));
    }
    permissions
}

/// What is missing, as an error.
pub(crate) fn missing(attempt: impl Into<String>, why: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, attempt, why)
}
