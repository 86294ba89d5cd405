//! Commands that send jobs and wait for them, and may be interrupted at any moment: what was sent is
//! worked on all the same, and the reply queue of whoever waited is not left behind.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pixmill_consumer::Stage;
use pixmill_contract::port::Queue;
use pixmill_contract::{Error, Pipeline, ReplyQueues};

use crate::{exit, shutdown};

/// How long what is left behind may take to be removed. Somebody waits for the prompt.
const TIDYING: Duration = Duration::from_secs(3);

/// Runs a command on a pipeline until it ends or somebody interrupts it, who is told by `hint` how
/// to go on.
pub(crate) async fn unless_interrupted(
    pipeline: Pipeline,
    hint: &str,
    command: impl AsyncFnOnce(Pipeline) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let mut stage = shutdown::listen()?;
    let made = Arc::new(Made { replies: Arc::clone(&pipeline.replies), names: Mutex::default() });
    let pipeline = Pipeline { replies: Arc::clone(&made) as Arc<dyn ReplyQueues>, ..pipeline };
    tokio::select! {
        ended = command(pipeline) => return ended,
        _ = stage.wait_for(|stage| *stage > Stage::Running) => {}
    }
    eprintln!("pixmill: interrupted; {hint}");
    tokio::select! {
        _ = tokio::time::timeout(TIDYING, made.remove_all()) => {}
        _ = stage.wait_for(|stage| *stage == Stage::Aborting) => {}
    }
    Ok(exit::INTERRUPTED.into())
}

/// Reply queues, and which of them were made here and not removed yet.
#[derive(Debug)]
struct Made {
    replies: Arc<dyn ReplyQueues>,
    names: Mutex<BTreeSet<String>>,
}

impl Made {
    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().expect("no code panics with this lock")
    }

    async fn remove_all(&self) {
        let names = self.names().clone();
        for name in names {
            if let Err(error) = self.replies.remove(&name).await {
                tracing::warn!(name, reason = error.chain(), "failed to remove a reply queue");
            }
        }
    }
}

#[async_trait::async_trait]
impl ReplyQueues for Made {
    async fn create(&self) -> Result<(String, Arc<dyn Queue>), Error> {
        let (name, queue) = self.replies.create().await?;
        self.names().insert(name.clone());
        Ok((name, queue))
    }

    async fn open(&self, name: &str) -> Option<Arc<dyn Queue>> {
        self.replies.open(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), Error> {
        self.replies.remove(name).await?;
        self.names().remove(name);
        Ok(())
    }
}
