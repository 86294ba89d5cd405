//! S3 event notifications: what S3 itself puts into a queue when an object is created.
//!
//! They are no documents of ours: only what is needed is read, and what else they say is passed
//! over. Events come at least once, in any order, and late: whoever acts on one looks at the object
//! first.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::key::Key;
use crate::port::Etag;

/// One thing that an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRecord {
    /// An object was put there, by whatever call.
    Created(Created),
    /// Something else happened, or to something that is no object of ours: why nothing follows.
    Ignored(String),
}

/// An object that was put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: Key,
    /// What it was then.
    pub etag: Etag,
    /// Which version of it, in a bucket that keeps versions.
    pub version: Option<String>,
}

/// The record as S3 writes it, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    e_tag: Option<String>,
    version_id: Option<String>,
}

/// Reads a message's body. Nothing if it is no event of S3, or one of which a part cannot be read:
/// then somebody has to look at it. The event by which S3 tries a new configuration has no records.
pub fn read_event(body: &str) -> Option<Vec<EventRecord>> {
    let value: Json = serde_json::from_str(body).ok()?;
    let text = |member: &str| value.get(member).and_then(Json::as_str);
    if text("Service") == Some("Amazon S3") && text("Event") == Some("s3:TestEvent") {
        return Some(vec![]);
    }
    let records = value.get("Records")?.as_array()?;
    if records.is_empty() {
        return None;
    }
    records.iter().map(record).collect()
}

fn record(value: &Json) -> Option<EventRecord> {
    if value.get("eventSource")?.as_str()? != "aws:s3" {
        return None;
    }
    let Record { event_name, s3 } = Record::deserialize(value).ok()?;
    let ignored = |why: String| Some(EventRecord::Ignored(why));
    // Bucket notifications leave the `s3:` out that their configuration has.
    if !event_name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return ignored(format!("{event_name} of {}", s3.object.key));
    }
    let key = match decoded(&s3.object.key) {
        Ok(key) if key.ends_with('/') => return ignored(format!("{key} is a folder's marker")),
        Ok(key) => key,
        Err(error) => return ignored(format!("{}: {error}", s3.object.key)),
    };
    match Key::new(key.as_str()) {
        Err(error) => ignored(format!("{key}: {error}")),
        Ok(key) => Some(EventRecord::Created(Created {
            bucket: s3.bucket.name,
            key,
            etag: Etag::unquoted(&s3.object.e_tag?),
            version: s3.object.version_id,
        })),
    }
}

/// A key as events write it: as a form's field, so that a plus is a space. A percent sign that
/// begins no byte stands for itself, as with servers that encode nothing.
fn decoded(key: &str) -> Result<String, std::string::FromUtf8Error> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => match byte(after) {
                Some(byte) => {
                    rest = &after[2..];
                    byte
                }
                None => b'%',
            },
            other => other,
        });
    }
    String::from_utf8(bytes)
}

/// The byte that two hexadecimal digits stand for.
fn byte(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// As S3 encodes a key.
    fn encoded(key: &str) -> String {
        let one = |byte: &u8| match byte {
            b' ' => "+".to_owned(),
            b'/' | b'-' | b'_' | b'.' | b'*' => char::from(*byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        key.as_bytes().iter().map(one).collect()
    }

    fn event(name: &str, key: &str) -> Json {
        json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": {
            "bucket": { "name": "pictures", "arn": "arn:aws:s3:::pictures" },
            "object": { "key": key, "size": 7, "eTag": "d41d8", "sequencer": "0055" },
        } })
    }

    fn read(records: &[Json]) -> Option<Vec<EventRecord>> {
        read_event(&json!({ "Records": records }).to_string())
    }

    fn created(key: &str) -> EventRecord {
        EventRecord::Created(Created {
            bucket: "pictures".to_owned(),
            key: key.parse().unwrap(),
            etag: Etag("d41d8".to_owned()),
            version: None,
        })
    }

    #[test]
    fn created_objects_are_read_with_their_keys_decoded() {
        for name in ["ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"] {
            let records = read(&[event(name, "drop/web/f%C3%BCr+dich%2B.jpg"), event(name, "a")]);
            assert_eq!(records.unwrap(), [created("drop/web/für dich+.jpg"), created("a")]);
        }
    }

    #[test]
    fn the_etag_has_no_quotes_and_the_version_is_read() {
        let mut record = event("ObjectCreated:Copy", "a");
        record["s3"]["object"]["eTag"] = "\"d41d8\"".into();
        record["s3"]["object"]["versionId"] = "v1".into();
        let EventRecord::Created(expected) = created("a") else { panic!("not created") };
        let version = Some("v1".to_owned());
        let expected = EventRecord::Created(Created { version, ..expected });
        assert_eq!(read(&[record]).unwrap(), [expected]);
    }

    #[test]
    fn what_is_no_new_object_is_ignored() {
        for (name, key) in [
            ("ObjectRemoved:Delete", "a"),
            ("ObjectRemoved:DeleteMarkerCreated", "a"),
            ("ObjectRestore:Completed", "a"),
            ("ObjectTagging:Put", "a"),
            ("ObjectCreated", "a"),
            ("ObjectCreated:Put", "drop/web/"),
            ("ObjectCreated:Put", "drop//a"),
            ("ObjectCreated:Put", "drop/../a"),
            ("ObjectCreated:Put", "%00"),
            ("ObjectCreated:Put", "%FF"),
            ("ObjectCreated:Put", ""),
        ] {
            let records = read(&[event(name, key)]).unwrap();
            assert!(matches!(&records[..], [EventRecord::Ignored(_)]), "{name} {key}: {records:?}");
        }
    }

    #[test]
    fn the_event_of_a_new_configuration_says_nothing() {
        let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00Z",
            "Bucket":"pictures","RequestId":"1","HostId":"2"}"#;
        assert_eq!(read_event(body), Some(vec![]));
    }

    #[test]
    fn what_is_no_event_or_not_readable_in_part_is_left() {
        let good = || event("ObjectCreated:Put", "a");
        let without = |member: &str| {
            let mut record = good();
            record["s3"]["object"].as_object_mut().unwrap().remove(member);
            record
        };
        let mut foreign = good();
        foreign["eventSource"] = "aws:ses".into();
        for records in [vec![], vec![foreign], vec![good(), without("key")], vec![without("eTag")]]
        {
            assert_eq!(read(&records), None, "{records:?}");
        }
        for body in ["", "hello", "[]", "{}", r#"{"Records":1}"#, r#"{"Records":[1]}"#] {
            assert_eq!(read_event(body), None, "{body}");
        }
        let test = r#"{"Service":"Amazon SNS","Event":"s3:TestEvent"}"#;
        assert_eq!(read_event(test), None);
    }

    proptest! {
        #[test]
        fn a_key_survives_being_encoded_as_s3_does(key in r"[^\x00/]{0,20}(/[^\x00/]{1,20}){1,3}") {
            prop_assert_eq!(decoded(&encoded(&key)).unwrap(), key);
        }

        #[test]
        fn no_body_makes_the_reader_panic(body in any::<String>()) {
            drop(read_event(&body));
        }

        #[test]
        fn no_record_makes_the_reader_panic(name in any::<String>(), key in "[%+0-9a-fA-Fä/.]{0,30}") {
            prop_assert!(read(&[event(&name, &key)]).is_some());
            prop_assert!(read(&[event("ObjectCreated:Put", &key)]).is_some());
        }
    }
}
