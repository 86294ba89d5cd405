//! Metrics for CloudWatch, for those who look at their fleets there.

use pixmill_aws::{Form, Query, SdkConfig, Service};
use pixmill_contract::Timestamp;
use pixmill_contract::error::Result;

const SERVICE: Service = Service { name: "monitoring", id: "CloudWatch", version: "2010-08-01" };

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name, as `Backlog`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

/// Metrics of one pipeline.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    query: Query,
    namespace: String,
    pipeline: String,
}

impl CloudWatch {
    /// Those of a pipeline, which is their one dimension, in this namespace.
    pub fn new(configuration: &SdkConfig, namespace: &str, pipeline: &str) -> Result<Self> {
        let query = Query::new(configuration, SERVICE)?;
        Ok(Self { query, namespace: namespace.to_owned(), pipeline: pipeline.to_owned() })
    }

    /// Publishes values of this moment.
    pub async fn put(&self, at: Timestamp, metrics: &[Metric]) -> Result<()> {
        let form = Form::new("PutMetricData").with("Namespace", &self.namespace);
        let form = metrics.iter().zip(1..).fold(form, |form, (metric, n)| {
            let datum = format!("MetricData.member.{n}");
            form.with(format!("{datum}.MetricName"), metric.name)
                .with(format!("{datum}.Value"), metric.value)
                .with(format!("{datum}.Unit"), "Count")
                .with(format!("{datum}.Timestamp"), at)
                .with(format!("{datum}.Dimensions.member.1.Name"), "Pipeline")
                .with(format!("{datum}.Dimensions.member.1.Value"), &self.pipeline)
        });
        self.query.call("publish metrics", form, |_| Some(())).await
    }
}
