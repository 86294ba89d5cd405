//! The composition of a pipeline's ports from the adapters of a backend.

#[cfg(feature = "aws")]
mod aws;
mod local;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use pixmill_api::UploadLinks;
#[cfg(feature = "aws")]
use pixmill_aws::S3Store;
use pixmill_contract::{Fleet, ObjectStore, Pipeline, WorkerId};
use pixmill_local::{ProcessFleet, SqliteQueue};

use crate::args::{Backend, Data};
#[cfg(feature = "aws")]
use crate::ec2::HeardFleet;

#[cfg(feature = "aws")]
pub(crate) use aws::options as aws_options;
pub(crate) use local::{durability, no_directory, open as open_local};

/// What to say of AWS where it is left out.
#[cfg(not(feature = "aws"))]
pub(crate) const WITHOUT_AWS: &str =
    "this pixmill was built without AWS: build it with `make release`";

/// What a pipeline is opened for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// To ask about it: it must be there.
    Ask,
    /// To send jobs into it.
    Send,
    /// To work on its jobs, which are held in this name.
    Work(&'a WorkerId),
}

/// A pipeline that is open, with what its roles have to know of the backend.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its ports.
    pub(crate) pipeline: Pipeline,
    /// How the queue is best asked by a worker.
    pub(crate) pace: Pace,
    kind: Kind,
}

/// What only one of the backends has.
#[derive(Debug)]
enum Kind {
    /// The queue, which knows who holds what.
    Local(SqliteQueue),
    /// The bucket, by which others are reached.
    #[cfg(feature = "aws")]
    Aws(S3Store),
}

/// How a worker is best served by a queue and a store that are this far away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The queue's own limit of receives.
    pub(crate) max_receive_count: u32,
    /// Deliveries held beyond the slots.
    pub(crate) prefetch: u16,
    /// How long one receive waits.
    pub(crate) poll: Duration,
}

impl Opened {
    /// How many deliveries each worker holds; empty where the backend does not know.
    pub(crate) async fn held(&self) -> anyhow::Result<Vec<(WorkerId, u64)>> {
        match &self.kind {
            Kind::Local(jobs) => Ok(jobs.held().await?),
            #[cfg(feature = "aws")]
            Kind::Aws(_) => Ok(vec![]),
        }
    }

    /// The fleet of the pipeline, to be looked at, if it has one that is known: of one on AWS, what its
    /// controller saw last.
    pub(crate) fn fleet(&self, data: &Data) -> anyhow::Result<Option<Arc<dyn Fleet>>> {
        match (&self.kind, &data.data) {
            (Kind::Local(jobs), Some(data)) => {
                let clock = Arc::clone(&self.pipeline.clock);
                let fleet = ProcessFleet::find(data, jobs.clone(), clock)?;
                Ok(fleet.map(|fleet| Arc::new(fleet) as Arc<dyn Fleet>))
            }
            (Kind::Local(_), None) => Ok(None),
            #[cfg(feature = "aws")]
            (Kind::Aws(_), _) => Ok(Some(Arc::new(HeardFleet::new(self.pipeline.clone())))),
        }
    }

    /// Links by which pictures are put straight into the store, where it has such.
    pub(crate) fn upload_links(&self) -> Option<UploadLinks> {
        match &self.kind {
            Kind::Local(_) => None,
            #[cfg(feature = "aws")]
            Kind::Aws(store) => {
                let store = store.clone();
                Some(Arc::new(move |key, bytes, valid| {
                    let store = store.clone();
                    Box::pin(async move { store.upload_link(&key, bytes, valid).await })
                }))
            }
        }
    }

    /// Lets sources be read from other buckets; a directory has none, as it has no bucket of its own.
    pub(crate) fn allow(&mut self, names: &[String]) {
        for name in names {
            if let Ok((Some(name), store)) = self.bucket(name) {
                self.pipeline.buckets.allow(name, store);
            }
        }
    }

    /// The store of a bucket, and its name if it is not the pipeline's own.
    pub(crate) fn bucket(
        &self,
        name: &str,
    ) -> anyhow::Result<(Option<String>, Arc<dyn ObjectStore>)> {
        match &self.kind {
            Kind::Local(_) => {
                bail!("{}", no_buckets(name))
            }
            #[cfg(feature = "aws")]
            Kind::Aws(own) if own.bucket() == name => Ok((None, Arc::new(own.clone()))),
            #[cfg(feature = "aws")]
            Kind::Aws(own) => Ok((Some(name.to_owned()), Arc::new(own.in_bucket(name)))),
        }
    }
}

/// What to say of a bucket to whoever has a pipeline in a directory.
fn no_buckets(name: &str) -> String {
    format!("the bucket {name} is in S3, which takes --backend aws: this pipeline is a directory")
}

/// Opens the pipeline that the command line names, to send jobs for what is in a bucket. Refuses a
/// directory before there is one.
pub(crate) async fn open_for_bucket(data: &Data, name: &str) -> anyhow::Result<Opened> {
    match data.backend {
        Backend::Local => bail!("{}", no_buckets(name)),
        Backend::Aws => open(data, Purpose::Send).await,
    }
}

/// Opens the pipeline that the command line names.
#[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked first"))]
pub(crate) async fn open(data: &Data, purpose: Purpose<'_>) -> anyhow::Result<Opened> {
    match data.backend {
        Backend::Local => local::opened(data, purpose),
        #[cfg(feature = "aws")]
        Backend::Aws => aws::opened(data, purpose).await,
        #[cfg(not(feature = "aws"))]
        Backend::Aws => {
            bail!("{WITHOUT_AWS}")
        }
    }
}
