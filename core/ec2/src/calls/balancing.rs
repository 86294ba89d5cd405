//! The load balancer's calls, as far as they are about one target group.

use std::collections::BTreeMap;

use pixmill_aws::{Form, Query, SdkConfig, Service, Xml};
use pixmill_contract::InstanceId;
use pixmill_contract::error::Result;
use pixmill_contract::port::{TargetHealth, TargetState};

use crate::doctor::missing;

const SERVICE: Service = Service {
    name: "elasticloadbalancing",
    id: "Elastic Load Balancing v2",
    version: "2015-12-01",
};

/// A target group as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupFacts {
    /// What its targets are: `instance`, `ip` and so on.
    pub kind: String,
    /// What its health checks ask for, and at which port; nothing, where they do not speak HTTP.
    pub path: Option<String>,
    /// That port, or `traffic-port`.
    pub port: String,
    /// How many load balancers use it. Without one nobody is checked.
    pub balancers: usize,
}

/// A target group.
#[derive(Debug, Clone)]
pub(crate) struct TargetGroup {
    query: Query,
    arn: String,
}

impl TargetGroup {
    pub(crate) fn new(configuration: &SdkConfig, arn: &str) -> Result<Self> {
        Ok(Self { query: Query::new(configuration, SERVICE)?, arn: arn.to_owned() })
    }

    /// How it is set up. `NotFound` if there is none.
    pub(crate) async fn describe(&self) -> Result<TargetGroupFacts> {
        let form =
            Form::new("DescribeTargetGroups").with_all("TargetGroupArns.member", [&self.arn]);
        let read = |xml: Xml<'_>| {
            let list = "DescribeTargetGroupsResult/TargetGroups";
            xml.at(list)?;
            Some(xml.list(list).next().map(|of| TargetGroupFacts {
                kind: of.text("TargetType").unwrap_or("instance").to_owned(),
                path: of.text("HealthCheckPath").map(str::to_owned),
                port: of.text("HealthCheckPort").unwrap_or("traffic-port").to_owned(),
                balancers: of.list("LoadBalancerArns").count(),
            }))
        };
        let attempt = "look at the target group";
        let found = self.query.call(attempt, form, read).await?;
        found.ok_or_else(|| missing(attempt, "there is none of this ARN"))
    }

    /// The health of all its targets. One answer has them all, however many they are.
    pub(crate) async fn health(&self) -> Result<BTreeMap<InstanceId, TargetHealth>> {
        let form = Form::new("DescribeTargetHealth").with("TargetGroupArn", &self.arn);
        let read = |xml: Xml<'_>| {
            let list = "DescribeTargetHealthResult/TargetHealthDescriptions";
            xml.at(list)?;
            Some(xml.list(list).filter_map(target).collect())
        };
        self.query.call("ask for the health of the targets", form, read).await
    }

    pub(crate) async fn register(&self, ids: &[&InstanceId]) -> Result<()> {
        self.act("register targets", "RegisterTargets", ids).await
    }

    /// Targets that are not registered are none the worse for it.
    pub(crate) async fn deregister(&self, ids: &[&InstanceId]) -> Result<()> {
        self.act("deregister targets", "DeregisterTargets", ids).await
    }

    async fn act(&self, attempt: &str, action: &str, ids: &[&InstanceId]) -> Result<()> {
        let form = Form::new(action).with("TargetGroupArn", &self.arn);
        let form = ids
            .iter()
            .zip(1..)
            .fold(form, |form, (id, n)| form.with(format!("Targets.member.{n}.Id"), id));
        self.query.call(attempt, form, |_| Some(())).await
    }
}

fn target(xml: Xml<'_>) -> Option<(InstanceId, TargetHealth)> {
    let id = InstanceId::new(xml.text("Target/Id")?).ok()?;
    let state = match xml.text("TargetHealth/State")? {
        "initial" => TargetState::Initial,
        "healthy" => TargetState::Healthy,
        "unhealthy" => TargetState::Unhealthy,
        "unused" => TargetState::Unused,
        // Of a target that is to go, and its last checks failed.
        "draining" | "unhealthy.draining" => TargetState::Draining,
        "unavailable" => TargetState::Unavailable,
        _ => return None,
    };
    let reason = xml.text("TargetHealth/Reason").map(str::to_owned);
    Some((id, TargetHealth { state, reason }))
}
