//! How the SDK is set up: its HTTP client, its one layer of repetition, its deadlines.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;

/// Tries of one call. Enough to pass over a hiccup; an outage is for the roles to wait out, who
/// know what to stop meanwhile.
const TRIES: u32 = 4;

/// The first wait at most; it doubles up to [`LONGEST_BACKOFF`], and is drawn from zero up.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// A server that does not take a connection for so long is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A try that is not answered for so long is given up. What moves large bodies or waits on purpose
/// has deadlines of its own.
const TRY_TIMEOUT: Duration = Duration::from_secs(20);

/// The configuration that region, endpoints and credentials come from, by the SDK's own chain.
pub async fn configuration() -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(TRIES)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .retry_config(retries)
        .timeout_config(timeouts(TRY_TIMEOUT))
        // A peer that sends or takes nothing for so long, in the midst of a body, is gone.
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled().grace_period(TRY_TIMEOUT).build(),
        )
        .load()
        .await
}

/// The one HTTP client, with the one TLS stack.
pub(crate) fn http_client() -> SharedHttpClient {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Builder::new().tls_provider(ring).build_https()
}

pub(crate) fn timeouts(one_try: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(one_try)
        .operation_attempt_timeout(one_try)
        .build()
}

/// A client's deadlines for a call whose try may take so much longer than others. The SDK's "read
/// timeout" counts from the start of a request to the head of its answer, so it moves too.
pub(crate) fn longer(usual: Option<&TimeoutConfig>, more: Duration) -> TimeoutConfig {
    let usual = usual.cloned().unwrap_or_else(|| timeouts(TRY_TIMEOUT));
    let read = usual.read_timeout().map(|usual| usual + more);
    let one_try = usual.operation_attempt_timeout().map(|usual| usual + more);
    let mut timeouts = usual.to_builder();
    timeouts.set_read_timeout(read);
    timeouts.set_operation_attempt_timeout(one_try);
    timeouts.build()
}

/// S3 answers 409 to a conditional write that meets another one: neither has won yet, so the same
/// write is tried again.
#[derive(Debug)]
pub(crate) struct RepeatConflicts;

impl ClassifyRetry for RepeatConflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let status = context.response().map(|response| response.status().as_u16());
        if status == Some(409) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "409 of conditional writes"
    }
}
