//! What AWS says of a pipeline, asked for a person who wants to know what is wrong with it. It
//! judges nothing; `pixmill doctor` does.
//!
//! No question touches a job. What a permission allows is found by requests that AWS refuses one
//! way or the other: a receipt that nobody was given, more messages than a receive may ask for, a
//! message with a character that no message may have. A denial is certain. A complaint about the
//! argument says only that nothing was denied before it: which of the two SQS looks at first is not
//! documented. A policy may also allow only some keys, or only at some times, which one question
//! cannot know.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::types::{Permission, PolicyStatus};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, ObjectStore as _, WorkerId};
use tokio::join;

use crate::backend::{AwsOptions, Redrive, read_redrive};
use crate::error::{BUCKET_REGION, of_call, of_credentials};
use crate::names::{bucket_name, is_bucket, is_url, queue_name, region_of};
use crate::sdk::timeouts;
use crate::store::S3Store;

/// A person waits, so less is tried for less long than by a role.
const TRIES: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(8);

/// A receipt that SQS has given nobody.
const NO_RECEIPT: &str = "pixmill-doctor";
/// One more message than a receive may ask for.
const TOO_MANY: i32 = 11;
/// SQS takes no message with this character.
const NO_MESSAGE: &str = "\u{1}";

/// What was not done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub kind: ErrorKind,
    /// AWS's own code, if it said one.
    pub code: Option<String>,
    /// The region that a bucket is in, if S3 said so.
    pub region: Option<String>,
    /// Whether anybody answered at all.
    pub is_answer: bool,
    /// The whole story, in a line.
    pub said: String,
}

/// What became of a question.
pub type Answer<T = ()> = Result<T, Refusal>;

/// All that was found out.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The region that is set.
    pub region: Option<String>,
    /// Whether there are credentials; not whether AWS takes them.
    pub credentials: Answer,
    /// What AWS answered, if there was anything to ask it with.
    pub answers: Option<Answers>,
}

/// What AWS answered.
#[derive(Debug, Clone)]
pub struct Answers {
    /// About the bucket.
    pub bucket: BucketFacts,
    /// About the job queue.
    pub jobs: QueueFacts,
    /// About the dead-letter queue: the one that is named, else that of the redrive policy.
    pub dead_letters: Option<QueueFacts>,
}

/// What S3 answered.
#[derive(Debug, Clone)]
pub struct BucketFacts {
    /// Its name.
    pub name: String,
    /// Whether that can be a bucket's name; if not, nothing was asked.
    pub is_name: bool,
    /// `s3:ListBucket`, and whether it is there.
    pub list: Answer,
    /// The other permissions and whether anybody else has some, unless it is not to be reached.
    pub more: Option<BucketMore>,
}

/// What S3 answered about a bucket that is there.
#[derive(Debug, Clone)]
pub struct BucketMore {
    /// `s3:PutObject`.
    pub put: Answer,
    /// `s3:GetObject`.
    pub get: Answer,
    /// `s3:DeleteObject`.
    pub delete: Answer,
    /// Whether its policy makes it public.
    pub public_policy: Answer<bool>,
    /// Whether its access control list does.
    pub public_acl: Answer<bool>,
    /// Whether both are blocked.
    pub is_blocked: Answer<bool>,
}

/// What SQS answered.
#[derive(Debug, Clone)]
pub struct QueueFacts {
    /// Its name.
    pub name: String,
    /// The region that its URL names, if that is another one; nothing was asked then.
    pub elsewhere: Option<String>,
    /// Whether it is a FIFO queue; nothing was asked then.
    pub is_fifo: bool,
    /// Its URL and attributes.
    pub attributes: Answer<QueueAttributes>,
    /// The permissions, by their actions, unless it is not to be reached.
    pub permissions: Vec<(&'static str, Answer)>,
}

/// What a queue says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueAttributes {
    /// Its URL.
    pub url: String,
    /// Its ARN.
    pub arn: String,
    /// How long it keeps a message.
    pub retention_seconds: u64,
    /// How long a delivery is hidden from others if the receive does not say.
    pub visibility_seconds: u64,
    /// Messages that wait in it.
    pub messages: u64,
    /// Its redrive policy.
    pub redrive: Option<Redrive>,
}

/// Asks AWS everything, as much as possible at once.
pub async fn look(configuration: &SdkConfig, options: &AwsOptions) -> Facts {
    let region = configuration.region().map(ToString::to_string);
    let credentials = credentials(configuration).await;
    if region.is_none() || credentials.is_err() {
        return Facts { region, credentials, answers: None };
    }
    let retries = RetryConfig::standard().with_max_attempts(TRIES);
    let hurried = configuration.clone().into_builder();
    let hurried = hurried.retry_config(retries).timeout_config(timeouts(PATIENCE)).build();
    let sqs = Sqs::new(&hurried);
    let queues = async {
        let named = async {
            match &options.dead_letter_queue {
                Some(queue) => Some(Box::pin(look_at_queue(&sqs, queue)).await),
                None => None,
            }
        };
        let (jobs, named) = join!(look_at_queue(&sqs, &options.queue), named);
        let redrive = jobs.attributes.as_ref().ok().and_then(|known| known.redrive.as_ref());
        let dead_letters = match (named, redrive) {
            (None, Some(redrive)) => Some(Box::pin(look_at_queue(&sqs, &redrive.queue)).await),
            (named, _) => named,
        };
        (jobs, dead_letters)
    };
    let (bucket, (jobs, dead_letters)) = join!(look_at_bucket(&hurried, &options.bucket), queues);
    Facts { region, credentials, answers: Some(Answers { bucket, jobs, dead_letters }) }
}

async fn credentials(configuration: &SdkConfig) -> Answer {
    let refusal = |said: String| Refusal {
        kind: ErrorKind::Denied,
        code: None,
        region: None,
        is_answer: false,
        said,
    };
    let Some(provider) = configuration.credentials_provider() else {
        return Err(refusal("no credentials are set".to_owned()));
    };
    let found = provider.provide_credentials().await;
    found.map(drop).map_err(|error| refusal(of_credentials(&error).to_string()))
}

async fn look_at_bucket(configuration: &SdkConfig, bucket: &str) -> BucketFacts {
    let name = bucket_name(bucket).to_owned();
    let is_name = is_bucket(&name);
    if !is_name {
        return BucketFacts { name, is_name, list: Ok(()), more: None };
    }
    let store = S3Store::new(configuration, &name);
    // A list, because its refusals have a code, which a HEAD's have not.
    let list = store.client().list_objects_v2().bucket(&name).max_keys(1).send().await;
    let list = list.map(drop).map_err(|e| refusal(format!("list the bucket {name}"), &e));
    let is_there = list.as_ref().err().is_none_or(is_denial);
    let more = if is_there { Some(look_into_bucket(&store).await) } else { None };
    BucketFacts { name, is_name, list, more }
}

/// Whether it is a permission that is missing, and not something that no other question would pass.
fn is_denial(refusal: &Refusal) -> bool {
    let code = refusal.code.as_deref();
    matches!(code, Some("AccessDenied" | "AccessDeniedException" | "AllAccessDisabled"))
}

async fn look_into_bucket(store: &S3Store) -> BucketMore {
    let (client, bucket) = (store.client(), store.bucket());
    let policy = client.get_bucket_policy_status().bucket(bucket).send();
    let acl = client.get_bucket_acl().bucket(bucket).send();
    let block = client.get_public_access_block().bucket(bucket).send();
    let ((put, get, delete), policy, acl, block) = join!(try_probe(store), policy, acl, block);
    let policy = policy.map(|out| out.policy_status().and_then(PolicyStatus::is_public));
    let public_policy = policy.map_err(|e| refusal("read the state of its policy", &e));
    let acl = acl.map(|out| out.grants().iter().any(is_grant_to_all));
    let block = block.map(|out| {
        let block = out.public_access_block_configuration();
        block.is_some_and(|block| {
            block.ignore_public_acls() == Some(true)
                && block.restrict_public_buckets() == Some(true)
        })
    });
    BucketMore {
        put,
        get,
        delete,
        public_policy: absent_is_no(public_policy.map(|is| is == Some(true)), "NoSuchBucketPolicy"),
        public_acl: acl.map_err(|e| refusal("read its access control list", &e)),
        is_blocked: absent_is_no(
            block.map_err(|e| refusal("read whether public access is blocked", &e)),
            "NoSuchPublicAccessBlockConfiguration",
        ),
    }
}

fn is_grant_to_all(grant: &aws_sdk_s3::types::Grant) -> bool {
    let uri = grant.grantee().and_then(|grantee| grantee.uri()).unwrap_or_default();
    let of_all = uri.ends_with("/AllUsers") || uri.ends_with("/AuthenticatedUsers");
    // Who may only read the list of grants sees no picture.
    of_all && !matches!(grant.permission(), Some(Permission::ReadAcp) | None)
}

fn absent_is_no(answer: Answer<bool>, code: &str) -> Answer<bool> {
    match answer {
        Err(refusal) if refusal.code.as_deref() == Some(code) => Ok(false),
        answer => answer,
    }
}

/// Writes, reads and removes an object where workers write theirs to see whether the store answers.
/// One key for all: where it cannot be removed, it stays one.
async fn try_probe(store: &S3Store) -> (Answer, Answer, Answer) {
    let key = Key::probe(&WorkerId::new("doctor").expect("it is a plain word"));
    let put = Put {
        key: key.clone(),
        payload: Payload::Bytes(Vec::new()),
        media_type: "application/octet-stream",
        condition: Condition::Always,
        owner: None,
    };
    let put = store.put(put).await.map(drop).map_err(|e| of_error(&e));
    // Somebody else may have removed it in between, or nobody may write it.
    let get = match store.get(&key, None).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(of_error(&error)),
        _ => Ok(()),
    };
    let delete = store.delete(&key).await.map_err(|e| of_error(&e));
    (put, get, delete)
}

async fn look_at_queue(sqs: &Sqs, queue: &str) -> QueueFacts {
    let queue = queue.trim_end_matches('/');
    let name = queue_name(queue).to_owned();
    let here = sqs.config().region().map(ToString::to_string);
    let elsewhere =
        region_of(queue).filter(|there| is_url(queue) && here.as_deref() != Some(there));
    let mut facts = QueueFacts {
        is_fifo: name.strip_suffix(".fifo").is_some(),
        name,
        elsewhere: elsewhere.map(str::to_owned),
        attributes: Ok(QueueAttributes::default()),
        permissions: vec![],
    };
    if facts.is_fifo || facts.elsewhere.is_some() {
        return facts;
    }
    let url = if is_url(queue) {
        Ok(queue.to_owned())
    } else {
        let found = sqs.get_queue_url().queue_name(&facts.name).send().await;
        let found = found.map(|found| found.queue_url.unwrap_or_default());
        found.map_err(|e| refusal(format!("find the queue {}", facts.name), &e))
    };
    match url {
        Ok(url) => {
            facts.attributes = attributes(sqs, &url).await;
            if facts.attributes.as_ref().err().is_none_or(is_denial) {
                facts.permissions = Box::pin(permissions(sqs, &url)).await;
            }
        }
        Err(refusal) => facts.attributes = Err(refusal),
    }
    facts
}

async fn attributes(sqs: &Sqs, url: &str) -> Answer<QueueAttributes> {
    let call = sqs.get_queue_attributes().queue_url(url);
    let answer = call.attribute_names(QueueAttributeName::All).send().await;
    let answer = answer.map_err(|e| refusal(format!("read the attributes of {url}"), &e))?;
    let known = answer.attributes.unwrap_or_default();
    let text = |name| known.get(&name).map(String::as_str).unwrap_or_default();
    let number = |name| text(name).parse().unwrap_or_default();
    Ok(QueueAttributes {
        url: url.to_owned(),
        arn: text(QueueAttributeName::QueueArn).to_owned(),
        retention_seconds: number(QueueAttributeName::MessageRetentionPeriod),
        visibility_seconds: number(QueueAttributeName::VisibilityTimeout),
        messages: number(QueueAttributeName::ApproximateNumberOfMessages),
        redrive: read_redrive(text(QueueAttributeName::RedrivePolicy)),
    })
}

async fn permissions(sqs: &Sqs, url: &str) -> Vec<(&'static str, Answer)> {
    let send = sqs.send_message().queue_url(url).message_body(NO_MESSAGE).send();
    // Whoever hands out messages all the same hides them from nobody.
    let receive = sqs.receive_message().queue_url(url).max_number_of_messages(TOO_MANY);
    let receive = receive.visibility_timeout(0).wait_time_seconds(0).send();
    let delete = sqs.delete_message().queue_url(url).receipt_handle(NO_RECEIPT).send();
    let hide = sqs.change_message_visibility().queue_url(url).receipt_handle(NO_RECEIPT);
    let hide = hide.visibility_timeout(0).send();
    let (send, receive, delete, hide) = join!(send, receive, delete, hide);
    vec![
        ("SendMessage", unless_refused(send)),
        ("ReceiveMessage", unless_refused(receive)),
        ("DeleteMessage", unless_refused(delete)),
        ("ChangeMessageVisibility", unless_refused(hide)),
    ]
}

/// A complaint about the argument is as good as an answer.
fn unless_refused<T, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> Answer
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer.map_err(|e| refusal("ask", &e)) {
        Err(refusal) if !matches!(refusal.kind, ErrorKind::Invalid | ErrorKind::LeaseLost) => {
            Err(refusal)
        }
        _ => Ok(()),
    }
}

fn refusal<E>(attempt: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let response = error.raw_response();
    let region = response.and_then(|response| response.headers().get(BUCKET_REGION));
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    Refusal {
        code: code.map(str::to_owned),
        region: region.map(str::to_owned),
        is_answer: response.is_some(),
        ..of_error(&of_call(attempt, error))
    }
}

fn of_error(error: &Error) -> Refusal {
    Refusal {
        kind: error.kind(),
        code: None,
        region: None,
        is_answer: error.kind() != ErrorKind::Unavailable,
        said: error.chain(),
    }
}
