//! What a fleet on EC2 is told.

use std::time::Duration;

/// What every fleet is told.
#[derive(Clone)]
pub struct FleetOptions {
    /// The ARN of the target group whose health checks are listened to, if there is one.
    pub target_group: Option<String>,
    /// The port that workers listen at.
    pub port: u16,
    /// The token that they know their controller by.
    pub token: String,
}

impl std::fmt::Debug for FleetOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (target_group, port) = (&self.target_group, self.port);
        write!(f, "FleetOptions {{ target_group: {target_group:?}, port: {port} }}")
    }
}

/// What a fleet of an Auto Scaling group is told.
#[derive(Debug, Clone)]
pub struct AsgOptions {
    /// The group's name.
    pub group: String,
    /// How long one of its instances may take to drain, before the group ends it after all; nothing,
    /// for a fleet that is only looked at.
    pub drain: Option<Duration>,
}

/// What a fleet of plain instances is told.
#[derive(Debug, Clone, Default)]
pub struct Ec2Options {
    /// The fleet's name, which its instances are tagged with.
    pub name: String,
    /// What instances are launched from; nothing, for a fleet that is only looked at.
    pub template: Option<Template>,
    /// The subnets that instances are launched in, and so their zones; none, for the template's own.
    pub subnets: Vec<String>,
    /// Their types, the preferred one first; none, for the template's own.
    pub types: Vec<String>,
    /// Whether spot instances are tried first.
    pub spot: bool,
    /// How many instances that were sent home are kept stopped, to be started again.
    pub stopped_pool: u32,
}

/// A launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id, `lt-…`, or its name.
    pub name: String,
    /// Its version, `$Default` or `$Latest`.
    pub version: String,
}

impl Template {
    /// The template that people write as `NAME`, `NAME:VERSION` or with its id. Its default version
    /// where none is given.
    pub fn parse(text: &str) -> Self {
        let (name, version) = text.split_once(':').unwrap_or((text, "$Default"));
        Self { name: name.to_owned(), version: version.to_owned() }
    }

    /// What its name is called in calls.
    pub(crate) fn key(&self) -> &'static str {
        if self.name.starts_with("lt-") { "LaunchTemplateId" } else { "LaunchTemplateName" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_written_with_or_without_its_version() {
        let template = |name: &str, version: &str| Template {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(Template::parse("grinder"), template("grinder", "$Default"));
        assert_eq!(Template::parse("lt-0a1b:7"), template("lt-0a1b", "7"));
        assert_eq!(Template::parse("grinder:$Latest"), template("grinder", "$Latest"));
    }
}
