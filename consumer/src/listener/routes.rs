//! What can be asked of a worker, and what it answers.

use pixmill_contract::metrics::MEDIA_TYPE;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use pixmill_access::{Token, foreign, has_token};
use serde::Serialize;

use super::metrics;
use super::problem::problem;
use crate::Stage;
use crate::report::{report, sickness};
use crate::worker::Worker;

/// Largest body of a request, in bytes. None is needed, but some clients send an empty object.
const MAX_BODY_BYTES: usize = 1024;

/// An answer, all of it.
pub(super) type Answer = Response<Full<Bytes>>;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Health,
    Status,
    Metrics,
    Drain,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/health" => Some(Self::Health),
            "/status" => Some(Self::Status),
            "/metrics" => Some(Self::Metrics),
            "/drain" => Some(Self::Drain),
            _ => None,
        }
    }

    /// The methods that it is asked by, as `Allow` has them.
    fn methods(self) -> &'static str {
        match self {
            Self::Health | Self::Status | Self::Metrics => "GET, HEAD",
            Self::Drain => "POST",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| method.as_str() == allowed)
    }

    /// Health is no secret: a load balancer cannot be given a token.
    fn is_open(self) -> bool {
        match self {
            Self::Health => true,
            Self::Status | Self::Metrics | Self::Drain => false,
        }
    }
}

/// A worker that can be asked.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) worker: Arc<Worker>,
    pub(super) token: Option<Token>,
}

impl Routes {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        if let Some(why) = foreign(&head.headers) {
            return problem(StatusCode::FORBIDDEN, why);
        }
        let Some(route) = Route::of(head.uri.path()) else {
            let detail = "there is /health, /status, /metrics and /drain";
            return problem(StatusCode::NOT_FOUND, detail);
        };
        if !route.allows(&head.method) {
            let detail = format!("ask by {}", route.methods());
            let refused = problem(StatusCode::METHOD_NOT_ALLOWED, &detail);
            return with(refused, ALLOW, route.methods());
        }
        if !route.is_open() && !has_token(&head.headers, self.token.as_ref()) {
            let refused = problem(StatusCode::UNAUTHORIZED, "send the fleet's token: `Bearer …`");
            return with(refused, WWW_AUTHENTICATE, "Bearer realm=\"pixmill\"");
        }
        let announced = body.size_hint().lower();
        if announced > MAX_BODY_BYTES as u64
            || Limited::new(body, MAX_BODY_BYTES).collect().await.is_err()
        {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "nothing here needs a body");
        }
        self.tell(route)
    }

    fn tell(&self, route: Route) -> Answer {
        let worker = &*self.worker;
        match route {
            Route::Health => match sickness(worker) {
                None => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
                Some(why) => problem(StatusCode::SERVICE_UNAVAILABLE, why),
            },
            Route::Status => json(StatusCode::OK, &report(worker)),
            Route::Metrics => {
                let text = metrics::text(&report(worker), sickness(worker).is_none());
                answer(StatusCode::OK, MEDIA_TYPE, text)
            }
            Route::Drain => {
                // As a signal does. Asked again it changes nothing.
                if worker.stage() < Stage::Draining {
                    tracing::info!("told to drain");
                }
                worker.raise(Stage::Draining);
                json(StatusCode::ACCEPTED, &report(worker))
            }
        }
    }
}

fn json(status: StatusCode, document: &impl Serialize) -> Answer {
    let text = serde_json::to_string(document).expect("a document of ours has only text for keys");
    answer(status, "application/json", text + "\n")
}

pub(super) fn answer(status: StatusCode, media_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, media_type);
    let answer = with(answer, CACHE_CONTROL, "no-store");
    with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
