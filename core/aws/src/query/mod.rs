//! Services that speak AWS's query protocol (EC2, Auto Scaling, load balancing, CloudWatch): a form
//! goes in, XML comes back.
//!
//! A fleet takes two dozen calls of them, and the SDK's crate for EC2 alone takes longer to build than
//! all the rest. So the calls are written out by whoever makes them (`core/ec2`), and what is hard
//! about them is the SDK's own: signing, credentials, connections, deadlines, and the one layer that
//! repeats. It knows no service's words.

mod bucket;
mod endpoint;
mod form;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_runtime::auth::{SigV4OperationSigningConfig, sigv4};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind};

use self::bucket::Bucket;
pub use self::form::Form;
pub use self::xml::Xml;
use crate::error::{of_call, of_foreign};
use crate::sdk::timeouts;

/// How long one try may take. Nothing here moves large bodies or waits on purpose.
const TRY: Duration = Duration::from_secs(6);

/// How long a call may take with all its repetitions: less than a controller gives one action.
const CALL: Duration = Duration::from_secs(9);

/// A service that speaks this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// What its hosts and its signatures call it, as `elasticloadbalancing`.
    pub name: &'static str,
    /// What the SDKs call it in settings of endpoints, as `Elastic Load Balancing v2`.
    pub id: &'static str,
    /// The version of its calls, a date.
    pub version: &'static str,
}

/// The way to one service. Clones share connections, credentials and the budget of repetitions.
#[derive(Debug, Clone)]
pub struct Query {
    service: Service,
    repeated: Operation<String, String, Refused>,
    once: Operation<String, String, Refused>,
    bucket: Arc<Bucket>,
}

impl Query {
    /// The service in the region that the configuration names. Calls that change something are made
    /// as fast as the service grants them, by this and its clones together.
    pub fn new(configuration: &SdkConfig, service: Service) -> Result<Self> {
        let retries = configuration.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let never = retries.clone().with_max_attempts(1);
        Ok(Self {
            service,
            repeated: operation(configuration, service, &retries)?,
            once: operation(configuration, service, &never)?,
            bucket: Arc::new(Bucket::full()),
        })
    }

    /// Makes a call, and reads its answer. What is missing there that should not be is `None`, and an
    /// answer of somebody else's. `attempt` completes "failed to …".
    pub async fn call<T>(
        &self,
        attempt: &str,
        form: Form,
        read: impl FnOnce(Xml<'_>) -> Option<T>,
    ) -> Result<T> {
        self.invoke(&self.repeated, attempt, form, read).await
    }

    /// The same, for a call that must not be repeated by itself: what a lost answer means is for the
    /// caller to find out.
    pub async fn call_once<T>(
        &self,
        attempt: &str,
        form: Form,
        read: impl FnOnce(Xml<'_>) -> Option<T>,
    ) -> Result<T> {
        self.invoke(&self.once, attempt, form, read).await
    }

    async fn invoke<T>(
        &self,
        operation: &Operation<String, String, Refused>,
        attempt: &str,
        form: Form,
        read: impl FnOnce(Xml<'_>) -> Option<T>,
    ) -> Result<T> {
        if form.changes_something() {
            self.bucket.take().await;
        }
        let body = form.into_body(self.service.version);
        let answer = operation.invoke(body).await.map_err(|e| of_call(attempt, &e))?;
        let document = roxmltree::Document::parse(&answer);
        let document = document.map_err(|e| of_foreign(attempt, &e.to_string()))?;
        read(Xml::root(&document)).ok_or_else(|| of_foreign(attempt, "it lacks what was asked for"))
    }
}

/// What a service refuses a call with.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// Everything about a call but its form.
fn operation(
    configuration: &SdkConfig,
    service: Service,
    retries: &RetryConfig,
) -> Result<Operation<String, String, Refused>> {
    let attempt = || format!("find the way to {}", service.id);
    let Some(region) = configuration.region() else {
        let why = "no region is set: set AWS_REGION, or region in the profile";
        return Err(Error::new(ErrorKind::Invalid, attempt(), why));
    };
    let Some(credentials) = configuration.credentials_provider() else {
        let why = "there are no credentials, nor anything that gives them";
        return Err(Error::new(ErrorKind::Denied, attempt(), why));
    };
    let mut signing = Layer::new("signing");
    signing.store_put(AuthSchemeOptionResolverParams::new(()));
    signing.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region.clone())),
        name: Some(SigningName::from_static(service.name)),
        ..SigV4OperationSigningConfig::default()
    });
    let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .with_identity_cache(configuration.identity_cache())
        .with_identity_resolver(sigv4::SCHEME_ID, SharedIdentityResolver::new(credentials))
        .with_http_client(configuration.http_client())
        .with_sleep_impl(configuration.sleep_impl())
        .with_time_source(configuration.time_source());
    let signed = StaticRuntimePlugin::new()
        .with_config(signing.freeze())
        .with_runtime_components(components);
    let times = timeouts(TRY).to_builder().operation_timeout(CALL).build();
    Ok(OperationBuilder::new()
        // Also the name of the budget of repetitions, which counts by service and region.
        .service_name(format!("{} in {region}", service.name))
        .operation_name("query")
        .endpoint_url(&endpoint::of(configuration, service, region.as_ref()))
        .standard_retry(retries)
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .timeout_config(times)
        .with_connection_poisoning()
        .runtime_plugin(signed)
        .serializer(request)
        .deserializer(answer)
        .build())
}

fn request(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("user-agent", concat!("pixmill/", env!("CARGO_PKG_VERSION")));
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<String, OrchestratorError<Refused>> {
    let bytes = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        let text = String::from_utf8(bytes.to_vec());
        return text.map_err(|e| OrchestratorError::response(e.into()));
    }
    // A page of somebody else's has no code, and is judged by its status.
    let text = String::from_utf8_lossy(bytes);
    let document = roxmltree::Document::parse(&text).ok();
    let metadata = document.as_ref().and_then(|document| Xml::root(document).refusal());
    let metadata = metadata.map_or_else(ErrorMetadata::builder, |(code, message)| {
        ErrorMetadata::builder().code(code).message(message)
    });
    Err(OrchestratorError::operation(Refused(metadata.build())))
}
