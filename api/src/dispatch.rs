//! From a request to its answer: who asks, what for, and what becomes of it.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use pixmill_access::foreign_to;
use pixmill_contract::trace;
use tracing::Instrument as _;

use crate::answer::{Answer, with};
use crate::asked::{Asked, decoded, read_fields, read_query};
use crate::console;
use crate::problem::{Code, Problem};
use crate::route::{May, Outcome, Route, Verb, kind_of};
use crate::routes;
use crate::session;
use crate::state::State;

/// Answers one request.
pub(crate) async fn answer(
    state: Arc<State>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Answer {
    let began = tokio::time::Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // Of an error's level, so that whatever is logged meanwhile says in which request it was.
    let span = tracing::error_span!("request", %method, path);
    if let Some(parent) = request.headers().get("traceparent").and_then(|v| v.to_str().ok()) {
        trace::follow(&span, parent);
    }
    let answer = outcome(&state, request).instrument(span).await;
    let answer = answer.unwrap_or_else(Problem::answer);
    let status = answer.status();
    state.counts.answered(status);
    // Of the address only the path: a query may hold a signature.
    let (status, ms) = (status.as_u16(), began.elapsed().as_millis());
    tracing::debug!(%peer, %method, path, status, ms, "answered");
    answer
}

async fn outcome(state: &Arc<State>, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    if let Some(why) = foreign_to(&head.method, &head.headers, &state.settings.names) {
        return Err(Problem::new(Code::Foreign, why));
    }
    let path = head.uri.path();
    if let Some(answer) = console::answer(&head.method, path, &head.headers) {
        return Ok(answer);
    }
    let fitting: Vec<_> =
        routes::all().filter_map(|route| Some((route, route.matches(path)?))).collect();
    let Some((route, open)) = fitting.iter().find(|(route, _)| route.verb.is(&head.method)) else {
        return without_route(&fitting.iter().map(|(route, _)| *route).collect::<Vec<_>>());
    };
    let who = who(state, route, &head.headers)?;
    let mut parts = crate::asked::Parameters::new();
    for (name, part) in open {
        let bad = |allowed: &str| {
            let why = format!("`{name}` in the path is {allowed}");
            Problem::new(Code::BadParameter, why).and("parameter", *name)
        };
        let part = decoded(part, false).ok_or_else(|| bad("percent-encoded UTF-8"))?;
        kind_of(name).check(&part).map_err(|allowed| bad(&allowed))?;
        parts.insert(*name, part);
    }
    let query = read_query(route, head.uri.query())?;
    let fields = read_fields(route, &head.headers)?;
    let asked = Asked { head: head.headers, path: parts, query, fields, who, body };
    (route.handler)(Arc::clone(state), asked).await
}

/// What is said where no route is, or none by that method.
fn without_route(fitting: &[&Route]) -> Outcome {
    if fitting.is_empty() {
        let why = "there is nothing; /openapi.json says what there is";
        return Err(Problem::new(Code::NotFound, why));
    }
    let mut methods: Vec<_> = fitting.iter().map(|route| route.verb.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let methods = methods.join(", ");
    let problem = Problem::new(Code::MethodNotAllowed, format!("ask by {methods}"));
    let allow = HeaderValue::from_str(&methods).expect("methods are letters");
    Ok(with(problem.answer(), ALLOW, allow))
}

/// By what name whoever asks is known; refuses whoever has to be and is not.
fn who(state: &State, route: &Route, head: &hyper::HeaderMap) -> Result<String, Problem> {
    let tokens = &state.settings.tokens;
    if tokens.is_empty() {
        return Ok("local".to_owned());
    }
    let now = state.pipeline().clock.now();
    if let Some(name) = tokens.bearer(head) {
        return Ok(name.to_owned());
    }
    let session = || state.sessions.name_of(session::cookie(head)?, now);
    if let Some(name) = session() {
        let writes = route.may == May::Known && route.verb != Verb::Get;
        if writes && !session::is_own_page(head) {
            let why = "with a session, a browser has to say that a page of this server asks";
            return Err(Problem::new(Code::Foreign, why));
        }
        return Ok(name);
    }
    match route.may {
        // Handlers of links look at their signatures when there is no name.
        May::Anyone | May::Linked => Ok(String::new()),
        May::Known => {
            Err(Problem::new(Code::Unauthorized, "send a token, `Authorization: Bearer …`"))
        }
    }
}
