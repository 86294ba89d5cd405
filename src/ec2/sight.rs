//! A fleet as its controller saw it last: kept in the store, for those who may read there and not look
//! at the machines, such as the producer of a pipeline on AWS.
//!
//! It is for people. Whoever acts on a fleet looks at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::document::Version;
use pixmill_contract::error::Result;
use pixmill_contract::key::CONTROLLER;
use pixmill_contract::port::{Condition, Instance, Intent, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Fleet, InstanceId, Key, Pipeline, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How often it is written at most. A fleet on EC2 is looked at every ten seconds.
const EVERY: Duration = Duration::from_secs(5);

/// After so long nobody knows any more what the workers do.
const OLD: Duration = Duration::from_mins(1);

/// The document.
#[derive(Debug, Serialize, Deserialize)]
struct Sight {
    pixmill: Version,
    written_at: Timestamp,
    instances: Vec<Instance>,
}

fn key() -> Key {
    Key::new(format!("{CONTROLLER}fleet.json")).expect("a good key")
}

/// The fleet of a controller, who leaves word of what it sees.
#[derive(Debug)]
pub(crate) struct Told {
    fleet: Arc<dyn Fleet>,
    pipeline: Pipeline,
    written: Mutex<Option<Instant>>,
}

impl Told {
    /// The same fleet, of which word is left in the store of its pipeline.
    pub(crate) fn new(fleet: Arc<dyn Fleet>, pipeline: Pipeline) -> Self {
        Self { fleet, pipeline, written: Mutex::default() }
    }

    /// Whether it is to be written again.
    fn is_due(&self) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = written.is_none_or(|at| at.elapsed() >= EVERY);
        if is_due {
            *written = Some(Instant::now());
        }
        is_due
    }

    async fn tell(&self, instances: &[Instance]) -> Result<()> {
        let written_at = self.pipeline.clock.now();
        let sight = Sight { pixmill: Version, written_at, instances: instances.to_vec() };
        let put = Put {
            key: key(),
            payload: Payload::Bytes(serde_json::to_vec(&sight).expect("instances are JSON")),
            media_type: "application/json",
            condition: Condition::Always,
            owner: None,
        };
        self.pipeline.store.put(put).await.map(drop)
    }
}

#[async_trait]
impl Fleet for Told {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let instances = self.fleet.observe().await?;
        // What people see is no reason not to act.
        if self.is_due()
            && let Err(error) = self.tell(&instances).await
        {
            tracing::warn!(reason = error.chain(), "failed to leave word of the fleet");
        }
        Ok(instances)
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        self.fleet.launch(intent).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.fleet.drain(id).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        self.fleet.terminate(id).await
    }
}

/// A fleet by what its controller left word of.
#[derive(Debug)]
pub(crate) struct Heard {
    pipeline: Pipeline,
}

impl Heard {
    pub(crate) fn new(pipeline: Pipeline) -> Self {
        Self { pipeline }
    }
}

/// What is refused: whoever sees a fleet only in the store cannot act on it.
fn refused(attempt: &str) -> Error {
    let why = "its machines are seen here only by what their controller left word of: do it by the \
               controller's --min and --max, or at EC2";
    Error::new(ErrorKind::Invalid, attempt, why)
}

#[async_trait]
impl Fleet for Heard {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let object = match self.pipeline.store.get(&key(), None).await {
            Ok(object) => object,
            // No controller has seen anything yet.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let sight = serde_json::from_slice::<Sight>(&object.bytes().await?);
        let sight = sight.map_err(|e| {
            Error::new(ErrorKind::Invalid, "read what the controller saw of its fleet", e)
        })?;
        let mut instances = sight.instances;
        if self.pipeline.clock.now().since(sight.written_at) > OLD {
            for instance in &mut instances {
                instance.report = None;
            }
        }
        Ok(instances)
    }

    async fn launch(&self, _: &Intent) -> Result<()> {
        Err(refused("launch instances"))
    }

    async fn drain(&self, _: &InstanceId) -> Result<()> {
        Err(refused("drain an instance"))
    }

    async fn terminate(&self, _: &InstanceId) -> Result<()> {
        Err(refused("end an instance"))
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::port::Lifecycle;
    use pixmill_contract::{IntentId, SystemClock};
    use pixmill_local::{Durability, LocalBackend};

    use super::*;

    /// A fleet of one instance.
    #[derive(Debug)]
    struct One(Instance);

    #[async_trait]
    impl Fleet for One {
        async fn observe(&self) -> Result<Vec<Instance>> {
            Ok(vec![self.0.clone()])
        }

        async fn launch(&self, _: &Intent) -> Result<()> {
            Ok(())
        }

        async fn drain(&self, _: &InstanceId) -> Result<()> {
            Ok(())
        }

        async fn terminate(&self, _: &InstanceId) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_a_controller_sees_is_what_others_hear() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let local = LocalBackend::open(directory.path(), clock, Durability::Process).unwrap();
        let pipeline = local.pipeline();
        let heard = Heard::new(pipeline.clone());
        assert_eq!(heard.observe().await.unwrap(), []);
        let one = Instance {
            id: InstanceId::new("i-1").unwrap(),
            lifecycle: Lifecycle::Running,
            intent: IntentId::new("x").unwrap(),
            launched_at: Timestamp::from_millis(1),
            draining_since: None,
            target: None,
            impaired: None,
            report: None,
        };
        let told = Told::new(Arc::new(One(one.clone())), pipeline);
        assert_eq!(told.observe().await.unwrap(), heard.observe().await.unwrap());
        let refused = heard.drain(&one.id).await.unwrap_err();
        assert!(refused.chain().contains("--max"), "{}", refused.chain());
    }
}
