//! The tags that instances bear: all that is known of a fleet beyond what EC2 knows.

use std::collections::BTreeMap;

use pixmill_contract::{IntentId, Timestamp};

/// The fleet that an instance belongs to.
pub(crate) const FLEET: &str = "pixmill:fleet";

/// The Auto Scaling group that an instance belongs to. Set by AWS, and by nobody else.
pub(crate) const GROUP: &str = "aws:autoscaling:groupName";

/// The intent that it was launched for.
pub(crate) const INTENT: &str = "pixmill:intent";

/// When it was launched, by our own clock, in milliseconds since 1970.
pub(crate) const LAUNCHED: &str = "pixmill:launched";

/// Since when it is to drain, likewise.
pub(crate) const DRAINING: &str = "pixmill:draining";

/// The intent that it is being started for again, until that is done.
pub(crate) const STARTING: &str = "pixmill:starting";

/// Since when its end has been asked for: its group waits with that until it is told to go on.
pub(crate) const ENDING: &str = "pixmill:ending";

/// The tags of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(pub(crate) BTreeMap<String, String>);

impl Tags {
    pub(crate) fn intent(&self) -> Option<IntentId> {
        self.0.get(INTENT).and_then(|id| IntentId::new(id.as_str()).ok())
    }

    pub(crate) fn is_for(&self, intent: &IntentId) -> bool {
        self.0.get(INTENT).is_some_and(|id| id == intent.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn moment(&self, name: &str) -> Option<Timestamp> {
        self.0.get(name)?.parse().ok().map(Timestamp::from_millis)
    }
}
