//! An instance as EC2 describes it.

use std::net::IpAddr;

use pixmill_aws::Xml;
use pixmill_contract::port::Lifecycle;
use pixmill_contract::{InstanceId, Timestamp};

use crate::tags::Tags;

/// The states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "running" => Some(Self::Running),
            "stopping" => Some(Self::Stopping),
            "stopped" => Some(Self::Stopped),
            "shutting-down" => Some(Self::ShuttingDown),
            "terminated" => Some(Self::Terminated),
            _ => None,
        }
    }

    pub(crate) fn lifecycle(self) -> Lifecycle {
        match self {
            Self::Pending => Lifecycle::Pending,
            Self::Running => Lifecycle::Running,
            Self::Stopping | Self::ShuttingDown => Lifecycle::Stopping,
            Self::Stopped | Self::Terminated => Lifecycle::Ended,
        }
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) id: InstanceId,
    pub(crate) state: State,
    /// When it was launched or last started, by EC2's clock.
    pub(crate) started: Option<Timestamp>,
    /// Its private address.
    pub(crate) address: Option<IpAddr>,
    pub(crate) subnet: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) is_spot: bool,
    pub(crate) tags: Tags,
}

impl Machine {
    /// Reads one of a reservation's instances. `None` of what is none.
    pub(crate) fn read(xml: Xml<'_>) -> Option<Self> {
        let owned = |text: &str| text.to_owned();
        let tags = xml.list("tagSet");
        let tags = tags.filter_map(|tag| Some((tag.text("key")?, tag.text("value").unwrap_or(""))));
        Some(Self {
            id: InstanceId::new(xml.text("instanceId")?).ok()?,
            state: State::parse(xml.text("instanceState/name")?)?,
            started: xml.text("launchTime").and_then(moment),
            address: xml.parsed("privateIpAddress"),
            subnet: xml.text("subnetId").map(owned),
            kind: xml.text("instanceType").map(owned),
            is_spot: xml.text("instanceLifecycle") == Some("spot"),
            tags: Tags(tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
        })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.lifecycle() == Lifecycle::Ended
    }
}

/// A moment as AWS writes it.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    humantime::parse_rfc3339_weak(text).ok().map(Timestamp::from)
}
