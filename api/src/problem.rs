//! What is answered to what cannot be: problem documents, as RFC 9457 has them, each with a code
//! that never changes its meaning. Requests that hyper itself cannot read, such as those with too
//! long a head, get a bare status from it.

use hyper::StatusCode;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use pixmill_contract::recipe::Place;
use pixmill_contract::{Error, ErrorKind, RecipeError, Rejection};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::answer::{Answer, whole, with, with_patience};

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// When to ask again while the world is out, in seconds.
const PATIENCE: u64 = 5;

/// The kinds of problems; their names are part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// A parameter of the path, the query or the head.
    BadParameter,
    /// A body that is not what its type says.
    BadBody,
    /// No token, or none of ours.
    Unauthorized,
    /// A page of somebody else's, or a name that is not ours.
    Foreign,
    /// A link that has expired, or was never given out.
    BadLink,
    /// A bucket that is not on the allow-list.
    BucketNotAllowed,
    /// Nothing is there.
    NotFound,
    /// Another method.
    MethodNotAllowed,
    /// The body did not come in time.
    TooSlow,
    /// It does not go with what is there.
    Conflict,
    /// More bytes or pictures than may be sent.
    TooLarge,
    /// A body of another type.
    UnsupportedMediaType,
    /// An idempotency key that was used for something else.
    IdempotencyKeyReused,
    /// No picture in the request.
    NoPicture,
    /// A recipe that cannot be, or that asks for too much.
    BadRecipe,
    /// A picture that cannot be worked on.
    BadPicture,
    /// A bug of ours.
    Internal,
    /// It is not a part of this pipeline.
    NotHere,
    /// Too much is asked at once.
    Busy,
    /// The store or the queue does not answer.
    Unavailable,
    /// The result did not come in time.
    Late,
}

impl Code {
    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadParameter => "bad_parameter",
            Self::BadBody => "bad_body",
            Self::Unauthorized => "unauthorized",
            Self::Foreign => "foreign",
            Self::BadLink => "bad_link",
            Self::BucketNotAllowed => "bucket_not_allowed",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooSlow => "too_slow",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::NoPicture => "no_picture",
            Self::BadRecipe => "bad_recipe",
            Self::BadPicture => "bad_picture",
            Self::Internal => "internal",
            Self::NotHere => "not_here",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Late => "late",
        }
    }

    /// The status that it is answered with.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadParameter | Self::BadBody => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Foreign | Self::BadLink | Self::BucketNotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NotHere => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyKeyReused | Self::NoPicture | Self::BadRecipe | Self::BadPicture => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// What is wrong with a request, or with us.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// For people.
    pub(crate) detail: String,
    /// What programs may want besides.
    more: Map<String, Json>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: Map::new() }
    }

    /// With a member more.
    pub(crate) fn and(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The answer that says so.
    pub(crate) fn answer(self) -> Answer {
        let Self { code, detail, more } = self;
        let status = code.status();
        let mut document = json!({
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "code": code.as_str(),
            "detail": detail,
        });
        if let Json::Object(members) = &mut document {
            members.extend(more);
        }
        let answer = whole(status, MEDIA_TYPE, format!("{document}\n"));
        match code {
            Code::Unauthorized => {
                let realm = HeaderValue::from_static("Bearer realm=\"pixmill\"");
                with(answer, WWW_AUTHENTICATE, realm)
            }
            Code::Busy | Code::Unavailable => with_patience(answer, PATIENCE),
            Code::BadParameter
            | Code::BadBody
            | Code::Foreign
            | Code::BadLink
            | Code::BucketNotAllowed
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::TooSlow
            | Code::Conflict
            | Code::TooLarge
            | Code::UnsupportedMediaType
            | Code::IdempotencyKeyReused
            | Code::NoPicture
            | Code::BadRecipe
            | Code::BadPicture
            | Code::Internal
            | Code::NotHere
            | Code::Late => answer,
        }
    }
}

/// A problem, as it is written down, for the schema: problems have members of their own besides.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDocument {
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// The stable code.
    code: String,
    /// What exactly, for people.
    detail: String,
}

/// What a call of a port means for whoever asked. The cause stays in the log: it may name what is
/// nobody's business.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::new(Code::NotFound, "there is no such thing"),
            ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::InsufficientCapacity
            | ErrorKind::Denied => {
                tracing::warn!(reason = error.chain(), "the pipeline does not answer");
                Self::new(Code::Unavailable, "the pipeline does not answer; try again later")
            }
            ErrorKind::AlreadyExists | ErrorKind::Changed => {
                Self::new(Code::Conflict, "somebody else changed it at the same time")
            }
            // What is ours to say: names that cannot be, batches of another recipe.
            ErrorKind::Invalid => Self::new(Code::Conflict, error.chain()),
            ErrorKind::LeaseLost => {
                tracing::error!(reason = error.chain(), "an error that cannot be");
                Self::new(Code::Internal, "something is wrong here")
            }
        }
    }
}

/// A recipe that does not parse: where, and what was probably meant.
impl From<RecipeError> for Problem {
    fn from(error: RecipeError) -> Self {
        let problem = Self::new(Code::BadRecipe, error.to_string())
            .and("recipe_code", error.code.as_str())
            .and("hint", error.hint);
        match error.place {
            Place::Text { start, end } => problem.and("start", start).and("end", end),
            Place::Pointer(pointer) => problem.and("pointer", pointer),
        }
    }
}

/// A recipe that is over a limit.
impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::new(Code::BadRecipe, rejection.reason).and("recipe_code", rejection.code.as_str())
    }
}

/// The directory for uploads, or a socket.
impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "failed to keep what is uploaded");
        Self::new(Code::Unavailable, "there is no room for it here; try again later")
    }
}
