//! Services that are down, that throttle, that refuse, or that are none of AWS's.

use pixmill_contract::error::ErrorKind;
use pixmill_contract::port::{Fleet as _, Lifecycle};
use pixmill_ec2::{CloudWatch, Metric};

use crate::cloud::{Cloud, intent, seen};
use crate::server::{Reply, Server};

#[tokio::test]
async fn a_target_group_that_is_down_says_nothing_of_anybody() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|_| {}).await;
    fleet.launch(&intent("x", 2)).await.unwrap();
    fleet.observe().await.unwrap();
    cloud.state().refuse.insert("DescribeTargetHealth", (503, "ServiceUnavailable"));
    let instances = seen(&fleet, Lifecycle::Running).await;
    assert_eq!(instances.len(), 2, "they are seen all the same");
    assert!(instances.iter().all(|instance| instance.target.is_none()));
    cloud.state().refuse.insert("DeregisterTargets", (503, "ServiceUnavailable"));
    fleet.terminate(&instances[0].id).await.unwrap();
    assert_eq!(cloud.in_state("terminated").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_listed_is_an_error_and_never_an_empty_fleet() {
    let cloud = Cloud::new().await;
    let fleet = cloud.plain(|_| {}).await;
    for (status, code, kind) in [
        (503, "Unavailable", ErrorKind::Unavailable),
        (503, "RequestLimitExceeded", ErrorKind::Throttled),
        (403, "UnauthorizedOperation", ErrorKind::Denied),
        (401, "AuthFailure", ErrorKind::Denied),
        (400, "InvalidParameterValue", ErrorKind::Invalid),
    ] {
        cloud.state().refuse.insert("DescribeInstances", (status, code));
        let error = fleet.observe().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}: {}", error.chain());
        assert!(error.chain().contains(code), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_page_that_is_none_of_awss_is_an_outage() {
    for page in ["<html><body>Welcome to the hotel</body></html>", "hello", ""] {
        let server = Server::start(move |_| Reply::ok(page)).await;
        let configuration = server.configuration().await;
        let metrics = CloudWatch::new(&configuration, "Pixmill", "jobs").unwrap();
        let at = pixmill_contract::Timestamp::from_millis(0);
        let put = metrics.put(at, &[Metric { name: "Backlog", value: 1.0 }]).await;
        // Whatever is no document is none of AWS's; what is one is looked at by those who read it.
        assert_eq!(put.is_err(), !page.starts_with('<'), "{page:?}");
    }
    let server = Server::start(|_| Reply::ok("<html/>")).await;
    let options = pixmill_ec2::FleetOptions { target_group: None, port: 1, token: String::new() };
    let clock = std::sync::Arc::new(pixmill_contract::SystemClock);
    let configuration = server.configuration().await;
    let plain = pixmill_ec2::Ec2Options::default();
    let fleet = pixmill_ec2::Ec2Fleet::new(&configuration, &options, plain, clock).unwrap();
    assert_eq!(fleet.observe().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_call_that_is_throttled_is_made_again() {
    let mut throttled = 2;
    let server = Server::start(move |_| {
        if throttled == 0 {
            return Reply::ok("<R/>");
        }
        throttled -= 1;
        Reply::refuse(503, "RequestLimitExceeded")
    })
    .await;
    let configuration = server.configuration().await;
    let metrics = CloudWatch::new(&configuration, "Pixmill", "jobs").unwrap();
    let at = pixmill_contract::Timestamp::from_millis(0);
    metrics.put(at, &[Metric { name: "Backlog", value: 3.0 }]).await.unwrap();
    let calls = server.calls();
    assert_eq!(calls.len(), 3);
    let call = &calls[2];
    assert_eq!(call.action, "PutMetricData");
    assert_eq!(call.get("MetricData.member.1.MetricName"), "Backlog");
    assert_eq!(call.get("MetricData.member.1.Value"), "3");
    assert_eq!(call.get("MetricData.member.1.Dimensions.member.1.Value"), "jobs");
}
