//! Pictures, jobs and batches.

use super::PLAIN;
use crate::parts::{
    CODE, EXPIRES, LIMIT, OF_BATCH, RECIPE, SIGNATURE, SINCE, STATE, TEXT, bytes, gives, may,
    nothing, of,
};
use crate::problem::Code;
use crate::route::{Kind, May, Route, Takes, Verb};
use crate::{archive, batches, growing, images, jobs, listing, objects, prototype, retry, submit};

pub(super) static WORK: &[Route] = &[
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
            SINCE,
            may("after", Kind::Text(129), "The `next` of the page before."),
            LIMIT,
        ],
        gives: &[gives(200, "A page of them", of::<listing::JobPage>)],
        handler: |state, asked| Box::pin(listing::list(state, asked)),
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
        query: &[
            may("q", Kind::Text(200), "Only those whose name or id holds this."),
            may("after", Kind::Id, "The `next` of the page before."),
            LIMIT,
        ],
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
            SINCE,
            may("after", Kind::Id, "The `next` of the page before."),
            LIMIT,
        ],
        gives: &[gives(200, "A page of them", of::<listing::JobPage>)],
        problems: &[Code::NotFound],
        handler: |state, asked| Box::pin(listing::of_batch(state, asked)),
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
    Route {
        verb: Verb::Post,
        path: "/v1/batches",
        summary: "Opens a batch that is filled by many requests",
        takes: Takes::Json(of::<growing::Opening>),
        gives: &[gives(201, "The batch", of::<batches::BatchView>)],
        problems: &[Code::BadRecipe, Code::Conflict],
        handler: |state, asked| Box::pin(growing::open(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Patch,
        path: "/v1/batches/{batch}",
        summary: "Says of a batch that this was all of it",
        takes: Takes::Json(of::<growing::Change>),
        gives: &[gives(200, "The batch", of::<batches::BatchView>)],
        problems: &[Code::NotFound, Code::Conflict],
        handler: |state, asked| Box::pin(growing::seal(state, asked)),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/v1/batches/{batch}/jobs",
        summary: "Pictures that are in the store become jobs of an open batch",
        takes: Takes::Json(of::<growing::Chunk>),
        gives: &[gives(202, "What became of them", of::<growing::Added>)],
        problems: &[Code::NotFound, Code::Conflict],
        handler: |state, asked| Box::pin(growing::add(state, asked)),
        ..PLAIN
    },
];
