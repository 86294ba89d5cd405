//! The departure of an instance that its Auto Scaling group ends: told by its own worker.

use pixmill_aws::SdkConfig;
use pixmill_contract::InstanceId;
use pixmill_contract::error::Result;

use crate::calls::scaling::group_of;

/// Tells the group of this instance that its worker has drained and it need not be kept any more.
/// Nothing is told, and no error it is, where it is in no group or the group does not wait for it.
pub async fn complete_departure(configuration: &SdkConfig, id: &InstanceId) -> Result<()> {
    match group_of(configuration, id).await? {
        Some(group) => group.go_on(id).await,
        None => Ok(()),
    }
}
