//! What the answers about a fleet on EC2 mean to its controller, and what mends what is wrong.

use pixmill_contract::error::{Error, ErrorKind};
use pixmill_ec2::doctor::{Facts, GroupFacts, Permission, TargetGroupFacts, TemplateFacts};

use super::finding::Finding;

/// What the workers answer a load balancer at.
const HEALTH: &str = "/health";

/// A group's process that ends instances to spread them over its zones.
const REBALANCING: &str = "AZRebalance";

/// Which fleet, as the command line names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// Its Auto Scaling group, if it is one's.
    pub(super) group: Option<&'a str>,
    /// The most instances that its controller is to want, if that is said.
    pub(super) max: Option<u32>,
    /// The port that its workers listen at.
    pub(super) port: u16,
}

/// What is wrong, and what is not.
pub(super) fn findings(facts: &Facts, named: Named<'_>) -> Vec<Finding> {
    let group = facts.group.as_ref();
    let mut found = vec![match &facts.instances {
        Ok(count) => Finding::ok("ec2:DescribeInstances", format!("allowed; {count} of its own")),
        Err(error) => permission("ec2:DescribeInstances", error),
    }];
    match (named.group, group) {
        (Some(name), Some(Ok(group))) => found.extend(of_group(name, group, named.max)),
        (Some(name), Some(Err(error))) => found.push(no_group(name, error)),
        (None, _) | (_, None) => {}
    }
    if let Some(template) = &facts.template {
        found.push(of_template(template, named.group.is_some()));
    }
    if let Some(target_group) = &facts.target_group {
        found.extend(of_target_group(target_group, named.port));
    }
    let group = group.and_then(|group| group.as_ref().ok());
    found.extend(facts.permissions.iter().map(|asked| of_permission(asked, group)));
    found
}

fn permission(action: &str, error: &Error) -> Finding {
    if error.kind() == ErrorKind::Denied {
        let fix = format!("allow {action} in the policy of the controller's user or role");
        return Finding::error(action, error.chain(), fix);
    }
    Finding::unknown(action, error.chain())
}

/// Whether a call is allowed, and if it is not, whether it is needed: what is set up already is not
/// set up again.
fn of_permission(asked: &Permission, group: Option<&GroupFacts>) -> Finding {
    let needed = match (asked.action, group) {
        ("autoscaling:UpdateAutoScalingGroup", Some(group)) => !group.protects,
        ("autoscaling:SuspendProcesses", Some(group)) => !is_suspended(group, REBALANCING),
        _ => true,
    };
    match &asked.answer {
        Ok(true) => Finding::ok(asked.action, "allowed"),
        Ok(false) => Finding::ok(asked.action, "not denied"),
        Err(error) if error.kind() == ErrorKind::Denied && !needed => {
            Finding::ok(asked.action, "denied, and not needed as the group is set up")
        }
        // A rehearsal that AWS finds a fault with, such as a subnet that is not there.
        Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {
            let fix = "check --launch-template, --subnet and --instance-type";
            Finding::error(asked.action, error.chain(), fix)
        }
        // EC2 asks itself whether the machines' own checks fail; without it, it is not known.
        Err(error) if asked.action == "ec2:DescribeInstanceStatus" => {
            let finding = permission(asked.action, error);
            let detail = format!("{}; what EC2 finds impaired is not known then", finding.detail);
            match finding.fix {
                Some(fix) => Finding::warning(asked.action, detail, fix),
                None => Finding::unknown(asked.action, detail),
            }
        }
        Err(error) => permission(asked.action, error),
    }
}

fn is_suspended(group: &GroupFacts, process: &str) -> bool {
    group.suspended.iter().any(|name| name == process)
}

fn no_group(name: &str, error: &Error) -> Finding {
    const CHECK: &str = "Auto Scaling group";
    match error.kind() {
        ErrorKind::NotFound => {
            let fix = format!(
                "check --asg {name} and AWS_REGION; `aws autoscaling describe-auto-scaling-groups` \
                 lists those that there are"
            );
            Finding::error(CHECK, error.chain(), fix)
        }
        ErrorKind::Denied => Finding {
            check: CHECK.to_owned(),
            ..permission("autoscaling:DescribeAutoScalingGroups", error)
        },
        ErrorKind::Throttled
        | ErrorKind::Unavailable
        | ErrorKind::InsufficientCapacity
        | ErrorKind::AlreadyExists
        | ErrorKind::Changed
        | ErrorKind::LeaseLost
        | ErrorKind::Invalid => Finding::unknown(CHECK, error.chain()),
    }
}

fn of_group(name: &str, group: &GroupFacts, wanted: Option<u32>) -> Vec<Finding> {
    let GroupFacts { desired, min, max, .. } = group;
    let aws = |what: &str| format!("aws autoscaling {what} --auto-scaling-group-name {name}");
    let mut found = vec![Finding::ok(
        "Auto Scaling group",
        format!("{name} is to have {desired}, of {min} to {max}"),
    )];
    let raise = |to: u32| format!("{} --max-size {to}", aws("update-auto-scaling-group"));
    found.push(match wanted {
        _ if *max == 0 => {
            let fix = raise(wanted.unwrap_or(10));
            Finding::error("MaxSize", "it is 0: nothing is ever launched", fix)
        }
        Some(wanted) if wanted > *max => {
            let detail = format!("it is {max}, and --max is {wanted}: the lower one holds");
            Finding::warning("MaxSize", detail, format!("{}, or lower --max", raise(wanted)))
        }
        Some(_) | None => Finding::ok("MaxSize", max.to_string()),
    });
    if *min > 0 {
        let detail = format!("it is {min}: the group refuses to have fewer");
        let fix = format!("{} --min-size 0", aws("update-auto-scaling-group"));
        found.push(Finding::warning("MinSize", detail, fix));
    }
    let stopped: Vec<_> =
        ["Launch", "Terminate"].into_iter().filter(|p| is_suspended(group, p)).collect();
    if !stopped.is_empty() {
        let stopped = stopped.join(" ");
        let detail = format!("suspended: {stopped}");
        let fix = format!("{} --scaling-processes {stopped}", aws("resume-processes"));
        found.push(Finding::error("processes of the group", detail, fix));
    }
    found.push(if is_suspended(group, REBALANCING) {
        Finding::ok("zone rebalancing", "suspended")
    } else {
        let detail = "the group may end instances that work, until a controller suspends it";
        let fix = format!("{} --scaling-processes {REBALANCING}", aws("suspend-processes"));
        Finding::warning("zone rebalancing", detail, fix)
    });
    found.push(if group.protects {
        Finding::ok("scale-in protection", "of all new instances")
    } else {
        let detail = "the group may end instances that work, until a controller protects them";
        let update = aws("update-auto-scaling-group");
        let fix = format!("{update} --new-instances-protected-from-scale-in");
        Finding::warning("scale-in protection", detail, fix)
    });
    found.push(match group.has_hook {
        Some(true) => Finding::ok("lifecycle hook", "pixmill-drain"),
        Some(false) => Finding::warning(
            "lifecycle hook",
            "there is no pixmill-drain: the group ends instances at once, until a controller makes it",
            "start the controller once, which makes it; it needs autoscaling:PutLifecycleHook",
        ),
        None => Finding::unknown("lifecycle hook", "autoscaling:DescribeLifecycleHooks is denied"),
    });
    found
}

fn of_template(template: &Result<TemplateFacts, Error>, is_groups: bool) -> Finding {
    const CHECK: &str = "launch template";
    let template = match template {
        Ok(template) => template,
        Err(error) if error.kind() == ErrorKind::Denied => {
            let detail = "ec2:DescribeLaunchTemplateVersions is denied, which only doctor needs";
            return Finding::unknown(CHECK, detail);
        }
        Err(error) if error.kind().may_pass() => return Finding::unknown(CHECK, error.chain()),
        Err(error) => {
            let fix = "check its name and version; `aws ec2 describe-launch-templates` lists them";
            return Finding::error(CHECK, error.chain(), fix);
        }
    };
    let TemplateFacts { name, version, demands_tokens, has_role } = template;
    let new = |data: &str| {
        let by = if name.starts_with("lt-") { "id" } else { "name" };
        format!(
            "aws ec2 create-launch-template-version --launch-template-{by} {name} --source-version \
             {version} --launch-template-data '{data}', and have it used"
        )
    };
    if !has_role {
        let detail = format!(
            "version {version} of {name} gives its instances no role: their \
             workers reach neither bucket nor queue"
        );
        return Finding::warning(
            CHECK,
            detail,
            new(r#"{"IamInstanceProfile":{"Name":"PROFILE"}}"#),
        );
    }
    // Plain instances are launched so that they do.
    if !demands_tokens && is_groups {
        let detail = format!(
            "version {version} of {name} does not demand version 2 of the metadata service \
             (IMDSv2), by whose token a role is kept from whoever makes a worker ask for things"
        );
        return Finding::warning(
            CHECK,
            detail,
            new(r#"{"MetadataOptions":{"HttpTokens":"required"}}"#),
        );
    }
    Finding::ok(CHECK, format!("version {version} of {name}"))
}

fn of_target_group(group: &Result<TargetGroupFacts, Error>, port: u16) -> Vec<Finding> {
    const CHECK: &str = "target group";
    let group = match group {
        Ok(group) => group,
        Err(error) if error.kind() == ErrorKind::Denied => {
            let detail =
                "elasticloadbalancing:DescribeTargetGroups is denied, which only doctor needs";
            return vec![Finding::unknown(CHECK, detail)];
        }
        Err(error) if error.kind().may_pass() => {
            return vec![Finding::unknown(CHECK, error.chain())];
        }
        Err(error) => {
            return vec![Finding::error(
                CHECK,
                error.chain(),
                "check --target-group, which is an ARN",
            )];
        }
    };
    if group.kind != "instance" {
        let detail = format!("its targets are of the type {}, and not instances", group.kind);
        let fix =
            "aws elbv2 create-target-group --target-type instance …, and --target-group its ARN";
        return vec![Finding::error(CHECK, detail, fix)];
    }
    let mut found = vec![Finding::ok(CHECK, "of instances")];
    if group.balancers == 0 {
        let detail = "no load balancer uses it: its targets are `unused`, which says nothing";
        let fix = "have a listener of a load balancer forward to it, or leave --target-group out";
        found.push(Finding::warning("load balancer", detail, fix));
    }
    let asks = group.path.as_deref();
    found.push(if asks.is_some_and(|path| path != HEALTH) {
        let path = asks.unwrap_or_default();
        let detail = format!("it asks for {path}, which workers do not know");
        let fix = format!(
            "aws elbv2 modify-target-group --health-check-path {HEALTH} \
             --target-group-arn …"
        );
        Finding::error("health check", detail, fix)
    } else {
        let (path, at) = (asks.unwrap_or("a connection"), &group.port);
        Finding::ok("health check", format!("{path} at {at}; the workers listen at {port}"))
    });
    found
}

#[cfg(test)]
mod tests;
