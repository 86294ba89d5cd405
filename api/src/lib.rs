//! The HTTP API: what stands in front of a pipeline for applications in any language, and for
//! browsers.
//!
//! It knows the ports through the contract, sends through `pixmill-producer`, and decodes no
//! picture. What it cannot know as a role (what the controller decided, how a preview is made) it
//! is given as functions. Programs begin with [`Api::new`] and [`serve`].
//!
//! One table of routes (`routes.rs`) is what requests are matched with, what their parameters are
//! checked by, and what the OpenAPI document is made of.

mod answer;
mod archive;
mod asked;
mod batches;
mod console;
mod counts;
mod dead;
mod dispatch;
mod events;
mod fleet;
mod growing;
mod hints;
mod holders;
mod images;
mod jobs;
mod links;
mod listing;
mod multipart;
mod objects;
mod openapi;
mod operations;
mod parts;
mod past;
mod preview;
mod problem;
mod prototype;
mod recipes;
mod retry;
mod route;
mod routes;
mod server;
mod session;
mod shelf;
mod state;
mod status;
mod submit;
mod sweep;
mod tasks;
mod upload;
mod watch;
mod wire;
mod zip;

pub use pixmill_access::{Token, TokenError, Tokens};

pub use openapi::document;
pub use server::{ServeError, serve};
pub use state::{
    Acting, Api, Decisions, Done, History, Made, Note, Preview, PreviewError, Previewer, Promise,
    Settings, Standing, UploadLinks, Wanted,
};
pub use submit::Looks;
