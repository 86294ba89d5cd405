//! What is answered to what cannot be: problem documents, as RFC 9457 has them. Requests that hyper
//! itself cannot read, such as those with too long a head, get a bare status from it.

use hyper::StatusCode;
use serde_json::json;

use super::routes::{Answer, answer};

/// The answer that says what is wrong, for people.
pub(super) fn problem(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    // Without a `type` of its own a problem is no more than its status says.
    let document = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    answer(status, "application/problem+json", format!("{document}\n"))
}
