//! Who works, why there are so many, and what was given up.

use super::PLAIN;
use crate::parts::{ALL, LETTER, LIMIT, OF_BATCH, gives, of};
use crate::problem::Code;
use crate::route::{Route, Verb};
use crate::{dead, fleet};

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
        query: &[OF_BATCH, LETTER, LIMIT],
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
];
