//! What an EC2 instance is told of itself: who it is, and that it is about to go. Version 2 of the
//! metadata service only, which asks for a token first; the SDK's client fetches and renews it.

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind, InstanceId, Timestamp};
use serde::Deserialize;

use crate::sdk;

/// How long one answer may take. The service is on the same machine; where there is none, as off
/// EC2, nothing ever answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// The metadata service of the instance that this runs on; `AWS_EC2_METADATA_SERVICE_ENDPOINT`
/// names another address of it.
#[derive(Debug, Clone)]
pub struct Metadata(Client);

/// Who an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, `i-…`.
    pub instance: InstanceId,
    /// Its availability zone.
    pub zone: String,
    /// Its type.
    pub kind: String,
}

/// That an instance is about to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It is a spot instance and will be taken at this moment, usually two minutes after the notice.
    Spot {
        /// When.
        at: Timestamp,
    },
    /// It is a spot instance and more likely than usual to be taken.
    Rebalance,
    /// Its Auto Scaling group ends it.
    Terminating,
}

#[derive(Deserialize)]
struct SpotAction {
    time: Timestamp,
}

impl Metadata {
    /// Reaches it when it is asked.
    pub fn new() -> Self {
        let configuration = ProviderConfig::without_region().with_http_client(sdk::http_client());
        let client = Client::builder()
            .configure(&configuration)
            .max_attempts(2)
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build();
        Self(client)
    }

    /// Who this instance is. `Unavailable` off EC2.
    pub async fn identity(&self) -> Result<Identity> {
        let needed = async |path: &str| {
            let missing = || Error::bare(ErrorKind::NotFound, attempt(path));
            self.get(path).await?.ok_or_else(missing)
        };
        let id = needed("instance-id").await?;
        let instance = InstanceId::new(id.trim())
            .map_err(|e| Error::new(ErrorKind::Invalid, attempt("instance-id"), e))?;
        let zone = needed("placement/availability-zone").await?;
        Ok(Identity { instance, zone, kind: needed("instance-type").await? })
    }

    /// Whether it is about to go; of several notices the one that leaves the least time.
    pub async fn notice(&self) -> Result<Option<Notice>> {
        let spot = "spot/instance-action";
        if let Some(text) = self.get(spot).await? {
            let action: SpotAction = serde_json::from_str(&text)
                .map_err(|e| Error::new(ErrorKind::Invalid, attempt(spot), e))?;
            return Ok(Some(Notice::Spot { at: action.time }));
        }
        let state = self.get("autoscaling/target-lifecycle-state").await?;
        if state.is_some_and(|state| state.trim().starts_with("Terminat")) {
            return Ok(Some(Notice::Terminating));
        }
        let advice = self.get("events/recommendations/rebalance").await?;
        Ok(advice.map(|_| Notice::Rebalance))
    }

    /// What is at a path; nothing, if there is nothing.
    async fn get(&self, path: &str) -> Result<Option<String>> {
        match self.0.get(format!("/latest/meta-data/{path}")).await {
            Ok(text) => Ok(Some(text.into())),
            Err(ImdsError::ErrorResponse(answer)) if answer.response().status().as_u16() == 404 => {
                Ok(None)
            }
            Err(error) => Err(Error::new(ErrorKind::Unavailable, attempt(path), error)),
        }
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self::new()
    }
}

fn attempt(path: &str) -> String {
    format!("ask the instance's metadata service for {path}")
}
