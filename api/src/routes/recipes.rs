//! What pictures go through: operations, recipes, previews.

use std::future::ready;

use super::PLAIN;
use crate::parts::{bytes, gives, may, must, nothing, of};
use crate::problem::Code;
use crate::route::{Kind, Route, Takes, Verb};
use crate::{operations, preview, recipes};

pub(super) static RECIPES: &[Route] = &[
    Route {
        path: "/v1/operations",
        summary: "What recipes are made of",
        gives: &[gives(200, "The tables that the parser reads", of::<operations::Operations>)],
        handler: |_, _| Box::pin(ready(Ok(operations::show()))),
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
            may(
                "mode",
                Kind::Word(&["fit", "full"]),
                "`fit` is quick and estimates; `full` makes the very output.",
            ),
            may("max_side", Kind::Integer(16, 2048), "Longest side in pixels of what is shown."),
            may(
                "region",
                Kind::Text(50),
                "A part of the output as it is: LEFT,TOP,WIDTH,HEIGHT in its pixels.",
            ),
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
];
