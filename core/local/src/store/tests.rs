//! What this adapter promises beyond the port. The port's own promises are held by the suite, in
//! `tests/conformance.rs`.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::SystemTime;

use pixmill_contract::port::{Condition, OwnerTag, Payload};
use pixmill_contract::{BatchId, JobId};
use tempfile::TempDir;

use super::*;

/// A store with `outputs/` in a directory of the user's, and `inputs/` read from another one.
struct Fixture {
    store: DirStore,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["in", "out"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let store = open(directory.path());
        Self { store, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn put(&self, key: &str, bytes: &str) -> Result<Etag> {
        self.store.put(put(key, bytes, Condition::Always)).await
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let lines = self.store.list(prefix, None).await.unwrap();
        lines.into_iter().map(|line| line.key.to_string()).collect()
    }

    async fn kind(&self, key: &str) -> ErrorKind {
        self.store.get(&Key::new(key).unwrap(), None).await.unwrap_err().kind()
    }
}

fn open(directory: &Path) -> DirStore {
    let mount = |prefix: &str, name: &str, access| Mount {
        prefix: prefix.to_owned(),
        directory: directory.join(name),
        access,
    };
    DirStore::open(DirStoreOptions {
        root: directory.join("objects"),
        tags: directory.join("store.sqlite"),
        mounts: vec![mount("inputs/", "in", Access::Read), mount("outputs/", "out", Access::Write)],
        durability: Durability::Process,
    })
    .unwrap()
}

fn put(key: &str, bytes: &str, condition: Condition) -> Put {
    Put {
        key: Key::new(key).unwrap(),
        payload: Payload::Bytes(bytes.into()),
        media_type: "image/png",
        condition,
        owner: None,
    }
}

fn owner() -> OwnerTag {
    OwnerTag {
        batch: BatchId::single(),
        id: JobId::new("a").unwrap(),
        digest: "d".into(),
        source: "f".into(),
        sha256: "s".into(),
        width: 1,
        height: 2,
    }
}

#[tokio::test]
async fn outputs_appear_where_the_user_wants_them_under_their_real_names() {
    let fixture = Fixture::new();
    fixture.put("outputs/holiday/50%25%0A.png", "x").await.unwrap();
    assert_eq!(fs::read(fixture.path("out/holiday/50%\n.png")).unwrap(), b"x");
    fs::write(fixture.path("out/theirs.txt"), "y").unwrap();
    fixture.put("results/a.json", "z").await.unwrap();
    assert!(fixture.path("objects/results/a.json").is_file());
    let all = ["outputs/holiday/50%25%0A.png", "outputs/theirs.txt", "results/a.json"];
    assert_eq!(fixture.keys("").await, all, "the store's own files are not shown");
    assert_eq!(fixture.keys("out").await, all[..2]);
    assert_eq!(fixture.keys("outputs/t").await, all[1..2]);
}

#[tokio::test]
async fn inputs_are_read_in_place_and_never_written_or_listed() {
    let fixture = Fixture::new();
    fs::write(fixture.path("in/photo.jpg"), "jpeg").unwrap();
    let key = Key::new("inputs/photo.jpg").unwrap();
    let object = fixture.store.get(&key, None).await.unwrap();
    let etag = object.meta.etag.clone();
    assert_eq!(object.bytes().await.unwrap(), b"jpeg");

    assert_eq!(fixture.put("inputs/new.jpg", "x").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(fixture.store.delete(&key).await.unwrap_err().kind(), ErrorKind::Denied);
    let refused = fixture.store.list("inputs/", None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(fixture.keys("").await, [""; 0]);
    assert_eq!(fs::read_dir(fixture.path("in")).unwrap().count(), 1, "nothing was left there");

    fs::write(fixture.path("in/photo.jpg"), "edit").unwrap();
    let changed = fixture.store.get(&key, Some(&etag)).await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Changed, "an edit in place is another content");
}

#[tokio::test]
async fn a_spelling_of_its_own_and_the_stores_corner_are_no_keys() {
    let fixture = Fixture::new();
    let bad =
        ["outputs/%41", "outputs/a\nb", "outputs/a%2Fb", "outputs/.pixmill/tmp/x", ".pixmill"];
    for key in bad {
        let error = fixture.put(key, "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{key:?}");
        assert_eq!(fixture.kind(key).await, ErrorKind::Invalid, "{key:?}");
    }
    fixture.put("outputs/a/.pixmill", "only the top is the store's").await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_edited_in_place_has_no_owner() {
    let fixture = Fixture::new();
    let key = Key::new("outputs/a.png").unwrap();
    let tagged = Put { owner: Some(owner()), ..put("outputs/a.png", "x", Condition::IfAbsent) };
    fixture.store.put(tagged).await.unwrap();
    // Another process, another day: the tag is on the disk.
    let reopened = open(fixture.directory.path());
    assert_eq!(reopened.head(&key).await.unwrap().owner, Some(owner()));
    fs::write(fixture.path("out/a.png"), "y").unwrap();
    assert_eq!(reopened.head(&key).await.unwrap().owner, None);
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
    let fixture = Fixture::new();
    let fifo = fixture.path("in/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _listener = UnixListener::bind(fixture.path("in/socket")).unwrap();
    fs::create_dir(fixture.path("in/directory")).unwrap();
    std::os::unix::fs::symlink("loop", fixture.path("in/loop")).unwrap();
    std::os::unix::fs::symlink("/dev/null", fixture.path("in/device")).unwrap();
    for name in ["fifo", "socket", "loop", "device"] {
        assert_eq!(fixture.kind(&format!("inputs/{name}")).await, ErrorKind::Invalid, "{name}");
    }
    assert_eq!(fixture.kind("inputs/directory").await, ErrorKind::NotFound);
    assert_eq!(fixture.kind("inputs/fifo/below").await, ErrorKind::NotFound);
}

#[tokio::test]
async fn names_that_the_file_system_cannot_have_are_invalid() {
    let fixture = Fixture::new();
    let long = format!("outputs/{}", "x".repeat(256));
    assert_eq!(fixture.put(&long, "x").await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(fixture.kind(&long).await, ErrorKind::Invalid);

    fixture.put("results/a", "x").await.unwrap();
    for condition in [Condition::Always, Condition::IfAbsent] {
        for key in ["results/a/below", "results"] {
            let error = fixture.store.put(put(key, "x", condition.clone())).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{key} {}", error.chain());
        }
    }
}

#[tokio::test]
async fn deleting_prunes_the_stores_own_directories_and_none_of_the_users() {
    let fixture = Fixture::new();
    for key in ["results/a/b/c.json", "outputs/a/b/c.png"] {
        fixture.put(key, "x").await.unwrap();
        fixture.store.delete(&Key::new(key).unwrap()).await.unwrap();
    }
    assert!(!fixture.path("objects/results").exists());
    assert!(fixture.path("objects").exists());
    assert!(fixture.path("out/a/b").exists());
}

#[tokio::test]
async fn old_leftovers_are_removed_at_open_and_young_ones_stay() {
    let fixture = Fixture::new();
    fixture.put("outputs/a.png", "x").await.unwrap();
    let corner = fixture.path("out/.pixmill/tmp");
    assert_eq!(fs::read_dir(&corner).unwrap().count(), 0, "a put leaves nothing");
    let old = fs::File::create(corner.join("old")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(24)).unwrap();
    fs::write(corner.join("young"), "being written by another process").unwrap();
    open(fixture.directory.path());
    assert!(!corner.join("old").exists());
    assert!(corner.join("young").exists());
}

#[tokio::test]
async fn objects_without_a_tag_need_no_database() {
    let fixture = Fixture::new();
    let path = fixture.path("store.sqlite");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // While somebody else has the database for himself:
    for condition in [Condition::Always, Condition::IfAbsent] {
        let key = format!("outputs/{condition:?}");
        let etag = fixture.store.put(put(&key, "x", condition)).await.unwrap();
        fixture.store.put(put(&key, "y", Condition::IfMatch(etag))).await.unwrap();
    }
}

#[tokio::test]
async fn pages_of_a_large_directory_follow_each_other() {
    let fixture = Fixture::new();
    let count = list::PAGE + 50;
    fs::create_dir_all(fixture.path("out/many/b")).unwrap();
    for n in 0..count {
        fs::write(fixture.path(&format!("out/many/{n:06}")), "").unwrap();
    }
    fs::write(fixture.path("out/many/b/last"), "").unwrap();
    let first = fixture.store.list("outputs/", None).await.unwrap();
    assert_eq!(first.len(), list::PAGE);
    let second = fixture.store.list("outputs/", Some(&first[list::PAGE - 1].key)).await.unwrap();
    assert_eq!(second.len(), 51);
    assert_eq!(second[50].key.as_str(), "outputs/many/b/last");
    assert_eq!(fixture.store.list("outputs/", Some(&second[50].key)).await.unwrap(), []);
}

#[test]
fn mounts_that_make_no_sense_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mount = |prefix: &str| Mount {
        prefix: prefix.to_owned(),
        directory: directory.path().to_owned(),
        access: Access::Write,
    };
    let bad = [vec!["outputs"], vec![""], vec!["/"], vec!["a//"], vec!["a/", "b/", "a/"]];
    for prefixes in bad {
        let options = DirStoreOptions {
            root: directory.path().join("objects"),
            tags: directory.path().join("store.sqlite"),
            mounts: prefixes.iter().copied().map(mount).collect(),
            durability: Durability::Process,
        };
        let error = DirStore::open(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{prefixes:?}");
    }
}

#[tokio::test]
async fn what_somebody_writes_to_while_it_is_read_is_not_read_to_its_end() {
    // More than comes with the headers.
    const BYTES: usize = 3 << 20;
    let fixture = Fixture::new();
    let path = fixture.path("in/large");
    fs::write(&path, vec![b'a'; BYTES]).unwrap();
    let key = Key::new("inputs/large").unwrap();
    let get = || fixture.store.get(&key, None);
    assert_eq!(get().await.unwrap().bytes().await.unwrap().len(), BYTES);
    let object = get().await.unwrap();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"b").unwrap();
    let error = object.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.chain().contains("somebody wrote to it"), "{}", error.chain());
}
