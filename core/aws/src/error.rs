//! The one table from what AWS answers to the kinds of the ports.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::ResolveEndpointError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pixmill_contract::{Error, ErrorKind};

/// What AWS's own error codes mean, of S3, SQS, EC2, Auto Scaling, load balancing and the signing in
/// front of them. Codes that are not listed are judged by their HTTP status.
const CODES: &[(&str, ErrorKind)] = &[
    // Asked too often.
    ("BandwidthLimitExceeded", ErrorKind::Throttled),
    ("EC2ThrottledException", ErrorKind::Throttled),
    ("KMS.ThrottlingException", ErrorKind::Throttled),
    ("OverLimit", ErrorKind::Throttled),
    ("PriorRequestNotComplete", ErrorKind::Throttled),
    ("RequestLimitExceeded", ErrorKind::Throttled),
    ("RequestThrottled", ErrorKind::Throttled),
    ("RequestThrottledException", ErrorKind::Throttled),
    ("SlowDown", ErrorKind::Throttled),
    ("Throttling", ErrorKind::Throttled),
    ("ThrottledException", ErrorKind::Throttled),
    ("ThrottlingException", ErrorKind::Throttled),
    ("RequestResourceCountExceeded", ErrorKind::Throttled),
    ("TooManyRequestsException", ErrorKind::Throttled),
    // Their side cannot do it now.
    ("ConditionalRequestConflict", ErrorKind::Unavailable),
    ("InternalError", ErrorKind::Unavailable),
    ("InternalFailure", ErrorKind::Unavailable),
    // Somebody cleans up uploads while we make one; another one may be finished.
    ("NoSuchUpload", ErrorKind::Unavailable),
    ("OperationAborted", ErrorKind::Unavailable),
    ("RequestAbortedException", ErrorKind::Unavailable),
    ("RequestTimeout", ErrorKind::Unavailable),
    ("RequestTimeoutException", ErrorKind::Unavailable),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    ("Unavailable", ErrorKind::Unavailable),
    // The same thing is being done by somebody else at this moment.
    ("IncorrectInstanceState", ErrorKind::Unavailable),
    ("ResourceContention", ErrorKind::Unavailable),
    ("ScalingActivityInProgress", ErrorKind::Unavailable),
    // There is no machine to be had: of this type, in this zone, at this price, for this account.
    ("InstanceLimitExceeded", ErrorKind::InsufficientCapacity),
    ("InsufficientAddressCapacity", ErrorKind::InsufficientCapacity),
    ("InsufficientCapacity", ErrorKind::InsufficientCapacity),
    ("InsufficientFreeAddressesInSubnet", ErrorKind::InsufficientCapacity),
    ("InsufficientHostCapacity", ErrorKind::InsufficientCapacity),
    ("InsufficientInstanceCapacity", ErrorKind::InsufficientCapacity),
    ("InsufficientReservedInstanceCapacity", ErrorKind::InsufficientCapacity),
    ("MaxSpotInstanceCountExceeded", ErrorKind::InsufficientCapacity),
    ("SpotMaxPriceTooLow", ErrorKind::InsufficientCapacity),
    // This type is not offered in this zone.
    ("Unsupported", ErrorKind::InsufficientCapacity),
    ("UnfulfillableCapacity", ErrorKind::InsufficientCapacity),
    ("VcpuLimitExceeded", ErrorKind::InsufficientCapacity),
    // We may not: credentials, permissions, the clock, the account.
    ("AccessDenied", ErrorKind::Denied),
    ("AccessDeniedException", ErrorKind::Denied),
    ("AccountProblem", ErrorKind::Denied),
    ("AllAccessDisabled", ErrorKind::Denied),
    ("AuthFailure", ErrorKind::Denied),
    ("Blocked", ErrorKind::Denied),
    ("ExpiredToken", ErrorKind::Denied),
    ("ExpiredTokenException", ErrorKind::Denied),
    ("Forbidden", ErrorKind::Denied),
    ("IncompleteSignature", ErrorKind::Denied),
    ("IncompleteSignatureException", ErrorKind::Denied),
    ("InvalidAccessKeyId", ErrorKind::Denied),
    ("InvalidClientTokenId", ErrorKind::Denied),
    ("InvalidSecurity", ErrorKind::Denied),
    ("InvalidSignatureException", ErrorKind::Denied),
    ("InvalidToken", ErrorKind::Denied),
    ("MissingAuthenticationToken", ErrorKind::Denied),
    ("MissingAuthenticationTokenException", ErrorKind::Denied),
    ("NotSignedUp", ErrorKind::Denied),
    ("OptInRequired", ErrorKind::Denied),
    ("PendingVerification", ErrorKind::Denied),
    ("RequestExpired", ErrorKind::Denied),
    ("RequestTimeTooSkewed", ErrorKind::Denied),
    ("SignatureDoesNotMatch", ErrorKind::Denied),
    ("TokenRefreshRequired", ErrorKind::Denied),
    ("UnauthorizedOperation", ErrorKind::Denied),
    ("UnrecognizedClientException", ErrorKind::Denied),
    // The key that the bucket or the queue is encrypted with cannot be used.
    ("KMS.AccessDeniedException", ErrorKind::Denied),
    ("KMS.DisabledException", ErrorKind::Denied),
    ("KMS.InvalidKeyUsageException", ErrorKind::Denied),
    ("KMS.InvalidStateException", ErrorKind::Denied),
    ("KMS.KMSInvalidStateException", ErrorKind::Denied),
    ("KMS.NotFoundException", ErrorKind::Denied),
    ("KMS.OptInRequired", ErrorKind::Denied),
    // The bucket, the region or the endpoint is not what we were told. No picture is to blame, and
    // somebody has to mend it: as with a permission.
    ("AuthorizationHeaderMalformed", ErrorKind::Denied),
    ("IllegalLocationConstraintException", ErrorKind::Denied),
    ("IncorrectEndpoint", ErrorKind::Denied),
    ("InvalidBucketName", ErrorKind::Denied),
    ("NoSuchBucket", ErrorKind::Denied),
    ("PermanentRedirect", ErrorKind::Denied),
    ("TemporaryRedirect", ErrorKind::Unavailable),
    // There is no such thing.
    ("AWS.SimpleQueueService.NonExistentQueue", ErrorKind::NotFound),
    ("InvalidAddress", ErrorKind::NotFound),
    ("InvalidInstanceID.Malformed", ErrorKind::NotFound),
    ("InvalidInstanceID.NotFound", ErrorKind::NotFound),
    ("InvalidLaunchTemplateId.NotFound", ErrorKind::NotFound),
    ("InvalidLaunchTemplateName.NotFoundException", ErrorKind::NotFound),
    ("LaunchTemplateNameNotFound", ErrorKind::NotFound),
    ("NoSuchKey", ErrorKind::NotFound),
    ("NoSuchVersion", ErrorKind::NotFound),
    ("NotFound", ErrorKind::NotFound),
    ("QueueDoesNotExist", ErrorKind::NotFound),
    ("TargetGroupNotFound", ErrorKind::NotFound),
    // A condition did not hold; which one, the caller knows better.
    ("PreconditionFailed", ErrorKind::Changed),
    // It would have been carried out, had it not been a rehearsal.
    ("DryRunOperation", ErrorKind::Changed),
    // The receipt is not the delivery's any more.
    ("MessageNotInflight", ErrorKind::LeaseLost),
    ("AWS.SimpleQueueService.MessageNotInflight", ErrorKind::LeaseLost),
    ("ReceiptHandleIsInvalid", ErrorKind::LeaseLost),
];

/// What an HTTP status means by itself: of an answer without a code, such as to a HEAD, or with
/// one that is not listed.
fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        // A redirection: the bucket is in another region.
        300..=399 | 401 | 403 => ErrorKind::Denied,
        status if is_missing(status) => ErrorKind::NotFound,
        408 | 409 => ErrorKind::Unavailable,
        412 => ErrorKind::Changed,
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

fn is_missing(status: u16) -> bool {
    matches!(status, 404 | 410)
}

/// The kind of an answer with this code and this HTTP status.
pub(crate) fn kind_of_answer(code: Option<&str>, status: Option<u16>, message: &str) -> ErrorKind {
    let listed = |code: &str| CODES.iter().find(|(name, _)| *name == code).map(|(_, kind)| *kind);
    // SQS has the same code for a number out of range and for a receipt that has expired.
    let is_receipt = message.contains("ReceiptHandle") || message.contains("receipt handle");
    match code {
        Some("InvalidParameterValue") if is_receipt => Some(ErrorKind::LeaseLost),
        Some(code) => listed(code),
        // SQS names what is missing, and for S3 the SDK does: this is a page of somebody else's.
        None => status.filter(|status| is_missing(*status)).map(|_| ErrorKind::Unavailable),
    }
    .unwrap_or_else(|| status.map_or(ErrorKind::Invalid, kind_of_status))
}

/// Longest that a cause is told: what answers may be no AWS at all, and say a lot.
const MAX_SAID: usize = 400;

/// What AWS said, in one line.
#[derive(Debug)]
struct Said(String);

impl Said {
    fn new(text: &str, hint: &str) -> Self {
        let words: Vec<_> = text.split_whitespace().collect();
        let mut line = words.join(" ");
        if let Some((end, _)) = line.char_indices().nth(MAX_SAID) {
            line.truncate(end);
            line.push('…');
        }
        if !hint.is_empty() {
            line = format!("{line} ({hint})");
        }
        Self(line)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Said {}

/// The error of a call that failed. `attempt` completes "failed to …".
pub(crate) fn of_call<E>(attempt: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let response = error.raw_response();
    let status = response.map(|response| response.status().as_u16());
    let (kind, said) = match error {
        SdkError::ServiceError(answer) => {
            let region = response.and_then(|response| response.headers().get(BUCKET_REGION));
            of_answer(answer.err(), status, region)
        }
        // An answer that is no answer of AWS's: a proxy's page, say.
        SdkError::ResponseError(_) => {
            let kind = status.map_or(ErrorKind::Unavailable, kind_of_status);
            let kind = if kind == ErrorKind::Invalid { ErrorKind::Unavailable } else { kind };
            let text = format!("{}, but no answer of AWS: {}", of_status(status), causes(error));
            (kind, Said::new(&text, CONNECTION))
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unavailable, Said::new(&causes(error), "")),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().map_or_else(|| of_dispatch(error), of_connection)
        }
        // Made of what we gave: a key or a setting that AWS cannot mean.
        SdkError::ConstructionFailure(_) | _ => (ErrorKind::Invalid, Said::new(&causes(error), "")),
    };
    Error::new(kind, attempt, said)
}

/// Where S3 says which region a bucket is in.
pub(crate) const BUCKET_REGION: &str = "x-amz-bucket-region";

/// What to do if nobody answers.
const CONNECTION: &str = "check the network, AWS_REGION, and AWS_ENDPOINT_URL if it is set";

fn of_connection(error: &ConnectorError) -> (ErrorKind, Said) {
    if error.is_user() {
        return (ErrorKind::Invalid, Said::new(&causes(error), ""));
    }
    of_dispatch(error)
}

/// What failed without an answer: the connection, or what comes before it.
fn of_dispatch(error: &(dyn StdError + 'static)) -> (ErrorKind, Said) {
    let (kind, hint) = if let Some(error) = cause::<CredentialsError>(error) {
        missing_credentials(error)
    } else if cause::<ResolveEndpointError>(error).is_some() {
        (ErrorKind::Denied, "check the bucket's name and AWS_REGION")
    } else {
        (ErrorKind::Unavailable, CONNECTION)
    };
    (kind, Said::new(&causes(error), hint))
}

/// The story of credentials that were not found, with what to do about it.
pub(crate) fn of_credentials(error: &CredentialsError) -> impl fmt::Display {
    Said::new(&causes(error), missing_credentials(error).1)
}

fn missing_credentials(error: &CredentialsError) -> (ErrorKind, &'static str) {
    match error {
        // The service that gives them out does not answer.
        CredentialsError::ProviderTimedOut(_) => (ErrorKind::Unavailable, ""),
        CredentialsError::CredentialsNotLoaded(_) => (
            ErrorKind::Denied,
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the \
             machine a role",
        ),
        CredentialsError::InvalidConfiguration(_)
        | CredentialsError::ProviderError(_)
        | CredentialsError::Unhandled(_)
        | _ => (ErrorKind::Denied, "mend the profile or the role that gives the credentials"),
    }
}

fn of_answer(
    error: &impl ProvideErrorMetadata,
    status: Option<u16>,
    region: Option<&str>,
) -> (ErrorKind, Said) {
    let message = error.message().unwrap_or_default();
    let kind = kind_of_answer(error.code(), status, message);
    let is_foreign = error.code().is_none()
        && status.is_some_and(|status| (200..300).contains(&status) || is_missing(status));
    let text = match error.code() {
        Some(code) => with_code(code, message),
        None if is_foreign => format!("{}, but no answer of AWS", of_status(status)),
        None if message.is_empty() => of_status(status),
        None => message.to_owned(),
    };
    // The answer to a HEAD has a status and headers only.
    let elsewhere = status.is_some_and(|status| (300..400).contains(&status));
    let code = error.code().or(elsewhere.then_some("PermanentRedirect"));
    let hint = match region {
        Some(region) if hint(code, message) == REGION => format!("set AWS_REGION to {region}"),
        _ if is_foreign => CONNECTION.to_owned(),
        _ => hint(code, message).to_owned(),
    };
    (kind, Said::new(&text, &hint))
}

fn with_code(code: &str, message: &str) -> String {
    if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") }
}

fn of_status(status: Option<u16>) -> String {
    status.map_or_else(|| "no status".to_owned(), |status| format!("HTTP status {status}"))
}

const CLOCK: &str = "set this machine's clock";

const REGION: &str = "set AWS_REGION to the bucket's region";

/// What to do about it, where AWS does not say.
fn hint(code: Option<&str>, message: &str) -> &'static str {
    // SQS has the same code for a wrong key and for a clock that is wrong.
    let is_of_another_time = ["Signature expired", "Signature not yet current"]
        .iter()
        .any(|beginning| message.starts_with(beginning));
    match code.unwrap_or_default() {
        "RequestTimeTooSkewed" | "RequestExpired" => CLOCK,
        "InvalidSignatureException" | "SignatureDoesNotMatch" if is_of_another_time => CLOCK,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => "get new credentials",
        "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => "check the credentials: AWS does not know them",
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => REGION,
        "NoSuchBucket" | "InvalidBucketName" => "make the bucket, or check its name",
        "AWS.SimpleQueueService.NonExistentQueue" | "InvalidAddress" | "QueueDoesNotExist" => {
            "make the queue, or check its name, AWS_REGION and the account"
        }
        code if code.starts_with("KMS.") && code != "KMS.ThrottlingException" => {
            "check the key that it is encrypted with, and that its policy allows this role"
        }
        _ => "",
    }
}

/// The first cause of this type.
fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The causes of an error in one line, without those that only repeat. What is above them says in
/// the SDK's words what our kinds say.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut line = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        let is_word_of_the_sdk = error.is::<ConnectorError>();
        if !is_word_of_the_sdk && !line.ends_with(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
        cause = error.source();
    }
    if line.is_empty() { error.to_string() } else { line }
}

/// An answer that says yes, and is none of AWS's.
pub(crate) fn of_foreign(attempt: &str, why: &str) -> Error {
    let said = Said::new(&format!("no answer of AWS: {why}"), CONNECTION);
    Error::new(ErrorKind::Unavailable, attempt, said)
}

/// The error of one entry of a batch that was answered as a whole.
pub(crate) fn of_entry(attempt: &str, code: &str, message: Option<&str>, ours: bool) -> Error {
    let message = message.unwrap_or_default();
    let status = if ours { 400 } else { 500 };
    let kind = kind_of_answer(Some(code), Some(status), message);
    Error::new(kind, attempt, Said::new(&with_code(code, message), hint(Some(code), message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_listed_once() {
        for (n, (code, _)) in CODES.iter().enumerate() {
            assert!(CODES[..n].iter().all(|(other, _)| other != code), "{code}");
        }
    }

    #[test]
    fn what_is_not_listed_is_judged_by_its_status() {
        let kind = |code, status| kind_of_answer(code, Some(status), "");
        assert_eq!(kind(Some("BrandNew"), 400), ErrorKind::Invalid);
        assert_eq!(kind(Some("BrandNew"), 403), ErrorKind::Denied);
        assert_eq!(kind(Some("BrandNew"), 503), ErrorKind::Unavailable);
        assert_eq!(kind(Some("BrandNew"), 404), ErrorKind::NotFound);
        assert_eq!(kind(None, 404), ErrorKind::Unavailable);
        assert_eq!(kind(None, 301), ErrorKind::Denied);
        assert_eq!(kind(Some("SlowDown"), 503), ErrorKind::Throttled);
    }

    #[test]
    fn an_expired_receipt_is_told_from_a_bad_number() {
        let kind = |message| kind_of_answer(Some("InvalidParameterValue"), Some(400), message);
        let expired = "Value AQEB for parameter ReceiptHandle is invalid. Reason: \
                       The receipt handle has expired.";
        assert_eq!(kind(expired), ErrorKind::LeaseLost);
        let too_long =
            "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        assert_eq!(kind(too_long), ErrorKind::Invalid);
    }
}
