//! The ports of pixmill on AWS: pictures, results and notes in S3, messages in SQS; and the way to the
//! services that have no crate of the SDK here (`query`).
//!
//! It makes no decisions: it says to AWS what the ports are told, and says what AWS answers in the
//! words of the ports. Region, endpoints and credentials are found as every AWS tool finds them, by
//! `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL_S3`, the instance's role and the like.
//!
//! Failed calls are repeated in one place, the SDK's: exponential backoff with full jitter, a
//! budget of repetitions shared by all calls of a process, the server's hint if it gives one, and
//! a deadline for each try. What still fails after that is an outage, which the roles wait out.

mod backend;
pub mod doctor;
mod error;
mod metadata;
mod names;
mod query;
mod queue;
mod replies;
mod sdk;
mod store;

pub use aws_config::{Region, SdkConfig};
pub use aws_credential_types::Credentials;
pub use aws_credential_types::provider::SharedCredentialsProvider;
pub use backend::{AwsBackend, AwsOptions, Redrive};
pub use metadata::{Identity, Metadata, Notice};
pub use query::{Form, Query, Service, Xml};
pub use queue::{Linger, SqsQueue};
pub use replies::SqsReplies;
pub use sdk::configuration;
pub use store::S3Store;
