//! What SQS can answer, row by row of the table of errors, and what becomes of it.

use std::collections::HashSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use pixmill_aws::{Linger, SqsQueue};
use pixmill_contract::port::{NewMessage, Receipt, Receive, send_one};
use pixmill_contract::{Error, ErrorKind, Queue};
use tokio::task::JoinSet;

use crate::emulator::Emulator;
use crate::fake::{Act, Fake};
use crate::scripted::Asked;

const URL: &str = "http://queues/1/jobs";

#[derive(Debug, Clone, Copy)]
enum Call {
    Send,
    Receive,
    Hide,
    Delete,
    Depth,
}

fn queue(configuration: &SdkConfig) -> SqsQueue {
    SqsQueue::new(Client::new(configuration), URL, Linger::default())
}

fn receipt() -> Receipt {
    Receipt("receipt".to_owned())
}

const RECEIVE: Receive =
    Receive { max: 10, wait: Duration::from_secs(1), visibility: Duration::from_secs(30) };

async fn call(queue: &SqsQueue, call: Call) -> Result<(), Error> {
    let mut answers = match call {
        Call::Send => queue.send(vec![NewMessage::now("body")]).await,
        Call::Receive => vec![queue.receive(RECEIVE).await.map(drop)],
        Call::Hide => queue.change_visibility(vec![(receipt(), Duration::ZERO)]).await,
        Call::Delete => queue.delete(vec![receipt()]).await,
        Call::Depth => vec![queue.depth().await.map(drop)],
    };
    assert_eq!(answers.len(), 1, "one entry, one answer");
    answers.remove(0)
}

/// One answer for ever: the call, what it fails with, how often it is tried, and what is said.
type Row = (Act, Call, ErrorKind, usize, &'static str);

/// An error as SQS words it: the shape in the body, and the code of old in a header, which counts.
fn refusal(status: u16, shape: &str, code: &str, message: &str) -> Act {
    // A test process ends soon, and its scripts are constants otherwise.
    let code: &'static str = format!("{code};Sender").leak();
    let body = format!(r#"{{"__type":"com.amazonaws.sqs#{shape}","message":"{message}"}}"#);
    Act::Answer(status, vec![("x-amzn-query-error", code)].leak(), body.leak())
}

/// An error of what stands in front of SQS, which knows no codes of old.
fn common(status: u16, shape: &str, message: &str) -> Act {
    let body = format!(r#"{{"__type":"com.amazon.coral.service#{shape}","message":"{message}"}}"#);
    Act::Answer(status, &[], body.leak())
}

fn html(status: u16) -> Act {
    Act::Answer(status, &[("Content-Type", "text/html")], "<html>\n<h1>Oops</h1>\n</html>")
}

/// Every row against a server of its own, all at once: most of their time is waiting.
async fn hold(rows: Vec<Row>) {
    let mut all = JoinSet::new();
    for (n, (act, asked, kind, tries, said)) in rows.into_iter().enumerate() {
        all.spawn(async move {
            let fake = Fake::start([act]).await;
            let queue = queue(&fake.impatient(Duration::from_millis(500)).await);
            let error = call(&queue, asked).await.unwrap_err();
            let (chain, tried) = (error.chain(), fake.asked().len());
            let holds = (error.kind(), tried) == (kind, tries)
                && [said, URL].iter().all(|part| chain.contains(part))
                && !chain.contains('\n');
            (!holds)
                .then(|| format!("row {n}, {asked:?}: {:?}, {tried} tries, {chain}", error.kind()))
        });
    }
    let wrong: Vec<_> = all.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_may_pass_is_tried_four_times() {
    use ErrorKind::{Throttled, Unavailable};
    let throttled = || refusal(403, "RequestThrottled", "RequestThrottled", "Slower.");
    let slow_down: &[(&str, &str)] = &[("Retry-After", "1"), ("x-amz-retry-after", "1")];
    let slow_down = Act::Answer(400, slow_down, r#"{"__type":"ThrottlingException"}"#);
    let cut = |bytes| Act::Cut(200, &[], r#"{"Messages":["#, bytes);
    hold(vec![
        (throttled(), Call::Send, Throttled, 4, "RequestThrottled: Slower."),
        (throttled(), Call::Receive, Throttled, 4, "RequestThrottled: Slower."),
        (common(400, "ThrottlingException", "Rate."), Call::Delete, Throttled, 4, "Rate."),
        (slow_down, Call::Depth, Throttled, 4, "ThrottlingException"),
        (common(500, "InternalFailure", ""), Call::Receive, Unavailable, 4, "InternalFailure"),
        (html(500), Call::Send, Unavailable, 4, "HTTP status 500"),
        (html(502), Call::Hide, Unavailable, 4, "HTTP status 502"),
        (common(503, "ServiceUnavailable", ""), Call::Hide, Unavailable, 4, "ServiceUnavailable"),
        (Act::Answer(503, &[], ""), Call::Delete, Unavailable, 4, "HTTP status 503"),
        (common(408, "RequestTimeoutException", ""), Call::Send, Unavailable, 4, "RequestTimeout"),
        (Act::Silence, Call::Send, Unavailable, 4, "timeout"),
        (Act::Silence, Call::Delete, Unavailable, 4, "timeout"),
        (Act::Close, Call::Receive, Unavailable, 4, "AWS_ENDPOINT_URL"),
        (cut(1000), Call::Receive, Unavailable, 4, "HTTP status 200"),
    ])
    .await;
}

#[tokio::test]
async fn what_may_pass_later_is_not_repeated_at_once() {
    use ErrorKind::{Throttled, Unavailable};
    let too_many = refusal(403, "OverLimit", "OverLimit", "Too many messages are in flight.");
    let key = refusal(400, "KmsThrottled", "KMS.ThrottlingException", "Rate of the key.");
    hold(vec![
        (too_many, Call::Receive, Throttled, 1, "OverLimit: Too many"),
        (key, Call::Send, Throttled, 1, "KMS.ThrottlingException: Rate of the key."),
        (common(400, "RequestAbortedException", ""), Call::Send, Unavailable, 1, "Aborted"),
        // No answers of SQS.
        (html(404), Call::Send, Unavailable, 1, "check the network"),
        (html(200), Call::Receive, Unavailable, 1, "no answer of AWS"),
        (html(200), Call::Send, Unavailable, 1, "no answer of AWS"),
        (Act::Answer(200, &[], "{}"), Call::Send, Unavailable, 1, "says nothing of this entry"),
        (Act::Answer(200, &[], "{}"), Call::Delete, Unavailable, 1, "says nothing of this entry"),
    ])
    .await;
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_asked_once() {
    use ErrorKind::{Denied, NotFound};
    let gone = || {
        let code = "AWS.SimpleQueueService.NonExistentQueue";
        refusal(400, "QueueDoesNotExist", code, "It does not exist.")
    };
    let unsigned = |message| common(403, "InvalidSignatureException", message);
    let key = |shape, code| refusal(400, shape, code, "The key.");
    let (late, early) = ("Signature expired: 20200101", "Signature not yet current: 20300101");
    hold(vec![
        (common(403, "AccessDenied", "No."), Call::Send, Denied, 1, "AccessDenied: No."),
        (common(400, "AccessDeniedException", "No."), Call::Receive, Denied, 1, "No."),
        (common(403, "ExpiredToken", ""), Call::Send, Denied, 1, "get new credentials"),
        (common(400, "ExpiredTokenException", ""), Call::Receive, Denied, 1, "new credentials"),
        (common(403, "InvalidClientTokenId", ""), Call::Delete, Denied, 1, "the credentials"),
        (common(400, "UnrecognizedClientException", ""), Call::Hide, Denied, 1, "the credentials"),
        (common(400, "MissingAuthenticationTokenException", ""), Call::Depth, Denied, 1, "Missing"),
        (common(400, "IncompleteSignatureException", ""), Call::Depth, Denied, 1, "Incomplete"),
        (unsigned("It does not match."), Call::Receive, Denied, 1, "check the credentials"),
        (unsigned(late), Call::Receive, Denied, 1, "set this machine's clock"),
        (unsigned(early), Call::Send, Denied, 1, "set this machine's clock"),
        (common(400, "RequestExpired", ""), Call::Send, Denied, 1, "set this machine's clock"),
        (refusal(403, "InvalidSecurity", "InvalidSecurity", ""), Call::Send, Denied, 1, "Security"),
        (key("KmsAccessDenied", "KMS.AccessDeniedException"), Call::Send, Denied, 1, "policy"),
        (key("KmsDisabled", "KMS.DisabledException"), Call::Receive, Denied, 1, "check the key"),
        (key("KmsNotFound", "KMS.NotFoundException"), Call::Send, Denied, 1, "check the key"),
        (key("KmsInvalidState", "KMS.InvalidStateException"), Call::Send, Denied, 1, "the key"),
        (gone(), Call::Send, NotFound, 1, "make the queue"),
        (gone(), Call::Receive, NotFound, 1, "make the queue"),
        (gone(), Call::Depth, NotFound, 1, "make the queue"),
        (common(400, "QueueDoesNotExist", ""), Call::Delete, NotFound, 1, "make the queue"),
        (refusal(400, "InvalidAddress", "InvalidAddress", ""), Call::Send, NotFound, 1, "account"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_said_once() {
    use ErrorKind::{Invalid, LeaseLost};
    let too_long = "AWS.SimpleQueueService.BatchRequestTooLong";
    let too_long = refusal(400, "BatchRequestTooLong", too_long, "Over 1048576 bytes.");
    let invalid = |shape| refusal(400, shape, shape, "");
    let receipt = || refusal(404, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "Not ours.");
    let expired = "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle \
                   has expired.";
    let expired = refusal(400, "InvalidParameterValue", "InvalidParameterValue", expired);
    let in_flight = "AWS.SimpleQueueService.MessageNotInflight";
    hold(vec![
        (too_long, Call::Send, Invalid, 1, "BatchRequestTooLong: Over"),
        (invalid("InvalidMessageContents"), Call::Send, Invalid, 1, "InvalidMessageContents"),
        (invalid("BrandNew"), Call::Receive, Invalid, 1, "BrandNew"),
        (receipt(), Call::Delete, LeaseLost, 1, "ReceiptHandleIsInvalid: Not ours."),
        (receipt(), Call::Hide, LeaseLost, 1, "ReceiptHandleIsInvalid: Not ours."),
        (expired, Call::Hide, LeaseLost, 1, "has expired"),
        (refusal(400, "MessageNotInflight", in_flight, ""), Call::Hide, LeaseLost, 1, "Inflight"),
    ])
    .await;
}

#[tokio::test]
async fn each_entry_of_a_batch_has_a_fate_of_its_own() {
    use ErrorKind::{Denied, Invalid, LeaseLost, Throttled, Unavailable};
    let answer = Act::Answer(
        200,
        &[],
        r#"{"Successful":[{"Id":"0"},{"Id":"nonsense"},{"Id":"99"}],"Failed":[
            {"Id":"1","Code":"InvalidMessageContents","SenderFault":true,"Message":"Bad."},
            {"Id":"2","Code":"InternalError","SenderFault":false},
            {"Id":"3","Code":"BrandNew","SenderFault":false},
            {"Id":"4","Code":"BrandNew","SenderFault":true},
            {"Id":"5","Code":"RequestThrottled","SenderFault":true},
            {"Id":"6","Code":"ReceiptHandleIsInvalid","SenderFault":true},
            {"Id":"7","Code":"AccessDenied","SenderFault":true},
            {"Id":"8","Code":"KMS.DisabledException","SenderFault":true}]}"#,
    );
    let fake = Fake::start([answer]).await;
    let queue = queue(&fake.configuration().await);
    let answers = queue.delete(vec![receipt(); 10]).await;
    let kinds: Vec<_> = answers.iter().map(|a| a.as_ref().err().map(Error::kind)).collect();
    let failed = [Invalid, Unavailable, Unavailable, Invalid, Throttled, LeaseLost, Denied, Denied];
    // The last entry is in neither list.
    let last = Some(Unavailable);
    let expected: Vec<_> = [None].into_iter().chain(failed.map(Some)).chain([last]).collect();
    assert_eq!(kinds, expected);
    assert_eq!(fake.asked().len(), 1, "whoever gave the entries repeats those that may pass");
    let chain = answers[1].as_ref().unwrap_err().chain();
    assert!(chain.contains("InvalidMessageContents: Bad."), "{chain}");
}

#[tokio::test]
async fn the_requests_of_a_long_list_run_at_once_within_bounds() {
    let fake = Fake::start([Act::Silence]).await;
    let queue = queue(&fake.configuration().await);
    let sender = tokio::spawn(async move { queue.send(vec![NewMessage::now("x"); 500]).await });
    fake.wait_for(8).await;
    assert_eq!(fake.asked().len(), 8);
    sender.abort();
}

/// The places in the list that a request was about.
fn places(asked: &Asked) -> HashSet<usize> {
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    let entries = body["Entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["Id"].as_str().unwrap().parse().unwrap()).collect()
}

/// A new queue of the emulator, told by its URL, and itself as it is reached directly.
async fn real(emulator: &Emulator) -> (String, SqsQueue) {
    let client = Client::new(&emulator.configuration().await);
    let made = client.create_queue().queue_name(emulator.name("queue")).send().await.unwrap();
    let url = made.queue_url.unwrap();
    (url.clone(), SqsQueue::new(client, url, Linger::default()))
}

/// The same queue behind a server with this script.
async fn behind(emulator: &Emulator, url: &str, script: Vec<Act>) -> (Fake, SqsQueue) {
    let fake = Fake::before(emulator.url(), script).await;
    let client = Client::new(&fake.configuration().await);
    (fake, SqsQueue::new(client, url, Linger::default()))
}

/// What comes until nothing does: bodies and how often each was received.
async fn drained(queue: &SqsQueue) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    loop {
        let deliveries = queue.receive(RECEIVE).await.unwrap();
        if deliveries.is_empty() {
            return all;
        }
        all.extend(deliveries.into_iter().map(|d| (d.body, d.receive_count)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_fails_fails_its_own_entries_only() {
    let emulator = Emulator::start().await;
    let (url, direct) = real(&emulator).await;
    let denied = common(403, "AccessDenied", "");
    let script = vec![Act::Forward, Act::Forward, denied, Act::Forward];
    let (fake, queue) = behind(&emulator, &url, script).await;
    // One that is refused at once shifts the others.
    let body = |n: usize| if n == 7 { String::new() } else { format!("{n:03}") };
    let answers = queue.send((0..125).map(|n| NewMessage::now(body(n))).collect()).await;

    let asked = fake.asked();
    assert_eq!((answers.len(), asked.len()), (125, 13));
    let denied = places(&asked[2]);
    for (n, answer) in answers.iter().enumerate() {
        let kind = answer.as_ref().err().map(Error::kind);
        let expected = (n == 7)
            .then_some(ErrorKind::Invalid)
            .or_else(|| denied.contains(&n).then_some(ErrorKind::Denied));
        assert_eq!(kind, expected, "{n}");
    }
    let mut came: Vec<_> = drained(&direct).await.into_iter().map(|(body, _)| body).collect();
    came.sort_unstable();
    let sent = (0..125).filter(|n| *n != 7 && !denied.contains(n));
    assert_eq!(came, sent.map(body).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_whose_answer_is_lost_may_come_twice_and_never_not() {
    let emulator = Emulator::start().await;
    let (url, direct) = real(&emulator).await;
    let (fake, queue) = behind(&emulator, &url, vec![Act::Lose, Act::Forward]).await;
    send_one(&queue, "body".to_owned()).await.unwrap();
    assert_eq!(fake.asked().len(), 2);
    let came = drained(&direct).await;
    assert!((1..=2).contains(&came.len()) && came.iter().all(|(body, _)| body == "body"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_whose_answer_is_lost_has_deleted() {
    let emulator = Emulator::start().await;
    let (url, direct) = real(&emulator).await;
    send_one(&direct, "body".to_owned()).await.unwrap();
    let short = Receive { visibility: Duration::from_secs(1), ..RECEIVE };
    let receipt = direct.receive(short).await.unwrap().remove(0).receipt;
    let (fake, queue) = behind(&emulator, &url, vec![Act::Lose, Act::Forward]).await;
    // SQS says yes to the second one, emulators may call its receipt old: the port allows both.
    if let Err(error) = queue.delete(vec![receipt]).await.remove(0) {
        assert_eq!(error.kind(), ErrorKind::LeaseLost, "{}", error.chain());
    }
    assert_eq!(fake.asked().len(), 2);
    let later = Receive { wait: Duration::from_secs(3), ..RECEIVE };
    assert!(direct.receive(later).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_whose_delivery_is_lost_come_again() {
    let emulator = Emulator::start().await;
    let (url, direct) = real(&emulator).await;
    send_one(&direct, "body".to_owned()).await.unwrap();
    let (fake, queue) = behind(&emulator, &url, vec![Act::Lose, Act::Forward]).await;
    let visibility = Duration::from_secs(1);
    let patient = Receive { wait: Duration::from_secs(10), visibility, ..RECEIVE };
    let came = queue.receive(patient).await.unwrap().remove(0);
    assert_eq!((&*came.body, came.receive_count), ("body", 2));
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receive_that_is_dropped_while_it_waits_hides_messages_but_loses_none() {
    let emulator = Emulator::start().await;
    let (url, direct) = real(&emulator).await;
    let (fake, queue) = behind(&emulator, &url, vec![Act::Forward]).await;
    let visibility = Duration::from_secs(2);
    let patient = Receive { wait: Duration::from_secs(10), visibility, ..RECEIVE };
    let dropped = tokio::spawn(async move { queue.receive(patient).await });
    fake.wait_for(1).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    send_one(&direct, "body".to_owned()).await.unwrap();
    let came = direct.receive(patient).await.unwrap().remove(0);
    assert_eq!(came.body, "body");
}

#[tokio::test]
async fn the_hint_of_the_server_is_kept_to() {
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    let throttled = Act::Answer(400, &[("x-amz-retry-after", "900")], throttled);
    let fake = Fake::start([throttled, Act::Answer(200, &[], "{}")]).await;
    let queue = queue(&fake.configuration().await);
    assert!(queue.receive(RECEIVE).await.unwrap().is_empty());
    let asked = fake.asked();
    assert!(asked[1].at - asked[0].at >= Duration::from_millis(900), "the first wait is 100 ms");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_made_up_for_where_the_server_tells_the_time() {
    let skewed = r#"{"__type":"InvalidSignatureException","message":"Signature expired: now"}"#;
    let skewed = Act::Answer(403, &[("Date", "Wed, 01 Jan 2020 00:00:00 GMT")], skewed);
    let fake = Fake::start([skewed, Act::Answer(200, &[], "{}")]).await;
    let queue = queue(&fake.configuration().await);
    assert!(queue.receive(RECEIVE).await.unwrap().is_empty());
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].header("x-amz-date").unwrap().starts_with("20200101T"), "{}", asked[1].head);
}

#[tokio::test]
async fn a_receive_has_the_time_that_it_asks_for() {
    let fake = Fake::start([Act::Silence]).await;
    let queue = queue(&fake.impatient(Duration::from_millis(100)).await);
    let patient = Receive { wait: Duration::from_secs(20), ..RECEIVE };
    let waiting = tokio::time::timeout(Duration::from_secs(1), queue.receive(patient));
    assert!(waiting.await.is_err());
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let nobody = Fake::start([Act::Close]).await.configuration().await;
    let nobody = nobody.into_builder().endpoint_url("http://127.0.0.1:1").build();
    for asked in [Call::Send, Call::Receive] {
        let error = call(&queue(&nobody), asked).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
        assert!(error.chain().contains("check the network"), "{}", error.chain());
    }
}
