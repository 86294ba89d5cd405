//! The table of routes: what there is, who may ask for it, what it takes and what it answers.

use pixmill_contract::metrics::MEDIA_TYPE;
use std::future::ready;

use crate::answer::JSON;
use crate::parts::{
    ALL, CODE, EXPIRES, LETTER, LIMIT, OF_BATCH, RECIPE, SIGNATURE, STATE, TEXT, bytes, gives, may,
    must, nothing, of,
};
use crate::problem::Code;
use crate::route::{Kind, May, Route, Takes, Verb};
use crate::{
    archive, batches, dead, events, fleet, images, jobs, objects, openapi, operations, preview,
    prototype, recipes, retry, session, status, submit,
};

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
pub(crate) static ROUTES: &[Route] = &[
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
        path: "/v1/operations",
        summary: "What recipes are made of",
        gives: &[gives(200, "The tables that the parser reads", of::<operations::Operations>)],
        handler: |_, _| Box::pin(ready(Ok(operations::show()))),
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
        verb: Verb::Post,
        path: "/v1/jobs",
        summary: "Pictures become jobs",
        query: &[
            RECIPE,
            may("batch", Kind::Id, "The batch that they belong to; a new one if none is given."),
            may("name", Kind::Text(200), "What a picture that comes as it is is called."),
            may("wait", Kind::Integer(0, 60), "Seconds to wait for their ends."),
        ],
        fields: &[may(
            "idempotency-key",
            Kind::Text(200),
            "Whoever repeats a request with the same key gets the same jobs.",
        )],
        takes: Takes::Pictures(of::<submit::Keys>),
        gives: &[
            gives(200, "All of them have ended", of::<submit::Accepted>),
            gives(202, "They are accepted, and end in one result each", of::<submit::Accepted>),
        ],
        problems: &[
            Code::BadRecipe,
            Code::NoPicture,
            Code::IdempotencyKeyReused,
            Code::Conflict,
            Code::Busy,
        ],
        handler: |state, asked| Box::pin(submit::post(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/jobs",
        summary: "Jobs, batch by batch, the newest batch first",
        query: &[
            STATE,
            OF_BATCH,
            TEXT,
            CODE,
            may("after", Kind::Text(129), "The `next` of the page before."),
            LIMIT,
        ],
        gives: &[gives(200, "A page of them", of::<jobs::JobPage>)],
        handler: |state, asked| Box::pin(jobs::list(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/jobs/{batch}/{id}",
        summary: "One job",
        gives: &[gives(200, "The job", of::<jobs::JobView>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(jobs::show(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/jobs/{batch}/{id}/image",
        summary: "A job's picture, or one of its outputs, smaller if that is wanted",
        query: &[
            may(
                "of",
                Kind::Text(64),
                "`source`, or the name of an output; the first if none is given.",
            ),
            may(
                "side",
                Kind::Integer(16, 2048),
                "Longest side in pixels; as it is, if none is given.",
            ),
        ],
        gives: &[bytes("The picture", "*/*")],
        problems: &[Code::NotFound, Code::NotHere, Code::BadPicture, Code::Busy],
        handler: |state, asked| Box::pin(images::show(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/jobs/{batch}/{id}/retry",
        summary: "A failed or dead job once more, as a job of its own",
        gives: &[gives(202, "The new job", of::<jobs::JobView>)],
        problems: &[Code::NotFound, Code::Conflict],
        handler: |state, asked| Box::pin(retry::one(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/batches",
        summary: "Batches, the newest first",
        query: &[may("after", Kind::Id, "The `next` of the page before."), LIMIT],
        gives: &[gives(200, "A page of them", of::<batches::BatchPage>)],
        handler: |state, asked| Box::pin(batches::list(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/batches/{batch}",
        summary: "One batch: counts, rate, what is left, why jobs failed",
        gives: &[gives(200, "The batch", of::<batches::BatchView>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(batches::show(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/batches/{batch}/jobs",
        summary: "The jobs of a batch",
        query: &[
            STATE,
            TEXT,
            CODE,
            may("after", Kind::Id, "The `next` of the page before."),
            LIMIT,
        ],
        gives: &[gives(200, "A page of them", of::<jobs::JobPage>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(jobs::of_batch(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/batches/{batch}/outputs.zip",
        summary: "Everything that was made of a batch so far, and a report",
        gives: &[bytes("An archive", archive::MEDIA_TYPE)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(archive::outputs(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/batches/{batch}/retry",
        summary: "What failed or died in a batch, once more",
        query: &[may("only", Kind::Word(&["failed", "dead"]), "Only those."), CODE],
        gives: &[gives(202, "The new jobs", of::<retry::Retried>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(retry::of_batch(state, asked)),
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
        gives: &[bytes("hello, job, batch, fleet, decision, beat, reset", events::MEDIA_TYPE)],
        problems: &[Code::Busy],
        handler: |state, asked| Box::pin(ready(events::stream(&state, &asked))),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/uploads",
        summary: "A link by which a picture can be put into the store",
        takes: Takes::Json(of::<objects::Announced>),
        gives: &[gives(201, "Where it can be put", of::<objects::Place>)],
        handler: |state, asked| Box::pin(objects::announce(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/objects/{key...}",
        may: May::Linked,
        summary: "An object: an input, an output or an overlay",
        query: &[EXPIRES, SIGNATURE],
        gives: &[bytes("Its bytes", "*/*"), nothing(304, "It is what it was")],
        problems: &[Code::NotFound, Code::BadLink],
        handler: |state, asked| Box::pin(objects::get(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Put,
        path: "/v1/objects/{key...}",
        may: May::Linked,
        summary: "A picture, put where a link says",
        query: &[EXPIRES, SIGNATURE],
        takes: Takes::Bytes,
        gives: &[gives(201, "It is there", of::<objects::Stored>)],
        problems: &[Code::BadLink, Code::NoPicture, Code::Busy, Code::Conflict],
        handler: |state, asked| Box::pin(objects::put(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/recipes",
        summary: "The recipes that the store keeps",
        gives: &[gives(200, "All of them", of::<recipes::NamedRecipes>)],
        handler: |state, asked| Box::pin(recipes::list(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/recipes/parse",
        summary: "What a recipe means, or where it is wrong",
        takes: Takes::Json(of::<recipes::Unparsed>),
        gives: &[gives(200, "The recipe in both forms", of::<recipes::Parsed>)],
        problems: &[Code::BadRecipe],
        handler: |state, asked| Box::pin(recipes::parse(state, asked)),
        ..PLAIN
    },
    Route {
        path: "/v1/recipes/{name}",
        summary: "One recipe",
        gives: &[gives(200, "The recipe", of::<recipes::NamedRecipe>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(recipes::show(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Put,
        path: "/v1/recipes/{name}",
        summary: "Keeps a recipe under a name",
        fields: &[
            may("if-match", Kind::Text(200), "Only if it is still this one."),
            may("if-none-match", Kind::Word(&["*"]), "Only if there is none."),
        ],
        takes: Takes::Recipe,
        gives: &[gives(200, "The recipe", of::<recipes::NamedRecipe>)],
        problems: &[Code::BadRecipe, Code::Conflict, Code::NotFound],
        handler: |state, asked| Box::pin(recipes::put(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/v1/recipes/{name}",
        summary: "Forgets a recipe",
        gives: &[nothing(204, "It is gone")],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(recipes::delete(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/preview",
        summary: "One picture through a recipe, smaller, at once",
        query: &[
            must("recipe", Kind::Text(4096), "What to make of it."),
            may(
                "output",
                Kind::Text(32),
                "Which output of the recipe; the first if none is given.",
            ),
            may("max_side", Kind::Integer(16, 2048), "Longest side in pixels."),
            may("source", Kind::Key, "The picture, if it is in the store."),
        ],
        takes: Takes::Picture,
        gives: &[bytes("The picture", "image/*")],
        problems: &[
            Code::BadRecipe,
            Code::BadPicture,
            Code::NoPicture,
            Code::NotFound,
            Code::NotHere,
            Code::Busy,
        ],
        handler: |state, asked| Box::pin(preview::make(state, asked)),
        ..PLAIN
    },
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
    Route {
        verb: Verb::Post,
        path: "/process_image",
        summary: "What the prototype's server did, for its clients",
        takes: Takes::PrototypeForm,
        gives: &[gives(200, "Where the output is", of::<prototype::Processed>)],
        problems: &[
            Code::BadRecipe,
            Code::BadPicture,
            Code::NoPicture,
            Code::BucketNotAllowed,
            Code::Busy,
            Code::Late,
        ],
        handler: |state, asked| Box::pin(prototype::process(state, asked)),
        ..PLAIN
    },
];
