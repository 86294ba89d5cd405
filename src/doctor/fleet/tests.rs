//! Each fact that is wrong is found, and said with what mends it.

use pixmill_contract::error::{Error, ErrorKind};
use pixmill_ec2::doctor::{Facts, GroupFacts, Permission, TargetGroupFacts, TemplateFacts};

use super::super::finding::{Finding, Status};
use super::{Named, findings};

fn no(kind: ErrorKind) -> Error {
    Error::new(kind, "ask", "no")
}

fn group() -> GroupFacts {
    GroupFacts {
        desired: 1,
        min: 0,
        max: 20,
        protects: true,
        suspended: vec!["AZRebalance".to_owned()],
        has_hook: Some(true),
    }
}

fn facts() -> Facts {
    let template = TemplateFacts {
        name: "grinder".to_owned(),
        version: "3".to_owned(),
        demands_tokens: true,
        has_role: true,
    };
    let target_group = TargetGroupFacts {
        kind: "instance".to_owned(),
        path: Some("/health".to_owned()),
        port: "8080".to_owned(),
        balancers: 1,
    };
    Facts {
        instances: Ok(2),
        group: Some(Ok(group())),
        template: Some(Ok(template)),
        target_group: Some(Ok(target_group)),
        permissions: vec![],
    }
}

/// What is wrong with a group's fleet that was changed in one way.
fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = facts();
    change(&mut facts);
    let named = Named { group: Some("grinders"), max: Some(20), port: 8080 };
    findings(&facts, named).into_iter().filter(|finding| finding.status != Status::Ok).collect()
}

fn of_group(change: impl FnOnce(&mut GroupFacts)) -> Vec<Finding> {
    wrong(|facts| {
        let mut group = group();
        change(&mut group);
        facts.group = Some(Ok(group));
    })
}

fn of_template(change: impl FnOnce(&mut TemplateFacts)) -> Vec<Finding> {
    wrong(|facts| change(facts.template.as_mut().unwrap().as_mut().unwrap()))
}

fn of_targets(change: impl FnOnce(&mut TargetGroupFacts)) -> Vec<Finding> {
    wrong(|facts| change(facts.target_group.as_mut().unwrap().as_mut().unwrap()))
}

fn of_permission(action: &'static str, kind: ErrorKind) -> Vec<Finding> {
    wrong(|facts| facts.permissions.push(Permission { action, answer: Err(no(kind)) }))
}

#[track_caller]
fn assert_one(found: &[Finding], check: &str, status: Status, fix: &str) {
    let [one] = found else { panic!("not one finding: {found:?}") };
    assert_eq!((one.check.as_str(), one.status), (check, status), "{one:?}");
    let said = one.fix.clone().unwrap_or_default();
    assert!(said.contains(fix), "{fix:?} is not in {said:?}");
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(wrong(|_| {}), []);
    let fine = |facts: &mut Facts| {
        for (action, is_sure) in [("ec2:CreateTags", true), ("autoscaling:PutLifecycleHook", false)]
        {
            facts.permissions.push(Permission { action, answer: Ok(is_sure) });
        }
    };
    assert_eq!(wrong(fine), []);
}

#[test]
fn a_group_that_no_controller_could_size_is_found() {
    let missing = wrong(|facts| facts.group = Some(Err(no(ErrorKind::NotFound))));
    assert_one(&missing, "Auto Scaling group", Status::Error, "--asg grinders");
    let denied = wrong(|facts| facts.group = Some(Err(no(ErrorKind::Denied))));
    let fix = "autoscaling:DescribeAutoScalingGroups";
    assert_one(&denied, "Auto Scaling group", Status::Error, fix);
    let none = of_group(|group| group.max = 0);
    assert_one(&none, "MaxSize", Status::Error, "--max-size 20");
    assert_one(&of_group(|group| group.max = 5), "MaxSize", Status::Warning, "or lower --max");
    assert_one(&of_group(|group| group.min = 1), "MinSize", Status::Warning, "--min-size 0");
    let stopped = of_group(|group| group.suspended.push("Launch".to_owned()));
    let fix = "resume-processes --auto-scaling-group-name grinders --scaling-processes Launch";
    assert_one(&stopped, "processes of the group", Status::Error, fix);
}

#[test]
fn what_a_controller_sets_up_itself_is_a_warning() {
    let found = of_group(|group| group.suspended.clear());
    assert_one(&found, "zone rebalancing", Status::Warning, "--scaling-processes AZRebalance");
    let found = of_group(|group| group.protects = false);
    let fix = "--new-instances-protected-from-scale-in";
    assert_one(&found, "scale-in protection", Status::Warning, fix);
    let found = of_group(|group| group.has_hook = Some(false));
    assert_one(&found, "lifecycle hook", Status::Warning, "autoscaling:PutLifecycleHook");
    assert_one(&of_group(|group| group.has_hook = None), "lifecycle hook", Status::Unknown, "");
}

#[test]
fn templates_that_are_missing_open_or_without_a_role_are_found() {
    let missing = wrong(|facts| facts.template = Some(Err(no(ErrorKind::NotFound))));
    assert_one(&missing, "launch template", Status::Error, "describe-launch-templates");
    let denied = wrong(|facts| facts.template = Some(Err(no(ErrorKind::Denied))));
    assert_one(&denied, "launch template", Status::Unknown, "");
    let open = of_template(|template| template.demands_tokens = false);
    assert_one(&open, "launch template", Status::Warning, r#""HttpTokens":"required""#);
    let bare = of_template(|template| template.has_role = false);
    assert_one(&bare, "launch template", Status::Warning, "IamInstanceProfile");
    // Plain instances are launched so that they demand tokens, whatever their template says.
    let mut plain = facts();
    plain.group = None;
    plain.template.as_mut().unwrap().as_mut().unwrap().demands_tokens = false;
    let found = findings(&plain, Named { group: None, max: None, port: 8080 });
    assert!(found.iter().all(|finding| finding.status == Status::Ok), "{found:?}");
}

#[test]
fn target_groups_that_say_nothing_of_workers_are_found() {
    let missing = wrong(|facts| facts.target_group = Some(Err(no(ErrorKind::NotFound))));
    assert_one(&missing, "target group", Status::Error, "--target-group");
    let of_addresses = of_targets(|group| group.kind = "ip".to_owned());
    assert_one(&of_addresses, "target group", Status::Error, "--target-type instance");
    let path = of_targets(|group| group.path = Some("/".to_owned()));
    assert_one(&path, "health check", Status::Error, "--health-check-path /health");
    let unused = of_targets(|group| group.balancers = 0);
    assert_one(&unused, "load balancer", Status::Warning, "leave --target-group out");
}

#[test]
fn permissions_that_are_missing_are_named_unless_they_are_not_needed() {
    for action in ["ec2:CreateTags", "autoscaling:SetDesiredCapacity"] {
        let found = of_permission(action, ErrorKind::Denied);
        assert_one(&found, action, Status::Error, &format!("allow {action}"));
    }
    let silent = of_permission("ec2:CreateTags", ErrorKind::Unavailable);
    assert_one(&silent, "ec2:CreateTags", Status::Unknown, "");
    let status = "ec2:DescribeInstanceStatus";
    assert_one(&of_permission(status, ErrorKind::Denied), status, Status::Warning, status);
    let run = of_permission("ec2:RunInstances", ErrorKind::Invalid);
    assert_one(&run, "ec2:RunInstances", Status::Error, "--subnet");
    assert_eq!(of_permission("autoscaling:UpdateAutoScalingGroup", ErrorKind::Denied), []);
    let denied = wrong(|facts| {
        let (action, answer) = ("autoscaling:SuspendProcesses", Err(no(ErrorKind::Denied)));
        facts.permissions.push(Permission { action, answer });
        facts.group = Some(Ok(GroupFacts { suspended: vec![], ..group() }));
    });
    assert_eq!(denied.len(), 2, "it is not suspended, and nobody may: {denied:?}");
    let denied = wrong(|facts| facts.instances = Err(no(ErrorKind::Denied)));
    assert_one(&denied, "ec2:DescribeInstances", Status::Error, "ec2:DescribeInstances");
}
