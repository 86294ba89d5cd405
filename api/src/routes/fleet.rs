//! Who works, why there are so many, and what was given up.

use std::future::ready;

use super::PLAIN;
use crate::parts::{ALL, CODE, LETTER, LIMIT, OF_BATCH, gives, may, of};
use crate::problem::Code;
use crate::route::{Kind, Route, Takes, Verb};
use crate::{dead, fleet, past, tasks};

pub(super) static FLEET: &[Route] = &[
    Route {
        path: "/v1/fleet",
        summary: "The instances, and the queue that they work on",
        gives: &[gives(200, "The fleet", of::<fleet::FleetView>)],
        handler: |state, asked| Box::pin(fleet::show(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/fleet/{instance}/drain",
        summary: "Has an instance receive no more, and end when it has finished",
        gives: &[gives(202, "The instance", of::<fleet::InstanceView>)],
        problems: &[Code::NotFound, Code::NotHere],
        handler: |state, asked| Box::pin(fleet::drain(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/fleet/history",
        summary: "How full the queue and how large the fleet was, as columns",
        query: &[may("range", Kind::Word(&["1h", "6h", "24h", "7d"]), "How far back; an hour.")],
        gives: &[gives(200, "The columns", of::<past::Columns>)],
        handler: |state, asked| Box::pin(past::history(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/fleet/events",
        summary: "What was done with the instances, and why",
        query: &[LIMIT],
        gives: &[gives(200, "The latest first", of::<past::FleetEvents>)],
        handler: |state, asked| Box::pin(past::events(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/decisions",
        summary: "Why the fleet has its size",
        query: &[LIMIT],
        gives: &[gives(200, "The last decisions", of::<fleet::DecisionPage>)],
        handler: |state, asked| Box::pin(fleet::decisions(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/dead-letters",
        summary: "Jobs that were given up",
        query: &[OF_BATCH, LETTER, CODE, LIMIT],
        gives: &[gives(200, "Their messages", of::<dead::Letters>)],
        handler: |state, asked| Box::pin(dead::show(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/dead-letters/redrive",
        summary: "The same jobs again, with all their attempts anew",
        query: &[OF_BATCH, LETTER, ALL],
        gives: &[gives(200, "What became of them", of::<dead::HandledView>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(dead::send_again(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/dead-letters",
        summary: "Throws letters away; `retry` still knows the jobs",
        query: &[OF_BATCH, LETTER, ALL],
        gives: &[gives(200, "What became of them", of::<dead::HandledView>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(dead::throw_away(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/tasks",
        summary: "Redrives, discards or retries many; answers at once, and goes on",
        takes: Takes::Json(of::<tasks::Order>),
        gives: &[gives(202, "The task", of::<tasks::Task>)],
        problems: &[Code::NotFound, Code::Conflict, Code::Busy],
        handler: |state, asked| Box::pin(tasks::begin(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/tasks/{id}",
        summary: "How far a task has got",
        gives: &[gives(200, "The task", of::<tasks::Task>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(ready(tasks::show(&state, &asked))),
        ..PLAIN
    },
];
