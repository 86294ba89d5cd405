//! What controllers promise by the document in which they remember: one of them acts at a time, and
//! only upon what is on record.
//!
//! Read from the store's file by its documented names, as somebody else would who looks on.

use std::time::Duration;

use pixmill_contract::IntentId;
use serde_json::Value as Json;
use tokio::time::Instant;

/// The document.
pub(crate) const STATE: &str = "controller/state.json";

/// A write is seen at the next event, which may be the next tick of a controller.
const SEEN_LATE: Duration = Duration::from_secs(6);

/// The document as it was last seen, and since when it has been so.
#[derive(Debug, Default)]
pub(crate) struct Lead(Option<(Json, Instant)>);

impl Lead {
    /// The document is this now. Whoever holds the lease keeps it for as long as it said, unless it
    /// gave it up.
    pub(crate) fn is(&mut self, content: &[u8]) -> Result<(), String> {
        let json: Json = serde_json::from_slice(content).unwrap_or_default();
        let now = Instant::now();
        let Some((before, since)) = self.0.replace((json.clone(), now)) else { return Ok(()) };
        let lease = before.get("lease_millis").and_then(Json::as_u64).unwrap_or(0);
        let lasted = now - since + SEEN_LATE;
        let is_released = before.get("released").and_then(Json::as_bool).unwrap_or(false);
        if holder(&before) != holder(&json) && !is_released && lasted < Duration::from_millis(lease)
        {
            let (from, to) = (holder(&before), holder(&json));
            return Err(format!("{to} took over from {from} within {lasted:?} of {lease} ms"));
        }
        Ok(())
    }
}

/// Whether this controller may act, and launch this, by what the document says.
pub(crate) fn may_act(
    content: &[u8],
    controller: &str,
    launched: Option<&IntentId>,
) -> Result<(), String> {
    let json: Json = serde_json::from_slice(content).unwrap_or_default();
    if holder(&json) != controller {
        return Err(format!("{controller} acts while {} leads", holder(&json)));
    }
    let requested = json.pointer("/memory/requested").and_then(Json::as_array);
    let is_on_record = |id: &IntentId| {
        let named =
            |known: &Json| known.pointer("/intent/id").and_then(Json::as_str) == Some(id.as_str());
        requested.is_some_and(|requested| requested.iter().any(named))
    };
    match launched {
        Some(id) if !is_on_record(id) => {
            Err(format!("{controller} launches for {id}, which is not on record"))
        }
        Some(_) | None => Ok(()),
    }
}

fn holder(json: &Json) -> &str {
    json.get("holder").and_then(Json::as_str).unwrap_or("nobody")
}
