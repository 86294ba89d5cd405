//! What S3 can answer, row by row of the table of errors, and what becomes of it.

use std::time::Duration;

use pixmill_aws::S3Store;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, ObjectStore};
use tokio::task::JoinSet;

use crate::emulator::Emulator;
use crate::fake::{Act, Fake};

#[derive(Debug, Clone, Copy)]
enum Call {
    Head,
    Get,
    GetIfMatch,
    Put,
    PutIfAbsent,
    PutIfMatch,
    List,
    Delete,
}

fn put(key: &str, condition: Condition) -> Put {
    let payload = Payload::Bytes(b"bytes".to_vec());
    let key = Key::new(key).unwrap();
    Put { key, payload, media_type: "image/png", condition, owner: None }
}

async fn call(store: &S3Store, call: Call) -> Result<(), Error> {
    let (key, etag) = (Key::new("a/b").unwrap(), Etag("etag".into()));
    match call {
        Call::Head => store.head(&key).await.map(drop),
        Call::Get => store.get(&key, None).await?.bytes().await.map(drop),
        Call::GetIfMatch => store.get(&key, Some(&etag)).await?.bytes().await.map(drop),
        Call::Put => store.put(put("a/b", Condition::Always)).await.map(drop),
        Call::PutIfAbsent => store.put(put("a/b", Condition::IfAbsent)).await.map(drop),
        Call::PutIfMatch => store.put(put("a/b", Condition::IfMatch(etag))).await.map(drop),
        Call::List => store.list("a/", None).await.map(drop),
        Call::Delete => store.delete(&key).await,
    }
}

/// One answer for ever: the call, what it fails with, how often it is tried, and what is said.
type Row = (Act, Call, ErrorKind, usize, &'static str);

fn xml(status: u16, code: &'static str) -> Act {
    let body = match code {
        "SlowDown" => "<Error><Code>SlowDown</Code><Message>Reduce.</Message></Error>",
        "InternalError" => "<Error><Code>InternalError</Code></Error>",
        "ConditionalRequestConflict" => "<Error><Code>ConditionalRequestConflict</Code></Error>",
        "PreconditionFailed" => "<Error><Code>PreconditionFailed</Code></Error>",
        "NoSuchKey" => "<Error><Code>NoSuchKey</Code><Message>Nothing.</Message></Error>",
        "NoSuchBucket" => "<Error><Code>NoSuchBucket</Code><Message>Nothing.</Message></Error>",
        "AccessDenied" => "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>",
        "PermanentRedirect" => "<Error><Code>PermanentRedirect</Code></Error>",
        "AuthorizationHeaderMalformed" => {
            "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
        }
        "ExpiredToken" => "<Error><Code>ExpiredToken</Code></Error>",
        "InvalidAccessKeyId" => "<Error><Code>InvalidAccessKeyId</Code></Error>",
        "SignatureDoesNotMatch" => "<Error><Code>SignatureDoesNotMatch</Code></Error>",
        "RequestTimeout" => "<Error><Code>RequestTimeout</Code></Error>",
        "BrandNew" => "<Error><Code>BrandNew</Code><Message>Never seen.</Message></Error>",
        _ => panic!("{code} has no body here"),
    };
    Act::Answer(status, &[("Content-Type", "application/xml")], body)
}

fn bare(status: u16) -> Act {
    Act::Answer(status, &[], "")
}

const HTML: Act = Act::Answer(500, &[("Content-Type", "text/html")], "<html><h1>Oops</h1>");

/// Every row against a server of its own, all at once: most of their time is waiting.
async fn hold(rows: Vec<Row>) {
    let mut all = JoinSet::new();
    for (n, (act, asked, kind, tries, said)) in rows.into_iter().enumerate() {
        all.spawn(async move {
            let fake = Fake::start([act]).await;
            let store = S3Store::new(&fake.configuration().await, "bucket");
            let error = call(&store, asked).await.unwrap_err();
            let (chain, tried) = (error.chain(), fake.asked().len());
            let holds = (error.kind(), tried) == (kind, tries)
                && chain.contains(said)
                && !chain.contains('\n')
                && (chain.contains("s3://bucket/a/") || chain.contains("body"));
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
    let cut = Act::Cut(200, &[("ETag", "\"e\"")], "<ListBucketResult>", 1000);
    hold(vec![
        (xml(503, "SlowDown"), Call::Get, Throttled, 4, "SlowDown: Reduce."),
        (bare(429), Call::Get, Throttled, 1, "HTTP status 429"),
        (xml(500, "InternalError"), Call::List, Unavailable, 4, "InternalError"),
        (HTML, Call::List, Unavailable, 4, "HTTP status 500"),
        (bare(502), Call::Get, Unavailable, 4, "HTTP status 502"),
        (bare(503), Call::Head, Unavailable, 4, "HTTP status 503"),
        (bare(503), Call::Delete, Unavailable, 4, "HTTP status 503"),
        (xml(400, "RequestTimeout"), Call::Put, Unavailable, 4, "RequestTimeout"),
        (Act::Close, Call::Get, Unavailable, 4, "AWS_ENDPOINT_URL"),
        (cut, Call::List, Unavailable, 4, "HTTP status 200"),
        (Act::Raw(b"SSH-2.0-OpenSSH\r\n"), Call::Get, Unavailable, 1, "AWS_ENDPOINT_URL"),
    ])
    .await;
}

#[tokio::test]
async fn what_cannot_pass_is_asked_once() {
    use ErrorKind::{AlreadyExists, Changed, Denied, Invalid, NotFound};
    let redirect = Act::Answer(301, &[("x-amz-bucket-region", "eu-west-1")], "");
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>Far.</Message></Error>";
    hold(vec![
        (xml(404, "NoSuchKey"), Call::Get, NotFound, 1, "NoSuchKey: Nothing."),
        (bare(404), Call::Head, NotFound, 1, "NotFound"),
        (xml(403, "AccessDenied"), Call::Get, Denied, 1, "AccessDenied: No."),
        (bare(403), Call::Head, Denied, 1, "HTTP status 403"),
        (xml(404, "NoSuchBucket"), Call::Get, Denied, 1, "make the bucket"),
        (xml(404, "NoSuchBucket"), Call::Put, Denied, 1, "make the bucket"),
        (xml(404, "NoSuchBucket"), Call::Delete, Denied, 1, "make the bucket"),
        (redirect, Call::Head, Denied, 1, "set AWS_REGION to eu-west-1"),
        (xml(301, "PermanentRedirect"), Call::Get, Denied, 1, "set AWS_REGION"),
        (xml(400, "AuthorizationHeaderMalformed"), Call::Get, Denied, 1, "set AWS_REGION"),
        (xml(400, "ExpiredToken"), Call::Get, Denied, 1, "get new credentials"),
        (xml(403, "InvalidAccessKeyId"), Call::Get, Denied, 1, "check the credentials"),
        (xml(403, "SignatureDoesNotMatch"), Call::Get, Denied, 1, "check the credentials"),
        (Act::Answer(403, &[], skewed), Call::Get, Denied, 1, "set this machine's clock"),
        (xml(412, "PreconditionFailed"), Call::GetIfMatch, Changed, 1, "PreconditionFailed"),
        // A write that seems to have lost asks who won.
        (xml(412, "PreconditionFailed"), Call::PutIfAbsent, AlreadyExists, 2, "Precondition"),
        (xml(412, "PreconditionFailed"), Call::PutIfMatch, Changed, 2, "Precondition"),
        (xml(404, "NoSuchKey"), Call::PutIfMatch, Changed, 2, "NoSuchKey"),
        (xml(400, "BrandNew"), Call::Get, Invalid, 1, "BrandNew: Never seen."),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_is_not_one_of_s3_is_no_success() {
    use ErrorKind::Unavailable;
    let garbage = Act::Answer(200, &[("Content-Type", "text/html")], "<html>Log in</html>");
    let checksum: &[(&str, &str)] = &[("ETag", "\"e\""), ("x-amz-checksum-crc32", "AAAAAA==")];
    let endless = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
    let etag: &[(&str, &str)] = &[("ETag", "\"e\"")];
    hold(vec![
        (garbage.clone(), Call::List, Unavailable, 1, "no answer of AWS"),
        (garbage.clone(), Call::Put, Unavailable, 1, "names no etag"),
        (garbage.clone(), Call::Get, Unavailable, 1, "names no etag"),
        (garbage, Call::Head, Unavailable, 1, "names no etag"),
        (Act::Answer(200, &[], endless), Call::List, Unavailable, 1, "not the last"),
        (Act::Answer(200, checksum, "bytes"), Call::Get, Unavailable, 1, "checksum"),
        (Act::Cut(200, etag, "byt", 5), Call::Get, Unavailable, 1, "body"),
    ])
    .await;
}

#[tokio::test]
async fn a_conflict_of_conditional_writes_is_repeated_until_one_has_won() {
    let conflict = || xml(409, "ConditionalRequestConflict");
    let won = Act::Answer(200, &[("ETag", "\"e\"")], "");
    let fake = Fake::start([conflict(), conflict(), won]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    assert_eq!(store.put(put("a", Condition::IfAbsent)).await.unwrap(), Etag("e".into()));
    assert_eq!(fake.asked().len(), 3);

    let fake = Fake::start([conflict(), conflict(), conflict(), conflict(), bare(404)]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    let error = store.put(put("a", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

#[tokio::test]
async fn a_lost_write_whose_winner_cannot_be_seen_is_undecided() {
    let fake = Fake::start([xml(412, "PreconditionFailed"), bare(503)]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    let error = store.put(put("a", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

#[tokio::test]
async fn the_hint_of_the_server_is_kept_to() {
    let headers: &[(&str, &str)] = &[("x-amz-retry-after", "900")];
    let body = "<Error><Code>SlowDown</Code></Error>";
    let won = Act::Answer(204, &[], "");
    let fake = Fake::start([Act::Answer(503, headers, body), won]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    store.delete(&Key::new("a").unwrap()).await.unwrap();
    let asked = fake.asked();
    assert!(asked[1].at - asked[0].at >= Duration::from_millis(900), "the first wait is 100 ms");
}

#[tokio::test]
async fn a_try_without_an_answer_ends_with_its_deadline() {
    let won = Act::Answer(200, &[("ETag", "\"e\"")], "");
    let fake = Fake::start([Act::Silence, won.clone()]).await;
    let store = S3Store::new(&fake.impatient(Duration::from_millis(200)).await, "bucket");
    store.put(put("a", Condition::Always)).await.unwrap();
    assert_eq!(fake.asked().len(), 2);

    // 64 KB have two seconds more.
    let fake = Fake::start([Act::Silence, won]).await;
    let store = S3Store::new(&fake.impatient(Duration::from_millis(100)).await, "bucket");
    let payload = Payload::Bytes(vec![0; 64 << 10]);
    let slow = store.put(Put { payload, ..put("a", Condition::Always) });
    assert!(tokio::time::timeout(Duration::from_secs(1), slow).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let nobody = Fake::start([Act::Close]).await.configuration().await;
    for url in ["http://127.0.0.1:1", "http://nowhere.invalid"] {
        let configuration = nobody.clone().into_builder().endpoint_url(url).build();
        let error = call(&S3Store::new(&configuration, "bucket"), Call::Head).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
        assert!(error.chain().contains("check the network"), "{}", error.chain());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conditional_write_whose_answer_is_lost_has_won_all_the_same() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let open = async |script: Vec<Act>| {
        let fake = Fake::before(emulator.url(), script).await;
        let store = S3Store::new(&fake.configuration().await, &*bucket);
        (fake, store)
    };
    let (fake, store) = open(vec![Act::Lose, Act::Forward]).await;
    let etag = store.put(put("created", Condition::IfAbsent)).await.unwrap();
    assert_eq!(fake.asked().len(), 3, "it is written, repeated, and looked at");
    assert_eq!(store.head(&Key::new("created").unwrap()).await.unwrap().etag, etag);

    let (_fake, store) = open(vec![Act::Lose, Act::Forward]).await;
    let replace = Put {
        payload: Payload::Bytes(b"other".to_vec()),
        ..put("created", Condition::IfMatch(etag.clone()))
    };
    let other = store.put(replace).await.unwrap();
    assert_ne!(other, etag);

    // Somebody else's is not taken for one's own.
    let error = store.put(put("created", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = store.put(put("created", Condition::IfMatch(etag))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_in_parts_with_checksums_and_under_its_condition() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let path = emulator.directory().join("large");
    std::fs::write(&path, vec![7; (32 << 20) + 1]).unwrap();
    let large = |condition| Put { payload: Payload::File(path.clone()), ..put("large", condition) };

    // Begun, three parts of which one is repeated, completed without an answer.
    let script = [Act::Forward, Act::Close, Act::Forward, Act::Forward, Act::Forward, Act::Lose];
    let script: Vec<_> = script.into_iter().chain([Act::Forward]).collect();
    let fake = Fake::before(emulator.url(), script).await;
    let store = S3Store::new(&fake.configuration().await, &*bucket);
    let etag = store.put(large(Condition::IfAbsent)).await.unwrap();
    let asked = fake.asked();
    let lines: Vec<_> = asked.iter().map(crate::scripted::Asked::line).collect();
    assert_eq!(asked[0].header("x-amz-checksum-algorithm"), Some("CRC32"), "{lines:?}");
    let with_checksum = |n: usize| {
        let head = &asked[n].head.to_lowercase();
        head.contains("x-amz-checksum-crc32") || head.contains("x-amz-trailer")
    };
    assert!((1..=4).all(with_checksum), "{lines:?}");
    let completion = String::from_utf8_lossy(&asked[5].body).into_owned();
    assert!(completion.contains("<ChecksumCRC32>"), "{completion}");
    assert_eq!(asked[5].header("if-none-match"), Some("*"));
    let meta = store.head(&Key::new("large").unwrap()).await.unwrap();
    assert_eq!((meta.size, meta.etag), ((32 << 20) + 1, etag));

    // What failed is not left behind, and an upload that was cleaned up is no object of others.
    let gone = "<Error><Code>NoSuchUpload</Code></Error>";
    let gone = Act::Answer(404, &[], gone);
    let fake = Fake::before(emulator.url(), vec![Act::Forward, gone, Act::Forward]).await;
    let store = S3Store::new(&fake.configuration().await, &*bucket);
    let error = store.put(large(Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    let last = fake.asked().pop().unwrap();
    assert!(last.line().starts_with("DELETE"), "{}", last.line());
}

#[tokio::test]
async fn a_missing_file_is_not_an_object_of_somebody_else() {
    let fake = Fake::start([Act::Close]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    let payload = Payload::File("/nowhere/at/all".into());
    let missing = Put { payload, ..put("a", Condition::IfAbsent) };
    let error = store.put(missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.chain().contains("/nowhere/at/all"));
    assert!(fake.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_with_any_characters_survive_the_wire() {
    let emulator = Emulator::start().await;
    let configuration = emulator.configuration().await;
    let store = S3Store::new(&configuration, emulator.bucket().await);
    let mut keys = vec![
        "k/a b",
        "k/a+b",
        "k/a%20b",
        "k/a%2Fb",
        "k/ö…/日本",
        "k/...",
        "k/..a",
        "k/a&b=c?d#e",
        "k/~!@$*()',;:",
        "k/<x>\"'",
        "k/a\\b",
    ];
    keys.sort_unstable();
    for key in &keys {
        store.put(put(key, Condition::IfAbsent)).await.unwrap();
        let key = Key::new(*key).unwrap();
        assert_eq!(store.get(&key, None).await.unwrap().bytes().await.unwrap(), b"bytes");
    }
    let listed = store.list("k/", None).await.unwrap();
    assert_eq!(listed.iter().map(|line| line.key.as_str()).collect::<Vec<_>>(), keys);
    for key in keys {
        store.delete(&Key::new(key).unwrap()).await.unwrap();
    }
    assert!(store.list("k/", None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_link_is_valid_as_long_as_asked_or_refused() {
    let fake = Fake::start([Act::Close]).await;
    let store = S3Store::new(&fake.configuration().await, "bucket");
    let key = Key::new("a b+c").unwrap();
    let link = store.link(&key, Duration::from_hours(7 * 24)).await.unwrap();
    assert!(link.contains("/bucket/a%20b%2Bc?") && link.contains("X-Amz-Expires=604800"), "{link}");
    let error = store.link(&key, Duration::from_hours(8 * 24)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
