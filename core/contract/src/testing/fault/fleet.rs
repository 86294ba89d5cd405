//! A fleet that fails on a plan, and whose instances may look otherwise than they are.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Fault, Operation, Plan, Script, failed, lost};
use crate::error::Result;
use crate::id::InstanceId;
use crate::port::{Fleet, Instance, Intent};

/// What an instance looks like to whoever observes it.
pub type View = Arc<dyn Fn(Instance) -> Instance + Send + Sync>;

/// A fleet that fails on a plan.
pub struct FaultyFleet {
    inner: Arc<dyn Fleet>,
    script: Script,
    view: View,
    observed: Mutex<Option<Vec<Instance>>>,
}

impl FaultyFleet {
    /// A good fleet, and what is to happen to its calls.
    pub fn new(inner: Arc<dyn Fleet>, plan: Plan) -> Self {
        let (script, view) = (Script::new(plan), Arc::new(|instance| instance));
        Self { inner, script, view, observed: Mutex::default() }
    }

    /// The same, with its instances seen in another light.
    #[must_use]
    pub fn seen_as(self, view: View) -> Self {
        Self { view, ..self }
    }

    /// A call that has its effect twice if it is told to.
    async fn act<'f, F>(&'f self, operation: Operation, call: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>> + 'f,
    {
        match self.script.next(operation, None).await {
            Fault::Fail(kind) => Err(failed(kind)),
            Fault::Lose => {
                drop(call().await);
                Err(lost())
            }
            Fault::Duplicate => {
                drop(call().await);
                call().await
            }
            Fault::None | Fault::Delay(_) | Fault::Stale | Fault::Cut => call().await,
        }
    }
}

impl fmt::Debug for FaultyFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyFleet").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl Fleet for FaultyFleet {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let fault = self.script.next(Operation::Observe, None).await;
        if let Fault::Fail(kind) = fault {
            return Err(failed(kind));
        }
        let seen = self.observed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Fault::Stale, Some(instances)) = (fault, seen) {
            return Ok(instances);
        }
        let instances: Vec<_> = self.inner.observe().await?;
        let instances: Vec<_> = instances.into_iter().map(|i| (self.view)(i)).collect();
        *self.observed.lock().unwrap_or_else(PoisonError::into_inner) = Some(instances.clone());
        if fault == Fault::Lose { Err(lost()) } else { Ok(instances) }
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        self.act(Operation::Launch, || self.inner.launch(intent)).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.act(Operation::Drain, || self.inner.drain(id)).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        self.act(Operation::Terminate, || self.inner.terminate(id)).await
    }
}
