//! Names and URLs of buckets and queues as people give them.

/// The name in a queue's URL or ARN, or the name itself.
pub(crate) fn queue_name(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// Whether a queue is given by its URL.
pub(crate) fn is_url(queue: &str) -> bool {
    queue.starts_with("https://") || queue.starts_with("http://")
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
        for bucket in ["pictures", "s3://pictures", "s3://pictures/", "arn:aws:s3:::pictures"] {
            assert_eq!(bucket_name(bucket), "pictures", "{bucket}");
        }
    }
}
