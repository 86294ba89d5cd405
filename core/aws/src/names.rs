//! Names and URLs of buckets and queues as people give them.

/// The name in a queue's URL or ARN, or the name itself.
pub(crate) fn queue_name(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// Whether a queue is given by its URL.
pub(crate) fn is_url(queue: &str) -> bool {
    queue.starts_with("https://") || queue.starts_with("http://")
}

/// The region that a queue's URL of AWS names.
pub(crate) fn region_of(url: &str) -> Option<&str> {
    let host = url.split("://").nth(1)?.split('/').next()?;
    let (region, domain) = host.strip_prefix("sqs.")?.split_once('.')?;
    domain.starts_with("amazonaws.com").then_some(region)
}

/// Whether it can be a bucket's name.
pub(crate) fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !name.is_empty() && name.chars().all(plain)
}

/// The bucket's name of `s3://bucket`, `s3://bucket/`, `arn:aws:s3:::bucket`, or the name itself.
pub(crate) fn bucket_name(bucket: &str) -> &str {
    let bucket = bucket.strip_prefix("s3://").unwrap_or(bucket);
    let bucket = bucket.strip_suffix('/').unwrap_or(bucket);
    bucket.strip_prefix("arn:aws:s3:::").unwrap_or(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_what_people_paste() {
        for queue in [
            "jobs",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
            "http://127.0.0.1:5002/000000000000/jobs",
            "arn:aws:sqs:eu-west-1:123456789012:jobs",
        ] {
            assert_eq!(queue_name(queue), "jobs", "{queue}");
        }
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs";
        assert_eq!(region_of(url), Some("eu-west-1"));
        assert_eq!(region_of("https://sqs.cn-north-1.amazonaws.com.cn/1/x"), Some("cn-north-1"));
        assert_eq!(region_of("http://127.0.0.1:5002/000000000000/jobs"), None);
        for bucket in ["", "s3", "a/b", "a b", "a:b"] {
            assert_eq!(is_bucket(bucket), bucket == "s3", "{bucket:?}");
        }
        for bucket in ["pictures", "s3://pictures", "s3://pictures/", "arn:aws:s3:::pictures"] {
            assert_eq!(bucket_name(bucket), "pictures", "{bucket}");
        }
    }
}
