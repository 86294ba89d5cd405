//! What the answers of AWS mean, and what mends what is wrong.

use pixmill_aws::doctor::{
    Answer, BucketFacts, BucketMore, Facts, QueueAttributes, QueueFacts, Refusal,
};
use pixmill_consumer::Config;
use pixmill_contract::{ErrorKind, Timestamp, WorkerId};

use super::finding::Finding;
use crate::shown::plural;

/// SQS keeps nothing longer, and a dead letter should wait for a person as long as may be.
const LONGEST_RETENTION_SECONDS: u64 = 14 * 24 * 60 * 60;

/// Receives are spent by drains and outages too, so a queue grants many.
const GOOD_RECEIVES: u32 = 20;

/// What a worker hides a job for, unless it is told otherwise, and what SQS does.
const GOOD_VISIBILITY_SECONDS: u64 = 30;

const JOBS: &str = "job queue";
const DEAD: &str = "dead-letter queue";

/// What is wrong, and what is not. `flags` lead to the same pipeline.
pub(super) fn findings(facts: &Facts, flags: &str) -> Vec<Finding> {
    let mut found = vec![match &facts.region {
        Some(region) => Finding::ok("region", region),
        None => Finding::error(
            "region",
            "none is set",
            "export AWS_REGION=eu-west-1, or the one \
            that the bucket and the queues are in; or set region in the profile",
        ),
    }];
    found.push(match &facts.credentials {
        Ok(()) => Finding::ok("credentials", "found"),
        Err(refusal) => Finding::error("credentials", &refusal.said,
            "aws configure, or aws sso login, or set AWS_PROFILE; on a machine of AWS give it a role"),
    });
    let (Some(region), Some(answers)) = (&facts.region, &facts.answers) else { return found };
    let mut refusals: Vec<_> = answers.bucket.list.as_ref().err().into_iter().collect();
    let queues = [Some(&answers.jobs), answers.dead_letters.as_ref()];
    refusals
        .extend(queues.into_iter().flatten().filter_map(|queue| queue.attributes.as_ref().err()));
    // What is wrong with everything is said once.
    if let Some(finding) = refusals.iter().find_map(|refusal| of_everybody(refusal)) {
        found.push(finding);
        return found;
    }
    let reached = |answer: Option<&Refusal>| answer.is_none_or(|refusal| refusal.is_answer);
    let s3 = reached(answers.bucket.list.as_ref().err());
    let sqs = reached(answers.jobs.attributes.as_ref().err());
    match (s3, sqs) {
        (true, true) => {}
        (false, false) => found.push(unreachable("AWS", &answers.bucket.list)),
        (false, true) => found.push(unreachable("S3", &answers.bucket.list)),
        (true, false) => found.push(unreachable("SQS", &answers.jobs.attributes)),
    }
    if s3 {
        found.extend(of_bucket(&answers.bucket, region));
    }
    if sqs {
        found.extend(of_queues(&answers.jobs, answers.dead_letters.as_ref(), region, flags));
    }
    found
}

/// A refusal that every question meets, whatever it asks.
fn of_everybody(refusal: &Refusal) -> Option<Finding> {
    let (check, fix) = match refusal.code.as_deref()? {
        "RequestTimeTooSkewed" | "RequestExpired" => {
            ("clock", "set this machine's clock: sudo timedatectl set-ntp true")
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => (
            "credentials",
            "they have expired, get new ones: aws sso login, or set AWS_SESSION_TOKEN anew",
        ),
        "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken" => (
            "credentials",
            "AWS does not know them; see whose they are: aws sts get-caller-identity",
        ),
        _ => return None,
    };
    Some(Finding::error(check, &refusal.said, fix))
}

fn unreachable<T>(what: &str, answer: &Answer<T>) -> Finding {
    let said = answer.as_ref().err().map(|refusal| refusal.said.as_str()).unwrap_or_default();
    let fix = "check the network, AWS_REGION, and AWS_ENDPOINT_URL if it is set";
    Finding::error("network", format!("{what} does not answer: {said}"), fix)
}

fn of_bucket(bucket: &BucketFacts, region: &str) -> Vec<Finding> {
    let name = &bucket.name;
    if !bucket.is_name {
        let detail = format!("{name:?} is no name of a bucket");
        return vec![Finding::error("bucket", detail, "--bucket NAME, without a prefix")];
    }
    let Some(more) = &bucket.more else {
        return bucket
            .list
            .as_ref()
            .err()
            .map(|e| no_bucket(name, e, region))
            .into_iter()
            .collect();
    };
    let actions = [
        ("ListBucket", &bucket.list),
        ("PutObject", &more.put),
        ("GetObject", &more.get),
        ("DeleteObject", &more.delete),
    ];
    if actions.iter().all(|(_, answer)| answer.is_err()) {
        let said = more.put.as_ref().err().map(|refusal| refusal.said.as_str()).unwrap_or_default();
        let detail = format!("{name} is somebody else's, or nothing is allowed on it: {said}");
        let fix = format!(
            "check the name, or {}",
            grant("s3:ListBucket, s3:GetObject, s3:PutObject", name)
        );
        return vec![Finding::error("bucket", detail, fix)];
    }
    let mut found = vec![Finding::ok("bucket", format!("{name} in {region}"))];
    for (action, answer) in actions {
        let check = format!("s3:{action}");
        found.push(match answer {
            Ok(()) => Finding::ok(check, "allowed"),
            Err(refusal) if refusal.kind != ErrorKind::Denied => {
                Finding::unknown(check, &refusal.said)
            }
            // Only the redrive of dead letters removes anything, so that workers go without.
            Err(refusal) if action == "DeleteObject" => {
                let detail = format!("{}; `pixmill dead redrive` needs it", refusal.said);
                Finding::warning(&check, detail, grant(&check, &format!("{name}/*")))
            }
            Err(refusal) => {
                let on = if action == "ListBucket" { name.clone() } else { format!("{name}/*") };
                Finding::error(&check, &refusal.said, grant(&check, &on))
            }
        });
    }
    found.push(of_public(name, more));
    found
}

fn grant(actions: &str, resource: &str) -> String {
    format!("allow {actions} on arn:aws:s3:::{resource} in the policy of the user or the role")
}

fn no_bucket(name: &str, refusal: &Refusal, region: &str) -> Finding {
    let is_elsewhere = refusal.region.as_deref().is_some_and(|there| there != region);
    match refusal.code.as_deref() {
        Some("NoSuchBucket") => Finding::error(
            "bucket",
            &refusal.said,
            format!("aws s3 mb s3://{name} --region {region}, or check the name"),
        ),
        Some(
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => elsewhere(name, refusal),
        _ if is_elsewhere => elsewhere(name, refusal),
        _ => Finding::error(
            "bucket",
            &refusal.said,
            "check --bucket, AWS_REGION and AWS_ENDPOINT_URL",
        ),
    }
}

fn elsewhere(name: &str, refusal: &Refusal) -> Finding {
    let fix = match &refusal.region {
        Some(there) => format!("export AWS_REGION={there}; the queues have to be there too"),
        None => {
            format!("set AWS_REGION to what `aws s3api get-bucket-location --bucket {name}` says")
        }
    };
    Finding::error("bucket", format!("{name} is in another region: {}", refusal.said), fix)
}

fn of_public(name: &str, more: &BucketMore) -> Finding {
    const CHECK: &str = "public access";
    let block = format!(
        "aws s3api put-public-access-block --bucket {name} --public-access-block-configuration \
         BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
    );
    match (&more.is_blocked, &more.public_policy, &more.public_acl) {
        (Ok(true), _, _) => Finding::ok(CHECK, "blocked"),
        (_, Ok(true), _) => Finding::warning(CHECK, "the bucket's policy lets everybody in", block),
        (_, _, Ok(true)) => {
            Finding::warning(CHECK, "the bucket's access control list lets everybody in", block)
        }
        (_, Ok(false), Ok(false)) => Finding::ok(CHECK, "none"),
        (_, Err(refusal), _) | (_, _, Err(refusal)) => {
            Finding::unknown(CHECK, format!("cannot be known: {}", refusal.said))
        }
    }
}

fn of_queues(
    jobs: &QueueFacts,
    dead: Option<&QueueFacts>,
    region: &str,
    flags: &str,
) -> Vec<Finding> {
    let mut found = of_queue(JOBS, "--queue", jobs, region);
    if let Some(dead) = dead {
        found.extend(of_queue(DEAD, "--dead-letter-queue", dead, region));
    }
    let known = |queue: &QueueFacts| {
        let asked = !queue.is_fifo && queue.elsewhere.is_none();
        queue.attributes.as_ref().ok().filter(|_| asked).cloned()
    };
    let Some(of_jobs) = known(jobs) else { return found };
    found.push(of_redrive(&of_jobs, dead));
    if of_jobs.visibility_seconds < GOOD_VISIBILITY_SECONDS {
        let seconds = of_jobs.visibility_seconds;
        let detail = format!(
            "{seconds} s: workers name their own in each receive, whoever else receives a job has it \
             for no longer"
        );
        let fix = set(&of_jobs.url, &format!("VisibilityTimeout={GOOD_VISIBILITY_SECONDS}"));
        found.push(Finding::warning("visibility timeout", detail, fix));
    }
    if let Some(of_dead) = dead.and_then(known) {
        found.extend(of_dead_letters(&of_jobs, &of_dead, flags));
    }
    found
}

fn of_queue(check: &str, flag: &str, queue: &QueueFacts, region: &str) -> Vec<Finding> {
    let name = &queue.name;
    if queue.is_fifo {
        let detail = format!("{name} is a FIFO queue, whose messages need a group");
        let fix =
            format!("aws sqs create-queue --queue-name jobs, a standard queue, and {flag} jobs");
        return vec![Finding::error(check, detail, fix)];
    }
    if let Some(there) = &queue.elsewhere {
        let detail = format!("{name} is in {there}, and AWS_REGION is {region}");
        return vec![Finding::error(
            check,
            detail,
            format!("export AWS_REGION={there}, or name a queue in {region}"),
        )];
    }
    let mut found = match &queue.attributes {
        Ok(known) => vec![
            Finding::ok(check, &known.url),
            Finding::ok(format!("sqs:GetQueueAttributes on {name}"), "allowed"),
        ],
        Err(refusal) if is_missing(refusal) => {
            let fix = format!(
                "aws sqs create-queue --queue-name {name}, or check the name, AWS_REGION and the account"
            );
            vec![Finding::error(check, &refusal.said, fix)]
        }
        Err(refusal) => {
            let fix = format!(
                "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on arn:aws:sqs:{region}:*:{name} \
                in the policy of the user or the role"
            );
            vec![Finding::error(check, &refusal.said, fix)]
        }
    };
    for (action, answer) in &queue.permissions {
        let check = format!("sqs:{action} on {name}");
        found.push(match answer {
            Ok(()) => Finding::ok(check, "not denied"),
            Err(refusal) if refusal.kind != ErrorKind::Denied => {
                Finding::unknown(check, &refusal.said)
            }
            Err(refusal) => {
                let fix = format!("allow sqs:{action} on arn:aws:sqs:{region}:*:{name} in the policy of the user or the role");
                Finding::error(check, &refusal.said, fix)
            }
        });
    }
    found
}

fn is_missing(refusal: &Refusal) -> bool {
    let code = refusal.code.as_deref().unwrap_or_default();
    code.ends_with("NonExistentQueue") || code.ends_with("QueueDoesNotExist")
}

fn set(url: &str, attributes: &str) -> String {
    format!("aws sqs set-queue-attributes --queue-url {url} --attributes {attributes}")
}

/// The command that gives a queue its limit of receives.
fn set_redrive(jobs: &QueueAttributes, dead_arn: &str) -> String {
    let policy = format!(
        r#"'{{"RedrivePolicy": "{{\"deadLetterTargetArn\":\"{dead_arn}\",\"maxReceiveCount\":{GOOD_RECEIVES}}}"}}'"#
    );
    set(&jobs.url, &policy)
}

fn of_redrive(jobs: &QueueAttributes, dead: Option<&QueueFacts>) -> Finding {
    const CHECK: &str = "redrive policy";
    let known = dead.and_then(|dead| dead.attributes.as_ref().ok()).map(|known| known.arn.clone());
    let arn = known.filter(|arn| !arn.is_empty()).unwrap_or_else(|| format!("{}-dead", jobs.arn));
    let fix = set_redrive(jobs, &arn);
    let Some(redrive) = &jobs.redrive else {
        let create = format!(
            "aws sqs create-queue --queue-name {} --attributes MessageRetentionPeriod={LONGEST_RETENTION_SECONDS}; ",
            arn.rsplit(':').next().unwrap_or_default(),
        );
        return match dead {
            None => Finding::error(
                CHECK,
                "the queue has none, and no dead-letter queue is named",
                create + &fix,
            ),
            Some(_) => Finding::warning(
                CHECK,
                "the queue has none: a message that is no job comes \
                back until the queue forgets it",
                fix,
            ),
        };
    };
    let receives = redrive.max_receive_count;
    if let Some(dead) = dead.filter(|dead| dead.name != redrive.queue) {
        let detail = format!(
            "it leads to {}, and {} is named as the dead-letter queue",
            redrive.queue, dead.name
        );
        return Finding::warning(CHECK, detail, fix);
    }
    let worker = Config::new(WorkerId::fresh(Timestamp::from_millis(0)), String::new());
    match (Config { max_receive_count: receives, ..worker }).check() {
        Err(why) => Finding::error(
            CHECK,
            format!("maxReceiveCount is {receives}, and no worker starts: {why}"),
            fix,
        ),
        Ok(()) if receives < GOOD_RECEIVES => {
            let detail =
                format!("maxReceiveCount is {receives}: drains and outages spend receives too");
            Finding::warning(CHECK, detail, fix)
        }
        Ok(()) => Finding::ok(CHECK, format!("to {} after {receives} receives", redrive.queue)),
    }
}

fn of_dead_letters(jobs: &QueueAttributes, dead: &QueueAttributes, flags: &str) -> Vec<Finding> {
    const CHECK: &str = "retention of dead letters";
    let days = |seconds: u64| {
        format!("{:.1} days", std::time::Duration::from_secs(seconds).as_secs_f64() / 86_400.0)
    };
    let (here, there) = (days(dead.retention_seconds), days(jobs.retention_seconds));
    let fix = set(&dead.url, &format!("MessageRetentionPeriod={LONGEST_RETENTION_SECONDS}"));
    let mut found = vec![];
    if jobs.url == dead.url {
        found.push(Finding::error(
            DEAD,
            "it is the job queue itself",
            "name another one: --dead-letter-queue",
        ));
    } else if dead.retention_seconds < jobs.retention_seconds {
        let detail = format!(
            "{here}, and jobs may wait for {there}: a letter's age counts from when \
            its job was sent, so that it may be gone at once"
        );
        found.push(Finding::error(CHECK, detail, fix));
    } else if dead.retention_seconds < LONGEST_RETENTION_SECONDS {
        let detail = format!("{here}, counted from when a job was sent");
        found.push(Finding::warning(CHECK, detail, fix));
    } else {
        found.push(Finding::ok(CHECK, here));
    }
    if dead.messages > 0 && jobs.url != dead.url {
        let count = plural(usize::try_from(dead.messages).unwrap_or(usize::MAX), "dead letter");
        found.push(Finding::warning(
            "dead letters",
            format!("{count} waiting"),
            format!("pixmill dead list {flags}"),
        ));
    }
    found
}

#[cfg(test)]
mod tests;
