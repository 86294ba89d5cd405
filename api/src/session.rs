//! Sessions: what a browser has in place of a token, as it sends a cookie with everything and an
//! `EventSource` cannot send a header. They live in memory; who loses one sends the token again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hyper::header::{COOKIE, HOST, HeaderValue, ORIGIN, SET_COOKIE};
use hyper::{HeaderMap, StatusCode};
use pixmill_contract::id::{hash, hex};
use pixmill_contract::{Limits, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, empty, json, with_text};
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;

/// What the cookie's name begins with. The port follows, as browsers send the cookies of one port of
/// a machine to all the others.
const NAME: &str = "pixmill_session_";

/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);

/// Most sessions at once; the one that ends first goes.
const MOST: usize = 1000;

/// The sessions, by the hashes of what their cookies hold.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, (String, Timestamp)>>);

impl Sessions {
    fn known(&self) -> MutexGuard<'_, HashMap<String, (String, Timestamp)>> {
        self.0.lock().expect("no code panics with this lock")
    }

    fn open(&self, name: String, now: Timestamp) -> std::io::Result<String> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let secret = hex(&random);
        let mut known = self.known();
        known.retain(|_, (_, until)| *until > now);
        if known.len() >= MOST {
            let first = known.iter().min_by_key(|(_, (_, until))| *until);
            if let Some(first) = first.map(|(hash, _)| hash.clone()) {
                known.remove(&first);
            }
        }
        known.insert(hash(&[secret.as_bytes()]), (name, now + LASTS));
        Ok(secret)
    }

    /// By what name whoever sends this is known. It is looked up by its hash, so that how long that
    /// takes says nothing about it.
    pub(crate) fn name_of(&self, secret: &str, now: Timestamp) -> Option<String> {
        let known = self.known();
        let (name, until) = known.get(&hash(&[secret.as_bytes()]))?;
        (*until > now).then(|| name.clone())
    }

    fn close(&self, secret: &str) {
        self.known().remove(&hash(&[secret.as_bytes()]));
    }
}

/// What the session's cookie holds.
pub(crate) fn cookie(head: &HeaderMap) -> Option<&str> {
    let name = name(head);
    let cookies = head.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(&name)?.strip_prefix('='))
}

/// The cookie's name, by the port that was asked at.
fn name(head: &HeaderMap) -> String {
    let host = head.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    format!("{NAME}{}", port.unwrap_or(80))
}

/// The cookie as a browser is to keep it.
fn to_keep(head: &HeaderMap, secret: &str, seconds: u64) -> String {
    let name = name(head);
    // A page that came through TLS says so.
    let origin = head.get(ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default();
    let secure = if origin.starts_with(b"https://") { "; Secure" } else { "" };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether a browser says that a page of ours asks. A cookie alone says less: pages of another port
/// of the same machine have it sent, too.
pub(crate) fn is_own_page(head: &HeaderMap) -> bool {
    // A foreign one has been refused before.
    head.contains_key(ORIGIN)
        || head.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin")
}

/// What opens a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    /// One of the server's tokens.
    token: String,
}

/// What a page has to know before it shows anything.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Session {
    /// Whether whoever asks has to be known.
    auth_required: bool,
    /// By what name whoever asks is known, if at all.
    name: Option<String>,
    /// The version of the server.
    version: &'static str,
    /// Where the pipeline is: `local` or `aws`.
    backend: &'static str,
    /// What is refused before it is taken.
    limits: LimitsView,
    /// What there is besides jobs: `fleet`, `decisions`, `history`, `preview`.
    features: Vec<&'static str>,
    /// The server's time.
    now: Timestamp,
}

/// What is refused before it is taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LimitsView {
    /// Largest picture in bytes.
    input_bytes: u64,
    /// Longest side in pixels.
    side: u32,
    /// Most pixels.
    pixels: u64,
    /// Most outputs of a recipe.
    outputs: usize,
    /// Most operations of a chain.
    operations: usize,
    /// Largest kernel in pixels.
    kernel: u32,
    /// Most pictures of one request.
    pictures: usize,
}

impl From<&Limits> for LimitsView {
    fn from(limits: &Limits) -> Self {
        Self {
            input_bytes: limits.input_bytes,
            side: limits.side,
            pixels: limits.pixels,
            outputs: limits.outputs,
            operations: limits.operations,
            kernel: limits.kernel,
            pictures: crate::upload::MAX_PICTURES,
        }
    }
}

fn session(state: &State, name: String) -> Session {
    let settings = &state.settings;
    let features = [
        ("fleet", settings.fleet.is_some()),
        ("decisions", settings.decisions.is_some()),
        ("history", settings.history.is_some()),
        ("preview", settings.previewer.is_some()),
    ];
    Session {
        auth_required: !settings.tokens.is_empty(),
        name: Some(name).filter(|name| !name.is_empty()),
        version: env!("CARGO_PKG_VERSION"),
        backend: settings.backend,
        limits: (&settings.limits).into(),
        features: features.into_iter().filter_map(|(name, is)| is.then_some(name)).collect(),
        now: settings.pipeline.clock.now(),
    }
}

/// `GET /v1/session`.
pub(crate) fn show(state: &State, asked: &Asked) -> Answer {
    json(StatusCode::OK, &session(state, asked.who.clone()))
}

/// `POST /v1/session`: a token for a cookie.
pub(crate) async fn open(state: Arc<State>, mut asked: Asked) -> Outcome {
    let Opening { token } = asked.document().await?;
    let tokens = &state.settings.tokens;
    let name = match tokens.name_of(token.as_bytes()) {
        Some(name) => name.to_owned(),
        None if tokens.is_empty() => "local".to_owned(),
        None => return Err(Problem::new(Code::Unauthorized, "this is none of the tokens")),
    };
    let secret = state.sessions.open(name.clone(), state.pipeline().clock.now())?;
    let cookie = to_keep(&asked.head, &secret, LASTS.as_secs());
    Ok(with_text(json(StatusCode::OK, &session(&state, name)), SET_COOKIE, &cookie))
}

/// `DELETE /v1/session`.
pub(crate) fn close(state: &State, asked: &Asked) -> Answer {
    if let Some(secret) = cookie(&asked.head) {
        state.sessions.close(secret);
    }
    with_text(empty(StatusCode::NO_CONTENT), SET_COOKIE, &to_keep(&asked.head, "", 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_themselves_or_when_they_are_closed() {
        let sessions = Sessions::default();
        let now = Timestamp::from_millis(1_000_000);
        let secret = sessions.open("me".to_owned(), now).unwrap();
        assert_eq!(sessions.name_of(&secret, now).as_deref(), Some("me"));
        assert_eq!(sessions.name_of(&secret, now + LASTS), None);
        assert_eq!(sessions.name_of(&secret[1..], now), None);
        sessions.close(&secret);
        assert_eq!(sessions.name_of(&secret, now), None);
        for _ in 0..MOST + 5 {
            sessions.open("me".to_owned(), now).unwrap();
        }
        assert_eq!(sessions.known().len(), MOST);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let cookies = "a=b; pixmill_session_81=abc; pixmill_session_80=xyz; c=d";
        let mut head = HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
        assert_eq!(cookie(&head), Some("xyz"));
        head.insert(HOST, "127.0.0.1:81".parse().unwrap());
        assert_eq!(cookie(&head), Some("abc"), "that of the port");
        assert_eq!(cookie(&HeaderMap::new()), None);
    }
}
