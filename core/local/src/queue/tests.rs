//! What this adapter promises beyond the port. The port's own promises are held by the suite, in
//! `tests/conformance.rs`.

use std::time::Duration;

use pixmill_contract::port::{Depth, NewMessage, Receive};
use pixmill_contract::testing::{JumpingClock, PausedClock};
use pixmill_contract::{ErrorKind, Queue as _, WorkerId};
use tempfile::TempDir;

use super::*;

const RECEIVE: Receive =
    Receive { max: 10, wait: Duration::ZERO, visibility: Duration::from_secs(30) };

struct Fixture {
    queue: SqliteQueue,
    file: Arc<QueueFile>,
    directory: TempDir,
}

fn fixture(settings: QueueSettings) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queue.sqlite");
    let clock = Arc::new(PausedClock::new());
    let file = QueueFile::open(&path, clock, Durability::Process).unwrap();
    Fixture { queue: file.queue("jobs", settings).unwrap(), file, directory }
}

async fn send(queue: &SqliteQueue, bodies: &[&str]) {
    let messages = bodies.iter().map(|body| NewMessage::now(*body)).collect();
    assert!(queue.send(messages).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_stale_receipt_is_refused_and_touches_nothing() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    send(&queue, &["a"]).await;
    let old = queue.receive(RECEIVE).await.unwrap().remove(0).receipt;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let new = queue.receive(RECEIVE).await.unwrap().remove(0).receipt;

    let lost = |answers: Vec<Result<()>>| answers[0].as_ref().unwrap_err().kind();
    assert_eq!(lost(queue.delete(vec![old.clone()]).await), ErrorKind::LeaseLost);
    let released = queue.change_visibility(vec![(old, Duration::ZERO)]).await;
    assert_eq!(lost(released), ErrorKind::LeaseLost);
    assert_eq!(queue.receive(RECEIVE).await.unwrap(), [], "the new delivery is still hidden");
    assert!(queue.delete(vec![new.clone()]).await[0].is_ok());
    assert_eq!(lost(queue.delete(vec![new]).await), ErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn what_was_hidden_by_a_clock_that_was_ahead_is_there_when_it_is_set_right() {
    let directory = tempfile::tempdir().unwrap();
    let clock = JumpingClock::new(PausedClock::new());
    let open = || {
        let path = directory.path().join("queue.sqlite");
        QueueFile::open(&path, Arc::new(clock.clone()), Durability::Process).unwrap()
    };
    let [queue, other] =
        [open(), open()].map(|file| file.queue("jobs", QueueSettings::default()).unwrap());
    send(&queue, &["a"]).await;
    let hour = 3_600_000;
    clock.set_error(hour);
    let ahead = queue.receive(RECEIVE).await.unwrap().remove(0).receipt;
    assert_eq!(other.receive(RECEIVE).await.unwrap(), []);
    clock.set_error(-1000);
    let again = queue.receive(RECEIVE).await.unwrap();
    assert_eq!(again.len(), 1, "it would be hidden for an hour");
    assert!(queue.delete(vec![ahead]).await[0].is_err(), "it is somebody else's");
    for queue in [&queue, &other] {
        assert_eq!(queue.receive(RECEIVE).await.unwrap(), [], "a clock that stands right hides it");
    }

    clock.set_error(hour);
    tokio::time::sleep(RECEIVE.visibility * 4).await;
    assert_eq!(queue.receive(RECEIVE).await.unwrap().len(), 1);
    clock.set_error(0);
    let queue = open().queue("jobs", QueueSettings::default()).unwrap();
    assert_eq!(queue.receive(RECEIVE).await.unwrap().len(), 1, "also for who opens it then");
}

#[tokio::test(start_paused = true)]
async fn who_counts_brings_back_what_a_clock_that_was_ahead_has_hidden() {
    let directory = tempfile::tempdir().unwrap();
    let clock = JumpingClock::new(PausedClock::new());
    let path = directory.path().join("queue.sqlite");
    let file = QueueFile::open(&path, Arc::new(clock.clone()), Durability::Process).unwrap();
    let queue = file.queue("jobs", QueueSettings::default()).unwrap();
    clock.set_error(3_600_000);
    send(&queue, &["a"]).await;
    clock.set_error(0);
    assert_eq!(queue.depth().await.unwrap().visible, 1, "no worker is started for what is hidden");
}

#[tokio::test(start_paused = true)]
async fn an_expired_delivery_can_be_renewed_and_deleted_until_the_next_one() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    send(&queue, &["a"]).await;
    let receipt = queue.receive(RECEIVE).await.unwrap().remove(0).receipt;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let renewed = queue.change_visibility(vec![(receipt.clone(), RECEIVE.visibility)]).await;
    assert!(renewed[0].is_ok());
    assert_eq!(queue.receive(RECEIVE).await.unwrap(), []);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(queue.delete(vec![receipt]).await[0].is_ok());
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn a_dead_holders_deliveries_are_released_and_keep_their_counts() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    let (dead, alive) = (WorkerId::new("dead").unwrap(), WorkerId::new("alive").unwrap());
    send(&queue, &["a", "b", "c"]).await;
    let one = Receive { max: 1, ..RECEIVE };
    let two = Receive { max: 2, ..RECEIVE };
    queue.with_holder(alive.clone()).receive(one).await.unwrap();
    queue.with_holder(dead.clone()).receive(two).await.unwrap();
    assert_eq!(queue.held().await.unwrap(), [(alive.clone(), 1), (dead.clone(), 2)]);

    assert_eq!(queue.release_held_by(&dead).await.unwrap(), 2);
    let again = queue.receive(RECEIVE).await.unwrap();
    assert_eq!(again.iter().map(|d| d.receive_count).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(queue.release_held_by(&dead).await.unwrap(), 0);
    assert_eq!(queue.release_all().await.unwrap(), 3);
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 3, ..Depth::default() });
}

#[tokio::test(start_paused = true)]
async fn queues_of_one_file_know_nothing_of_each_other() {
    let Fixture { queue, file, directory: _directory } = fixture(QueueSettings::default());
    let other = file.queue("replies-x", QueueSettings::default()).unwrap();
    send(&queue, &["a", "b"]).await;
    send(&other, &["c"]).await;
    let receipt = queue.receive(RECEIVE).await.unwrap().remove(0).receipt;
    let answer = other.delete(vec![receipt]).await.remove(0);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::LeaseLost);
    assert_eq!(queue.purge().await.unwrap(), 2);
    assert_eq!(queue.depth().await.unwrap().total(), 0);
    assert_eq!(other.depth().await.unwrap().visible, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_retention_is_dropped_and_not_delivered() {
    let retention = Some(Duration::from_mins(1));
    let settings = QueueSettings { retention, ..QueueSettings::default() };
    let Fixture { queue, directory: _directory, .. } = fixture(settings);
    send(&queue, &["old", "older"]).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    send(&queue, &["new"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = queue.receive(RECEIVE).await.unwrap();
    assert_eq!(left.iter().map(|d| d.body.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(queue.depth().await.unwrap(), Depth { in_flight: 1, ..Depth::default() });
}

#[tokio::test(start_paused = true)]
async fn what_sqs_would_refuse_is_refused() {
    let Fixture { queue, file, directory: _directory } = fixture(QueueSettings::default());
    let body = |text: &str| NewMessage::now(text);
    let late = NewMessage { delay: Duration::from_secs(901), ..body("a") };
    let long = "x".repeat(MAX_BODY_BYTES + 1);
    let messages = vec![body(""), body("a\0"), body("a\u{ffff}"), body(&long), late, body("ok")];
    let kinds: Vec<_> =
        queue.send(messages).await.into_iter().map(|a| a.err().map(|e| e.kind())).collect();
    let invalid = Some(ErrorKind::Invalid);
    assert_eq!(kinds, [invalid, invalid, invalid, invalid, invalid, None]);

    let nothing = Receive { max: 0, ..RECEIVE };
    let waits = Receive { wait: Duration::from_secs(21), ..RECEIVE };
    let hides = Receive { visibility: MAX_VISIBILITY + Duration::from_secs(1), ..RECEIVE };
    for request in [nothing, waits, hides] {
        assert_eq!(queue.receive(request).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    for name in ["", "a/b", "a.fifo", &"x".repeat(81)] {
        let error = file.queue(name, QueueSettings::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name:?}");
    }
    let useless = QueueSettings { dead_letter: Some("dead".into()), ..QueueSettings::default() };
    assert_eq!(file.queue("jobs", useless).unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn the_file_is_used_again_after_it_was_drained() {
    let Fixture { queue, directory, .. } = fixture(QueueSettings::default());
    let body = "x".repeat(1000);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        send(&queue, &vec![body.as_str(); 10_000]).await;
        sizes.push(std::fs::metadata(directory.path().join("queue.sqlite")).unwrap().len());
        assert_eq!(queue.purge().await.unwrap(), 10_000);
    }
    // The first round is still in the log.
    assert!(sizes[3] <= sizes[1] + sizes[1] / 10, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_receives_of_one_process_take_turns_watching() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    let patient = Receive { wait: Duration::from_secs(20), max: 1, ..RECEIVE };
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.receive(patient).await.unwrap().len() })
        })
        .collect();
    // Whichever of them watches, the others must not miss anything when it goes.
    for (n, waiter) in waiting.into_iter().enumerate() {
        if n == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            waiter.abort();
            continue;
        }
        send(&queue, &["a"]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(queue.depth().await.unwrap().visible, 0, "somebody was woken");
        drop(waiter);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_an_outage_that_passes() {
    let Fixture { queue, file, directory: _directory } = fixture(QueueSettings::default());
    let limit = |pages: u32| {
        let work = move |c: &mut rusqlite::Connection| {
            c.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        file.database.write("limit the file", work)
    };
    limit(10).await.unwrap();
    let messages = || vec![NewMessage::now("x".repeat(100_000)), NewMessage::now("")];
    let answers = queue.send(messages()).await;
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().kind()).collect();
    assert_eq!(kinds, [ErrorKind::Unavailable, ErrorKind::Invalid]);
    assert_eq!(queue.depth().await.unwrap(), Depth::default());

    limit(1_000_000).await.unwrap();
    assert!(queue.send(messages()).await[0].is_ok());
    assert_eq!(queue.depth().await.unwrap().visible, 1);
}

#[test]
#[ignore = "root may write anywhere, so this is only for other users"]
fn a_directory_that_cannot_be_written_to_is_denied() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let read_only = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(directory.path(), read_only).unwrap();
    let clock = Arc::new(PausedClock::new());
    let path = directory.path().join("queue.sqlite");
    let error = QueueFile::open(&path, clock, Durability::Process).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

/// As a worker that has prefetched.
async fn three_in_hand(queue: &SqliteQueue) -> Vec<Receipt> {
    send(queue, &["a", "b", "c"]).await;
    let deliveries = queue.receive(RECEIVE).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.receipt).collect()
}

async fn delete(queue: &SqliteQueue, receipt: &Receipt) -> Result<Duration> {
    let begun = Instant::now();
    queue.delete(vec![receipt.clone()]).await.remove(0)?;
    Ok(begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_delete_waits_for_company_while_more_is_in_hand_and_not_for_long() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    let receipts = three_in_hand(&queue).await;
    assert_eq!(delete(&queue, &receipts[0]).await.unwrap(), group::LINGER);
    let both = tokio::join!(delete(&queue, &receipts[1]), send(&queue, &["d"]));
    assert_eq!(both.0.unwrap(), Duration::ZERO, "it goes with the next write");
    assert_eq!(delete(&queue, &receipts[2]).await.unwrap(), Duration::ZERO, "it is the last one");
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 1, in_flight: 0, delayed: 0 });
}

#[tokio::test(start_paused = true)]
async fn what_was_received_before_is_deleted_at_once() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    let receipts = three_in_hand(&queue).await;
    let let_go = receipts.into_iter().map(|receipt| (receipt, Duration::ZERO));
    queue.change_visibility(let_go.collect()).await;
    let again = queue.receive(RECEIVE).await.unwrap();
    assert_eq!(delete(&queue, &again[0].receipt).await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_company_once_there_is_nothing_to_receive() {
    let Fixture { queue, directory: _directory, .. } = fixture(QueueSettings::default());
    let receipts = three_in_hand(&queue).await;
    assert_eq!(queue.receive(RECEIVE).await.unwrap(), []);
    assert_eq!(delete(&queue, &receipts[0]).await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_the_only_job_in_hand_is_sent_at_once() {
    let Fixture { queue, file, directory: _directory } = fixture(QueueSettings::default());
    let settings = QueueSettings { unhurried: true, ..QueueSettings::default() };
    let replies = file.queue("replies-test", settings).unwrap();
    let begun = Instant::now();
    send(&queue, &["a"]).await;
    queue.receive(Receive { max: 1, ..RECEIVE }).await.unwrap();
    send(&replies, &["ended"]).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    three_in_hand(&queue).await;
    send(&replies, &["ended"]).await;
    assert_eq!(begun.elapsed(), group::LINGER);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_company_is_told_if_it_cannot_be_written() {
    let Fixture { queue, directory, .. } = fixture(QueueSettings::default());
    let receipts = three_in_hand(&queue).await;
    let path = directory.path().join("queue.sqlite");
    let remove = async { std::fs::remove_file(path).unwrap() };
    let (deleted, ()) = tokio::join!(delete(&queue, &receipts[0]), remove);
    assert_eq!(deleted.unwrap_err().kind(), ErrorKind::Unavailable);
}
