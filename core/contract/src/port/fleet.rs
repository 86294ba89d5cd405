//! The fleet port: the instances that workers run on, be they machines or processes.
//!
//! * **F1** `observe` lists every instance of this fleet that has not ended, and no other's. What
//!   could not be found out is an error or nothing (`None`), never an empty list or a zero.
//! * **F2** An intent is launched at most once: each of its instances derives from the intent and
//!   a number, so that whoever asks again, after a lost answer or a restart, gets the same ones.
//! * **F3** `drain` marks the instance first and tells its worker then. It kills nothing, may be
//!   repeated, and an instance that is marked stays so.
//! * **F4** `terminate` ends an instance whatever it holds: whoever calls it has seen the drain's
//!   end or has a reason not to wait for it. An instance that has ended already is no error.
//! * **F5** No call touches what does not bear the fleet's own tag, whatever id it is given.
//! * **F6** Every call returns within a bounded time, however many instances are silent.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::document::Report;
use crate::error::Result;
use crate::id::{InstanceId, IntentId};

/// A decision to launch instances, written down before it is acted on (F2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Intent {
    /// Its name, which the instances derive from.
    pub id: IntentId,
    /// How many instances.
    pub count: u32,
    /// When it was decided.
    pub at: Timestamp,
}

impl Intent {
    /// The id of one of its instances, counted from zero, where the provider lets us choose it.
    pub fn instance(&self, number: u32) -> InstanceId {
        InstanceId::derived(&[self.id.as_str().as_bytes(), &number.to_le_bytes()])
    }
}

/// How far an instance has come in its life, as its provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// It has been asked for and does not run yet.
    Pending,
    /// It runs; whether its worker does is for the report to say.
    Running,
    /// It is on its way out, and comes back no more.
    Stopping,
    /// It does not run: its end is confirmed by the provider.
    Ended,
}

/// What a load balancer says of an instance, in the words of its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetHealth {
    /// Its state.
    pub state: TargetState,
    /// The reason's code, such as `Target.FailedHealthChecks` or `Elb.InitialHealthChecking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The states of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Being registered, or before its first checks.
    Initial,
    /// It passes its checks.
    Healthy,
    /// It fails its checks; the reason says whose fault that is.
    Unhealthy,
    /// It is not registered, or its zone is not used.
    Unused,
    /// It is being deregistered.
    Draining,
    /// Checks are off.
    Unavailable,
}

/// Which of its provider's own checks a machine fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impairment {
    /// Those of what it stands on: its host, power, network.
    System,
    /// Those of the machine itself: its kernel, its disk, its own network.
    Instance,
}

/// One instance as it was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// How far it has come.
    pub lifecycle: Lifecycle,
    /// The intent that it was launched for.
    pub intent: IntentId,
    /// When it was launched, by our own record.
    pub launched_at: Timestamp,
    /// Since when it has been marked for draining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining_since: Option<Timestamp>,
    /// What a load balancer says of it, where there is one and it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetHealth>,
    /// Which of its provider's own checks it fails; nothing, if it fails none or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impaired: Option<Impairment>,
    /// What its worker says of itself; nothing, if it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// A fleet. See the module for its promises.
#[async_trait]
pub trait Fleet: Send + Sync + fmt::Debug {
    /// The instances, each with its worker's report as far as that answered (F1, F6). One that has
    /// ended is listed once at least, as `Ended`, where its end was not asked for.
    async fn observe(&self) -> Result<Vec<Instance>>;

    /// Launches what is missing of an intent (F2). An error may leave some of it launched; asking
    /// again completes it.
    async fn launch(&self, intent: &Intent) -> Result<()>;

    /// Has an instance receive no more and finish or release what it holds (F3). `NotFound` if it
    /// is none of this fleet's (F5).
    async fn drain(&self, id: &InstanceId) -> Result<()>;

    /// Ends an instance (F4). `NotFound` if it is none of this fleet's (F5).
    async fn terminate(&self, id: &InstanceId) -> Result<()>;
}
