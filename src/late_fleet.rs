//! The fleet of a pipeline for whoever may be there before it: a controller makes it when it first
//! starts, and a server that was started earlier is to see it then. Until then nobody is in it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Instance, Intent};
use pixmill_contract::{Error, ErrorKind, Fleet, InstanceId};

use crate::args::Data;
use crate::backend::Opened;

/// A fleet that is found when it is there.
#[derive(Debug)]
pub(crate) struct LateFleet {
    opened: Opened,
    data: Data,
    found: OnceLock<Arc<dyn Fleet>>,
}

impl LateFleet {
    pub(crate) fn new(opened: Opened, data: Data) -> Self {
        Self { opened, data, found: OnceLock::new() }
    }

    fn find(&self) -> Result<Option<&Arc<dyn Fleet>>> {
        if self.found.get().is_none() {
            let failed = |error: anyhow::Error| {
                Error::new(ErrorKind::Unavailable, "look for the fleet", format!("{error:#}"))
            };
            let Some(fleet) = self.opened.fleet(&self.data).map_err(failed)? else {
                return Ok(None);
            };
            // Two that find it at once find the same.
            drop(self.found.set(fleet));
        }
        Ok(self.found.get())
    }

    fn there(&self) -> Result<&Arc<dyn Fleet>> {
        let none = || Error::bare(ErrorKind::NotFound, "find a fleet of this pipeline");
        self.find()?.ok_or_else(none)
    }
}

#[async_trait]
impl Fleet for LateFleet {
    async fn observe(&self) -> Result<Vec<Instance>> {
        match self.find()? {
            Some(fleet) => fleet.observe().await,
            None => Ok(vec![]),
        }
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        self.there()?.launch(intent).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.there()?.drain(id).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        self.there()?.terminate(id).await
    }
}
