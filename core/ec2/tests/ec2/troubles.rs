//! Services that are down, that throttle, that refuse, or that are none of AWS's.

use pixmill_contract::error::ErrorKind;
use pixmill_contract::port::{Fleet, Impairment, Lifecycle};
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
async fn machines_that_fail_ec2s_own_checks_are_seen_so_and_other_peoples_are_not() {
    let cloud = Cloud::new().await;
    let (plain, grouped) = (cloud.plain(|_| {}).await, cloud.grouped().await);
    plain.launch(&intent("x", 3)).await.unwrap();
    grouped.launch(&intent("y", 1)).await.unwrap();
    let of = |n: usize| format!("i-{n:04}");
    cloud.state().impaired = vec![
        (of(1), "instance"),
        (of(2), "instance"),
        (of(2), "system"),
        (of(3), "system"),
        ("i-theirs".to_owned(), "system"),
    ];
    let seen_so = async |fleet: &dyn Fleet| {
        let all = fleet.observe().await.unwrap();
        all.into_iter().map(|i| (i.id.to_string(), i.impaired)).collect::<Vec<_>>()
    };
    let (instance, system) = (Some(Impairment::Instance), Some(Impairment::System));
    assert_eq!(seen_so(&plain).await, [(of(0), None), (of(1), instance), (of(2), system)]);
    assert_eq!(seen_so(&grouped).await, [(of(3), system)]);
    cloud.state().refuse.insert("DescribeInstanceStatus", (403, "UnauthorizedOperation"));
    let all = plain.observe().await.unwrap();
    assert!(all.iter().all(|i| i.impaired.is_none()), "what is not said is not known");
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
