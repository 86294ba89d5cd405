//! Spans, exported by OpenTelemetry's OTLP over HTTP, and traces that go on in other processes.
//!
//! What OpenTelemetry is told by variables of its own, such as its service's name and headers for the
//! collector, it reads by itself, as AWS's SDK does its.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use pixmill_contract::trace::{Tracer, export_by};
use tokio::runtime::Handle;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

/// How long a collector may take for what it is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the end of a process may wait for a collector.
const FAREWELL: Duration = Duration::from_secs(1);

const SERVICE: &str = "pixmill";

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Starts exporting spans of ours to a collector.
pub(super) fn start(collector: &str) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    let client = HyperClient::with_default_connector(PATIENCE, None);
    let client = OnRuntime { runtime: Handle::current(), client: Arc::new(client) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{collector}/v1/traces"))
        .with_timeout(PATIENCE)
        .build()
        .context("failed to prepare the export of spans")?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource())
        .build();
    let tracer = provider.tracer(SERVICE);
    PROVIDER.get_or_init(|| provider);
    export_by(Tracer { current, follow });
    // What libraries tell of themselves is not of a job's story.
    let ours = Targets::new().with_target(SERVICE, Level::INFO);
    Ok(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours).boxed())
}

/// Exports what is left.
pub(super) fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown_with_timeout(FAREWELL)
    {
        tracing::debug!(%error, "failed to export the last spans");
    }
}

/// Who tells: by the name that the environment gives, or ours.
fn resource() -> Resource {
    let known = Resource::builder().build();
    let name = known.get(&"service.name".into()).map(|name| name.to_string());
    if name.is_some_and(|name| !name.starts_with("unknown_service")) {
        return known;
    }
    Resource::builder().with_service_name(SERVICE).build()
}

/// The `traceparent` of the span that we are in.
fn current() -> Option<String> {
    let mut fields = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut fields);
    fields.remove("traceparent")
}

/// Makes a span a child of the one that a `traceparent` names.
fn follow(span: &Span, traceparent: &str) {
    let fields = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&fields);
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "failed to follow a trace");
    }
}

/// A client whose requests are made by the runtime: the thread that exports is not one of its own.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: Arc<HyperClient>,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
