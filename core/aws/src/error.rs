//! The one table from what AWS answers to the kinds of the ports.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pixmill_contract::{Error, ErrorKind};

/// What AWS's own error codes mean, of S3, SQS and the signing in front of both. Codes that are not
/// listed are judged by their HTTP status.
const CODES: &[(&str, ErrorKind)] = &[
    // Asked too often.
    ("BandwidthLimitExceeded", ErrorKind::Throttled),
    ("EC2ThrottledException", ErrorKind::Throttled),
    ("KmsThrottled", ErrorKind::Throttled),
    ("OverLimit", ErrorKind::Throttled),
    ("PriorRequestNotComplete", ErrorKind::Throttled),
    ("RequestLimitExceeded", ErrorKind::Throttled),
    ("RequestThrottled", ErrorKind::Throttled),
    ("RequestThrottledException", ErrorKind::Throttled),
    ("SlowDown", ErrorKind::Throttled),
    ("Throttling", ErrorKind::Throttled),
    ("ThrottledException", ErrorKind::Throttled),
    ("ThrottlingException", ErrorKind::Throttled),
    ("TooManyRequestsException", ErrorKind::Throttled),
    // Their side cannot do it now.
    ("ConditionalRequestConflict", ErrorKind::Unavailable),
    ("InternalError", ErrorKind::Unavailable),
    ("InternalFailure", ErrorKind::Unavailable),
    ("OperationAborted", ErrorKind::Unavailable),
    ("RequestTimeout", ErrorKind::Unavailable),
    ("RequestTimeoutException", ErrorKind::Unavailable),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    // We may not: credentials, permissions, the clock, the account.
    ("AccessDenied", ErrorKind::Denied),
    ("AccessDeniedException", ErrorKind::Denied),
    ("AccountProblem", ErrorKind::Denied),
    ("AllAccessDisabled", ErrorKind::Denied),
    ("ExpiredToken", ErrorKind::Denied),
    ("ExpiredTokenException", ErrorKind::Denied),
    ("Forbidden", ErrorKind::Denied),
    ("InvalidAccessKeyId", ErrorKind::Denied),
    ("InvalidClientTokenId", ErrorKind::Denied),
    ("InvalidToken", ErrorKind::Denied),
    ("KmsAccessDenied", ErrorKind::Denied),
    ("KmsDisabled", ErrorKind::Denied),
    ("MissingAuthenticationToken", ErrorKind::Denied),
    ("NotSignedUp", ErrorKind::Denied),
    ("OptInRequired", ErrorKind::Denied),
    ("RequestExpired", ErrorKind::Denied),
    ("RequestTimeTooSkewed", ErrorKind::Denied),
    ("SignatureDoesNotMatch", ErrorKind::Denied),
    ("TokenRefreshRequired", ErrorKind::Denied),
    ("UnrecognizedClientException", ErrorKind::Denied),
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
    ("NoSuchKey", ErrorKind::NotFound),
    ("NoSuchUpload", ErrorKind::NotFound),
    ("NoSuchVersion", ErrorKind::NotFound),
    ("NotFound", ErrorKind::NotFound),
    ("QueueDoesNotExist", ErrorKind::NotFound),
    // A condition did not hold; which one, the caller knows better.
    ("PreconditionFailed", ErrorKind::Changed),
    // The receipt is not the delivery's any more.
    ("MessageNotInflight", ErrorKind::LeaseLost),
    ("AWS.SimpleQueueService.MessageNotInflight", ErrorKind::LeaseLost),
    ("ReceiptHandleIsInvalid", ErrorKind::LeaseLost),
];

/// What an HTTP status means by itself: of an answer without a code, such as to a HEAD, or with
/// one that is not listed.
fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Denied,
        404 | 410 => ErrorKind::NotFound,
        408 | 409 => ErrorKind::Unavailable,
        412 => ErrorKind::Changed,
        429 => ErrorKind::Throttled,
        // The bucket is in another region.
        300..=399 => ErrorKind::Denied,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

/// The kind of an answer with this code and this HTTP status.
pub(crate) fn kind_of_answer(code: Option<&str>, status: Option<u16>, message: &str) -> ErrorKind {
    let listed = |code: &str| CODES.iter().find(|(name, _)| *name == code).map(|(_, kind)| *kind);
    // SQS has the same code for a number out of range and for a receipt that has expired.
    let is_receipt = message.contains("ReceiptHandle") || message.contains("receipt handle");
    match code {
        Some("InvalidParameterValue") if is_receipt => Some(ErrorKind::LeaseLost),
        Some(code) => listed(code),
        None => None,
    }
    .unwrap_or_else(|| status.map_or(ErrorKind::Invalid, kind_of_status))
}

/// What AWS said, in one line.
#[derive(Debug)]
struct Said(String);

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
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (kind, said) = match error {
        SdkError::ServiceError(answer) => of_answer(answer.err(), status),
        // An answer that is no answer of AWS's: a proxy's page, say.
        SdkError::ResponseError(_) => {
            let kind = status.map_or(ErrorKind::Unavailable, kind_of_status);
            let kind = if kind == ErrorKind::Invalid { ErrorKind::Unavailable } else { kind };
            (kind, format!("{} {}", of_status(status), causes(error)))
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unavailable, causes(error)),
        SdkError::DispatchFailure(failure) => {
            let is_network = failure.is_io() || failure.is_timeout();
            // What fails before anything is sent is the credentials: none, or they cannot be had.
            let kind = if is_network { ErrorKind::Unavailable } else { ErrorKind::Denied };
            (kind, causes(error))
        }
        // Made of what we gave: a key or a setting that AWS cannot mean.
        _ => (ErrorKind::Invalid, causes(error)),
    };
    Error::new(kind, attempt, Said(said))
}

fn of_answer(error: &impl ProvideErrorMetadata, status: Option<u16>) -> (ErrorKind, String) {
    let message = error.message().unwrap_or_default();
    let kind = kind_of_answer(error.code(), status, message);
    let said = match (error.code(), message) {
        (Some(code), "") => code.to_owned(),
        (Some(code), message) => format!("{code}: {message}"),
        (None, "") => of_status(status),
        (None, message) => message.to_owned(),
    };
    (kind, said + hint(error.code()))
}

fn of_status(status: Option<u16>) -> String {
    status.map_or_else(|| "no status".to_owned(), |status| format!("HTTP status {status}"))
}

/// What to do about it, where AWS does not say.
fn hint(code: Option<&str>) -> &'static str {
    match code {
        Some("RequestTimeTooSkewed" | "RequestExpired") => " (set this machine's clock)",
        Some("ExpiredToken" | "ExpiredTokenException") => " (get new credentials)",
        Some(
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => " (set AWS_REGION to the bucket's region)",
        _ => "",
    }
}

/// The chain of causes in one line, without those that only repeat.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

/// The error of one entry of a batch that was answered as a whole.
pub(crate) fn of_entry(attempt: &str, code: &str, message: Option<&str>, ours: bool) -> Error {
    let message = message.unwrap_or_default();
    let status = if ours { 400 } else { 500 };
    let kind = kind_of_answer(Some(code), Some(status), message);
    Error::new(kind, attempt, Said(format!("{code}: {message}")))
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
        assert_eq!(kind(None, 404), ErrorKind::NotFound);
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
