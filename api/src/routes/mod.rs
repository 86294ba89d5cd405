//! The table of routes: what there is, who may ask for it, what it takes and what it answers.

mod fleet;
mod recipes;
mod work;

use std::future::ready;

use pixmill_contract::metrics::MEDIA_TYPE;

use crate::answer::JSON;
use crate::parts::{bytes, gives, may, nothing, of};
use crate::problem::Code;
use crate::route::{Kind, May, Route, Takes, Verb};
use crate::{events, openapi, session, status};

/// What most routes are; rows say what is different.
const PLAIN: Route = Route {
    verb: Verb::Get,
    path: "",
    may: May::Known,
    summary: "",
    query: &[],
    fields: &[],
    takes: Takes::Nothing,
    gives: &[],
    problems: &[],
    handler: |_, _| Box::pin(ready(Ok(status::health()))),
};

/// Every route.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    [SERVER, work::WORK, recipes::RECIPES, fleet::FLEET].into_iter().flatten()
}

/// The server itself, and what happens.
static SERVER: &[Route] = &[
    Route {
        path: "/health",
        may: May::Anyone,
        summary: "Whether the server answers; asks nobody",
        gives: &[gives(200, "It does", of::<status::Health>)],
        handler: |_, _| Box::pin(ready(Ok(status::health()))),
        ..PLAIN
    },
    Route {
        path: "/metrics",
        summary: "Counts for Prometheus",
        gives: &[bytes("Metrics", MEDIA_TYPE)],
        handler: |state, asked| Box::pin(status::metrics(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/openapi.json",
        may: May::Anyone,
        summary: "This document",
        gives: &[bytes("An OpenAPI document", JSON)],
        handler: |_, _| Box::pin(ready(Ok(openapi::show()))),
        ..PLAIN
    },
    Route {
        path: "/v1/session",
        may: May::Anyone,
        summary: "Who asks, and what there is here",
        gives: &[gives(200, "The session", of::<session::Session>)],
        handler: |state, asked| Box::pin(ready(Ok(session::show(&state, &asked)))),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/session",
        may: May::Anyone,
        summary: "A token for a cookie, for browsers",
        takes: Takes::Json(of::<session::Opening>),
        gives: &[gives(200, "The session; its cookie is set", of::<session::Session>)],
        problems: &[Code::Unauthorized],
        handler: |state, asked| Box::pin(session::open(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/session",
        may: May::Anyone,
        summary: "Ends the session",
        gives: &[nothing(204, "It has ended")],
        handler: |state, asked| Box::pin(ready(Ok(session::close(&state, &asked)))),
        ..PLAIN
    },
    Route {
        path: "/v1/events",
        summary: "What happens, as server-sent events",
        query: &[
            may("topics", Kind::Text(100), "Of jobs, batches, fleet, decisions, with commas."),
            may("after", Kind::Text(64), "The id of the last one that was heard."),
        ],
        fields: &[may("last-event-id", Kind::Text(64), "The same, as browsers say it.")],
        gives: &[bytes(
            "hello, job, batch, fleet, queue, decision, beat, reset",
            events::MEDIA_TYPE,
        )],
        problems: &[Code::Busy],
        handler: |state, asked| Box::pin(ready(events::stream(&state, &asked))),
        ..PLAIN
    },
];
