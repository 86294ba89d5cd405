//! Each wrong world by itself, and what is said of it.

use pixmill_aws::Redrive;
use pixmill_aws::doctor::Answers;
use pixmill_contract::ErrorKind;

use super::super::finding::Status;
use super::*;

fn queue(name: &str, redrive: Option<Redrive>) -> QueueFacts {
    let attributes = QueueAttributes {
        url: format!("https://sqs.eu-west-1.amazonaws.com/1/{name}"),
        arn: format!("arn:aws:sqs:eu-west-1:1:{name}"),
        retention_seconds: if redrive.is_some() { 345_600 } else { LONGEST_RETENTION_SECONDS },
        visibility_seconds: 30,
        messages: 0,
        redrive,
    };
    QueueFacts {
        name: name.to_owned(),
        elsewhere: None,
        is_fifo: false,
        attributes: Ok(attributes),
        permissions: vec![("SendMessage", Ok(())), ("ReceiveMessage", Ok(()))],
    }
}

fn healthy() -> Facts {
    let redrive = Redrive { queue: "dead".to_owned(), max_receive_count: 20 };
    let more = BucketMore {
        put: Ok(()),
        get: Ok(()),
        delete: Ok(()),
        public_policy: Ok(false),
        public_acl: Ok(false),
        is_blocked: Ok(false),
    };
    let bucket =
        BucketFacts { name: "pictures".into(), is_name: true, list: Ok(()), more: Some(more) };
    let (jobs, dead) = (queue("jobs", Some(redrive)), queue("dead", None));
    let answers = Answers { bucket, jobs, dead_letters: Some(dead) };
    Facts { region: Some("eu-west-1".into()), credentials: Ok(()), answers: Some(answers) }
}

fn refusal(code: &str) -> Refusal {
    let (kind, code) = (ErrorKind::Denied, Some(code.to_owned()));
    Refusal { kind, code, region: None, is_answer: true, said: "no".to_owned() }
}

/// What is found wrong: the check, how bad, and what mends it.
fn wrong(change: impl FnOnce(&mut Answers)) -> Vec<(String, Status, String)> {
    let mut facts = healthy();
    change(facts.answers.as_mut().unwrap());
    of(&facts)
}

fn of(facts: &Facts) -> Vec<(String, Status, String)> {
    let found = findings(facts, "--backend aws").into_iter();
    let found = found.filter(|finding| finding.status != Status::Ok);
    found.map(|f| (f.check, f.status, f.fix.unwrap_or_default())).collect()
}

#[track_caller]
fn assert_one(found: &[(String, Status, String)], check: &str, status: Status, fix: &str) {
    let [one] = found else { panic!("not one finding: {found:?}") };
    assert_eq!((one.0.as_str(), one.1), (check, status));
    assert!(one.2.contains(fix), "{fix:?} is not in {:?}", one.2);
}

fn attributes(change: impl FnOnce(&mut QueueAttributes)) -> impl FnOnce(&mut Answers) {
    |answers| change(answers.jobs.attributes.as_mut().unwrap())
}

fn of_dead(change: impl FnOnce(&mut QueueAttributes)) -> impl FnOnce(&mut Answers) {
    |answers| change(answers.dead_letters.as_mut().unwrap().attributes.as_mut().unwrap())
}

fn more(change: impl FnOnce(&mut BucketMore)) -> impl FnOnce(&mut Answers) {
    |answers| change(answers.bucket.more.as_mut().unwrap())
}

#[test]
fn a_healthy_world_is_left_alone() {
    assert_eq!(wrong(|_| ()), []);
}

#[test]
fn without_a_region_or_credentials_nothing_is_asked() {
    let nothing = Facts { region: None, answers: None, ..healthy() };
    assert_one(&of(&nothing), "region", Status::Error, "AWS_REGION");
    let nothing = Facts { credentials: Err(refusal("")), answers: None, ..healthy() };
    assert_one(&of(&nothing), "credentials", Status::Error, "aws configure");
}

#[test]
fn what_is_wrong_with_every_question_is_said_once() {
    for (code, check, fix) in [
        ("ExpiredToken", "credentials", "expired"),
        ("InvalidClientTokenId", "credentials", "does not know"),
        ("RequestTimeTooSkewed", "clock", "set-ntp"),
    ] {
        let found = wrong(|answers| {
            answers.bucket.list = Err(refusal(code));
            answers.bucket.more = None;
            answers.jobs.attributes = Err(refusal(code));
        });
        assert_one(&found, check, Status::Error, fix);
    }
    let silence = || Refusal { is_answer: false, code: None, ..refusal("") };
    let found = wrong(|answers| {
        (answers.bucket.list, answers.bucket.more) = (Err(silence()), None);
        (answers.jobs.attributes, answers.dead_letters) = (Err(silence()), None);
    });
    assert_one(&found, "network", Status::Error, "check the network");
}

#[test]
fn a_bucket_that_is_missing_elsewhere_or_closed_is_told_apart() {
    let refused = |refusal: Refusal| {
        wrong(|answers| (answers.bucket.list, answers.bucket.more) = (Err(refusal), None))
    };
    assert_one(
        &refused(refusal("NoSuchBucket")),
        "bucket",
        Status::Error,
        "aws s3 mb s3://pictures",
    );
    let there = Refusal { region: Some("us-east-2".into()), ..refusal("PermanentRedirect") };
    assert_one(&refused(there), "bucket", Status::Error, "AWS_REGION=us-east-2");
    let closed = wrong(|answers| {
        answers.bucket.list = Err(refusal("AccessDenied"));
        let more = answers.bucket.more.as_mut().unwrap();
        let no = || Err(refusal("AccessDenied"));
        (more.put, more.get, more.delete) = (no(), no(), no());
    });
    assert_one(&closed, "bucket", Status::Error, "s3:GetObject");
    let found = wrong(|answers| answers.bucket.is_name = false);
    assert_one(&found, "bucket", Status::Error, "--bucket");
}

#[test]
fn a_permission_that_is_missing_is_named_with_what_it_is_for() {
    let no = || Err(refusal("AccessDenied"));
    let found = wrong(more(|more| more.put = no()));
    assert_one(&found, "s3:PutObject", Status::Error, "arn:aws:s3:::pictures/*");
    let found = wrong(more(|more| more.delete = no()));
    assert_one(&found, "s3:DeleteObject", Status::Warning, "arn:aws:s3:::pictures/*");
    let found = wrong(|answers| answers.bucket.list = no());
    assert_one(&found, "s3:ListBucket", Status::Error, "arn:aws:s3:::pictures in");
    let found = wrong(|answers| answers.jobs.permissions[1].1 = no());
    assert_one(&found, "sqs:ReceiveMessage on jobs", Status::Error, "sqs:eu-west-1:*:jobs");
    let found = wrong(|answers| answers.jobs.attributes = Err(refusal("AccessDenied")));
    assert_one(&found, JOBS, Status::Error, "sqs:GetQueueAttributes");
}

#[test]
fn a_public_bucket_is_a_warning_unless_it_is_blocked() {
    let found = wrong(more(|more| more.public_policy = Ok(true)));
    assert_one(&found, "public access", Status::Warning, "put-public-access-block");
    let found = wrong(more(|more| more.public_acl = Ok(true)));
    assert_one(&found, "public access", Status::Warning, "put-public-access-block");
    let found = wrong(more(|more| (more.public_policy, more.is_blocked) = (Ok(true), Ok(true))));
    assert_eq!(found, []);
    let found = wrong(more(|more| more.public_policy = Err(refusal("AccessDenied"))));
    assert_one(&found, "public access", Status::Unknown, "");
}

#[test]
fn queues_that_cannot_be_used_are_errors() {
    let missing = refusal("AWS.SimpleQueueService.NonExistentQueue");
    let found = wrong(|answers| answers.jobs.attributes = Err(missing.clone()));
    assert_one(&found, JOBS, Status::Error, "aws sqs create-queue --queue-name jobs");
    let found = wrong(|answers| answers.dead_letters.as_mut().unwrap().attributes = Err(missing));
    assert_one(&found, DEAD, Status::Error, "aws sqs create-queue --queue-name dead");
    let found = wrong(|answers| answers.jobs.is_fifo = true);
    assert_one(&found, JOBS, Status::Error, "standard");
    let found = wrong(|answers| answers.jobs.elsewhere = Some("us-east-2".into()));
    assert_one(&found, JOBS, Status::Error, "AWS_REGION=us-east-2");
}

#[test]
fn a_redrive_policy_is_there_and_grants_enough_receives() {
    let receives =
        |n| wrong(attributes(move |jobs| jobs.redrive.as_mut().unwrap().max_receive_count = n));
    assert_one(&receives(7), "redrive policy", Status::Error, r#"\"maxReceiveCount\":20"#);
    assert_one(&receives(8), "redrive policy", Status::Warning, "arn:aws:sqs:eu-west-1:1:dead");
    assert_eq!(receives(21), []);
    let none = wrong(|answers| {
        answers.jobs.attributes.as_mut().unwrap().redrive = None;
        answers.dead_letters = None;
    });
    assert_one(&none, "redrive policy", Status::Error, "create-queue --queue-name jobs-dead");
    let none = wrong(attributes(|jobs| jobs.redrive = None));
    assert_one(&none, "redrive policy", Status::Warning, "set-queue-attributes");
    let other = wrong(attributes(|jobs| jobs.redrive.as_mut().unwrap().queue = "other".into()));
    assert_one(&other, "redrive policy", Status::Warning, "1:dead");
}

#[test]
fn dead_letters_outlive_their_jobs_and_are_not_forgotten() {
    let check = "retention of dead letters";
    let found = wrong(of_dead(|dead| dead.retention_seconds = 86_400));
    assert_one(&found, check, Status::Error, "MessageRetentionPeriod=1209600");
    let found = wrong(of_dead(|dead| dead.retention_seconds = 345_600));
    assert_one(&found, check, Status::Warning, "MessageRetentionPeriod=1209600");
    let found = wrong(of_dead(|dead| dead.messages = 2));
    assert_one(&found, "dead letters", Status::Warning, "pixmill dead list --backend aws");
    let found = wrong(attributes(|jobs| jobs.visibility_seconds = 5));
    assert_one(&found, "visibility timeout", Status::Warning, "VisibilityTimeout=30");
}
