//! The drop folder: what is put there is taken, each file once, whatever is done to whoever takes it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Mill, Patience, SOON, SmallDisk, eventually, frame, ground, photo, photo_of, result_count,
    results, stays, unprivileged,
};

const SMALL: &str = "resize:48 -> png";

/// How many files the everyday form of the long test copies; `PIXMILL_SOAK_FILES` names another.
const FILES: usize = 240;

/// How many are copied before the first of them has ended, and so on.
const AHEAD: usize = 100;

/// How often everything is killed meanwhile.
const KILLS: usize = 6;

fn soak_files() -> usize {
    let wanted = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_FILES");
    wanted.map_or(FILES, |(_, count)| count.parse().unwrap())
}

/// The ticks of the controller so far, and how many workers it has seen at work in the last one.
fn seen_by_controller(mill: &Mill) -> (u64, u64) {
    let last = &mill.status()["fleet"]["last"];
    (last["tick"].as_u64().unwrap_or(0), last["counts"]["ready"].as_u64().unwrap_or(0))
}

#[test]
fn files_copied_while_everything_is_killed_end_each_exactly_once() {
    let recipes = [("small", "blur:31 | resize:48 -> png"), ("gray", "a = blur:31; b = flip")];
    let mill = Mill::new(&recipes);
    let count = soak_files();
    let pictures: Vec<_> = (0..8).map(|n| photo_of(n, 1500, 1000)).collect();
    // Of ten files one is no picture, and one has no recipe.
    let name = |n: usize| match n % 10 {
        0 => format!("small/broken/{n}.jpg"),
        1 => format!("missing/{n}.jpg"),
        digit if digit % 2 == 0 => format!("gray/{}/{n}.jpg", n % 7),
        _ => format!("small/{n}.jpg"),
    };
    let bound = SOON + Duration::from_millis(400) * u32::try_from(count).unwrap();
    let mut up = mill.start_bound(2 * bound);
    let ended = || mill.names("done").len() + fs_count(&mill.path("failed"));
    let (mut put, mut kills, mut tick) = (0, 0, 0);
    let patience = Patience::new(bound);
    while ended() < count {
        assert!(patience.wait(), "{} of {count} ended\n{}", ended(), up.stdout());
        let next = count.min(put + 5).min(ended() + AHEAD);
        for n in put..next.max(put) {
            let bytes = if n % 10 == 0 { b"no picture".as_slice() } else { &pictures[n % 8] };
            mill.put(name(n), bytes);
        }
        put = put.max(next);
        // By progress, as a fast machine is through before a clock has killed enough; and not before
        // the workers were seen at work, as launches are held back where none gets so far.
        if kills < KILLS && ended() > kills * count / (KILLS + 1) {
            let (now, ready) = seen_by_controller(&mill);
            if now > tick && ready > 0 {
                (kills, tick) = (kills + 1, now + 1);
                mill.kill(up);
                up = mill.start_bound(2 * bound);
            }
        }
    }
    assert_eq!(kills, KILLS);
    let at_rest = BTreeSet::from(["clock".into(), "lock".into()]);
    eventually("an end of what was taken", SOON, || (mill.names("taken") == at_rest).then_some(()));
    up.signal(Signal::TERM);
    up.end().expect(0);
    let wanted = |is: &dyn Fn(usize) -> bool| -> BTreeSet<PathBuf> {
        (0..count).filter(|n| is(*n)).map(|n| name(n).into()).collect()
    };
    assert_eq!(mill.names("done"), wanted(&|n| n % 10 > 1));
    let failed: BTreeSet<_> = wanted(&|n| n % 10 <= 1);
    let reasons: BTreeSet<_> =
        failed.iter().map(|path| format!("{}.reason.txt", path.display()).into()).collect();
    assert_eq!(mill.names("failed"), failed.union(&reasons).cloned().collect());
    assert!(mill.names("drop").is_empty());
    assert_eq!(mill.names("taken"), at_rest);
    // One job for each file that had a recipe, and one output for each that it makes.
    let jobs = (0..count).filter(|n| n % 10 != 1).count();
    assert_eq!(results(&mill.place.data()).len(), jobs);
    let mut outputs = BTreeSet::new();
    for n in (0..count).filter(|n| n % 10 > 1) {
        let is_gray = name(n).starts_with("gray");
        let ends = if is_gray { [".a.jpg", ".b.jpg"].as_slice() } else { &[".png"] };
        outputs.extend(ends.iter().map(|end| PathBuf::from(format!("{}{end}", name(n)))));
    }
    assert_eq!(mill.names("out"), outputs);
    let counted = mill.status()["batches"].as_array().unwrap().clone();
    let counted: u64 = counted.iter().map(|batch| batch["jobs"].as_u64().unwrap()).sum();
    assert_eq!(counted, jobs as u64);
}

/// The files below a folder that are no reasons.
fn fs_count(folder: &Path) -> usize {
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let is_one = |entry: &walkdir::DirEntry| {
        entry.file_type().is_file() && !entry.path().to_string_lossy().ends_with(".reason.txt")
    };
    entries.filter(is_one).count()
}

#[test]
fn any_name_is_taken_and_what_is_none_of_ours_is_left_alone() {
    let mill = Mill::new(&[("default", SMALL), ("web", SMALL)]);
    let outside = mill.place.put("outside.jpg", &photo(1));
    let folder = mill.path("drop/web");
    fs::create_dir_all(&folder).unwrap();
    symlink(&outside, folder.join("link.jpg")).unwrap();
    symlink(mill.place.input(), folder.join("folder")).unwrap();
    symlink(mill.place.input(), mill.path("drop/recipe")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.jpg")).status().unwrap().success());
    let left = [".hidden.jpg", "half.jpg.part", "half.crdownload", "half.jpg~", ".git/a.jpg"];
    for name in left {
        mill.put(Path::new("web").join(name), &photo(2));
    }
    let odd: [&[u8]; 9] = [
        b"web/two words.jpg",
        b"web/new\nline.jpg",
        b"web/not \xff\xfe utf-8.jpg",
        b"web/50% off.jpg",
        b"web/{stem} {id}.jpg",
        b"web/-rf.jpg",
        "web/größe/写真 📷.jpg".as_bytes(),
        b"web/a folder \x80/ another\n/quote'\"$(x).jpg",
        b"up%2f..%2f..%2fetc.jpg",
    ];
    for (n, name) in (0..).zip(odd) {
        mill.put(OsStr::from_bytes(name), &photo(n));
    }
    // A folder that cannot be the name of a recipe.
    mill.put("größe/a.jpg", &photo(3));
    let up = mill.start();
    let expected: BTreeSet<_> =
        odd.iter().map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    eventually("all of them", SOON, || (mill.names("done") == expected).then_some(()));
    let with_end = |name: &PathBuf| {
        PathBuf::from(OsStr::from_bytes(&[name.as_os_str().as_bytes(), b".png"].concat()))
    };
    assert_eq!(mill.names("out"), expected.iter().map(with_end).collect());
    let reason = mill.until_there("failed/größe/a.jpg.reason.txt");
    assert!(String::from_utf8_lossy(&reason).contains("a recipe's name has letters"));
    up.signal(Signal::TERM);
    up.end().expect(0);
    for name in left.iter().chain(&["link.jpg", "folder", "pipe.jpg"]) {
        assert!(fs::symlink_metadata(folder.join(name)).is_ok(), "{name} was taken");
    }
    assert_eq!(fs::read(outside).unwrap(), photo(1));
}

#[test]
fn a_file_is_taken_when_it_is_complete_and_one_that_was_moved_in_at_once() {
    let mill = Mill::new(&[("web", SMALL)]);
    let up = mill.up_taking_after("5s").start();
    eventually("the folder", SOON, || mill.path("drop/web").is_dir().then_some(()));
    let whole = photo(1);
    let mut slow = OpenOptions::new();
    let mut slow = slow.create(true).append(true).open(mill.path("drop/web/slow.jpg")).unwrap();
    // Somebody else's file, written elsewhere a while ago.
    let moved = mill.place.put("moved.jpg", &photo(2));
    let old = rustix::fs::Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: old, last_modification: old };
    rustix::fs::futimens(fs::File::open(&moved).unwrap(), &times).unwrap();
    fs::rename(&moved, mill.path("drop/web/moved.jpg")).unwrap();
    let mut is_moved = false;
    for piece in whole.chunks(whole.len().div_ceil(20)) {
        slow.write_all(piece).unwrap();
        stays("the slow file", Duration::from_millis(400), || {
            mill.path("drop/web/slow.jpg").exists()
        });
        is_moved |= mill.path("out/web/moved.jpg.png").exists();
    }
    drop(slow);
    assert!(is_moved, "it waited for the other one\n{}", up.stdout());
    assert_eq!(mill.until_there("done/web/slow.jpg"), whole);
    assert_eq!(mill.until_there("out/web/slow.jpg.png"), ground(&whole, SMALL));
}

#[test]
fn what_failed_is_tried_again_when_it_is_moved_back() {
    let mill = Mill::new(&[]);
    let up = mill.start();
    mill.put("web/2026/a.jpg", &photo(1));
    let reason = mill.until_there("failed/web/2026/a.jpg.reason.txt");
    let reason = String::from_utf8(reason).unwrap();
    assert!(reason.contains("there is no recipe `web`"), "{reason}");
    assert!(reason.contains("move it back to drop/web/2026/"), "{reason}");
    let back = || {
        eventually("the original", SOON, || {
            let from = mill.path("failed/web/2026/a.jpg");
            fs::create_dir_all(mill.path("drop/web/2026")).unwrap();
            fs::rename(from, mill.path("drop/web/2026/a.jpg")).ok()
        });
    };
    fs::write(mill.place.path("recipes/web.toml"), "recipe = \"resise:48\"").unwrap();
    back();
    eventually("another reason", SOON, || {
        let reason = fs::read_to_string(mill.path("failed/web/2026/a.jpg.reason.txt")).ok()?;
        (reason.contains("did you mean `resize`?")).then_some(())
    });
    mill.write_recipe("web", SMALL);
    back();
    assert_eq!(mill.until_there("done/web/2026/a.jpg"), photo(1));
    assert_eq!(mill.until_there("out/web/2026/a.jpg.png"), ground(&photo(1), SMALL));
    assert!(up.stdout().contains("failed  web/2026/a.jpg: there is no recipe"));
}

#[test]
fn the_same_name_again_replaces_its_outputs_and_never_an_original() {
    let mill = Mill::new(&[("web", SMALL)]);
    let up = mill.start();
    for (n, name) in [(1, "a.jpg"), (2, "a-2.jpg"), (3, "a-3.jpg")] {
        mill.put("web/a.jpg", &photo(n));
        assert_eq!(mill.until_there(Path::new("done/web").join(name)), photo(n));
        assert_eq!(fs::read(mill.path("out/web/a.jpg.png")).unwrap(), ground(&photo(n), SMALL));
    }
    for (text, name) in [("no", "b.jpg"), ("picture", "b-2.jpg")] {
        mill.put("web/b.jpg", text.as_bytes());
        assert_eq!(mill.until_there(Path::new("failed/web").join(name)), text.as_bytes());
        let reason = mill.until_there(format!("failed/web/{name}.reason.txt"));
        assert!(String::from_utf8(reason).unwrap().contains("not_a_picture"));
    }
    // Put again before the first one is through: the later one's outputs stand.
    for n in 4..9 {
        mill.put("web/c.jpg", &photo(n));
        eventually("it to be taken", SOON, || {
            (!mill.path("drop/web/c.jpg").exists()).then_some(())
        });
    }
    mill.until_there("done/web/c-5.jpg");
    assert_eq!(fs::read(mill.path("out/web/c.jpg.png")).unwrap(), ground(&photo(8), SMALL));
    assert_eq!(frame(&mill.until_there("out/web/c.jpg.png")).width, 48);
    drop(up);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_waited_for_and_said_once() {
    let mill = Mill::new(&[("web", SMALL)]);
    fs::create_dir_all(mill.path("done")).unwrap();
    let allow = |mode| {
        fs::set_permissions(mill.path("done"), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(0o555);
    let up = unprivileged(mill.up()).start();
    mill.put("web/a.jpg", &photo(1));
    mill.put("web/b.jpg", b"no picture");
    mill.put("web/secret.jpg", &photo(2));
    let secret = mill.path("drop/web/secret.jpg");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o000)).unwrap();
    eventually("a word about it", SOON, || {
        up.stderr().contains("to done: Permission denied").then_some(())
    });
    // Others are not kept by that; what may not be read has failed.
    mill.until_there("failed/web/b.jpg");
    eventually("a reason", SOON, || {
        let reason = mill.path("failed/web/secret.jpg.reason.txt");
        let reason = fs::read_to_string(reason).ok()?;
        assert!(reason.contains("source_denied"), "{reason}");
        Some(())
    });
    mill.put("web/later.jpg", &photo(3));
    eventually("three results", SOON, || (result_count(&mill.place.data()) == 4).then_some(()));
    allow(0o755);
    assert_eq!(mill.until_there("done/web/a.jpg"), photo(1));
    assert_eq!(mill.until_there("done/web/later.jpg"), photo(3));
    let said = up.stderr();
    assert_eq!(said.matches("to done: Permission denied").count(), 1, "{said}");
    eventually("the word that it is over", SOON, || {
        up.stderr().contains("is mended").then_some(())
    });
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost() {
    let mill = Mill::new(&[("web", SMALL)]);
    let Some(disk) = SmallDisk::new(&mill.place.data(), "size=32m") else { return };
    let up = disk.see(mill.up()).start();
    let path = |name: &str| disk.path().join(name);
    eventually("the folder", SOON, || path("drop/web").is_dir().then_some(()));
    fs::create_dir(path("drop/.coming")).unwrap();
    for n in 0..12 {
        fs::write(path("drop/.coming").join(format!("{n}.jpg")), photo(n)).unwrap();
    }
    let filler = disk.fill(0);
    fs::rename(path("drop/.coming"), path("drop/web/came")).unwrap();
    eventually("a word about it", SOON, || {
        let said = up.stderr();
        (said.contains("No space left on device") || said.contains("is full")).then_some(())
    });
    fs::remove_file(filler).unwrap();
    let names = |folder: &str| fs::read_dir(path(folder)).map_or(0, Iterator::count);
    eventually("all of them", SOON, || (names("done/web/came") == 12).then_some(()));
    assert_eq!((names("out/web/came"), names("drop/web/came"), names("failed")), (12, 0, 0));
    assert!(up.stderr().lines().count() < 12, "{}", up.stderr());
}

/// What is written about the hauls that are there.
fn haul_documents(mill: &Mill) -> Vec<String> {
    let ends = mill.names("taken").into_iter().filter_map(|path| {
        let end = path.extension()?.to_str()?;
        ["planned", "sent"].contains(&end).then(|| end.to_owned())
    });
    ends.collect()
}

#[test]
fn a_kill_at_any_step_is_made_good_by_the_next_one() {
    let mill = Mill::new(&[("web", SMALL)]);
    let batches = mill.path("objects/batches");
    for directory in [&batches, &mill.path("done/web"), &mill.path("drop/web")] {
        fs::create_dir_all(directory).unwrap();
    }
    let is_taken = |name: &str| {
        mill.names("taken").iter().any(|path| path.ends_with(Path::new("web").join(name)))
    };
    // Where it is stopped: by what it may not do, with which document of its haul.
    let steps: [(&str, &Path, u32, Option<&str>); 3] = [
        ("taken.jpg", &batches, 0o000, None),
        ("sent.jpg", &batches, 0o555, Some("planned")),
        ("ended.jpg", &mill.path("done/web"), 0o555, Some("sent")),
    ];
    for (n, (name, place, mode, document)) in (1..).zip(steps) {
        let allow = |mode| fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        allow(mode);
        let up = unprivileged(mill.up()).start();
        mill.put(Path::new("web").join(name), &photo(n));
        eventually("the trouble", SOON, || up.stderr().contains("Permission denied").then_some(()));
        assert!(is_taken(name), "{name}: {:?}", mill.names("taken"));
        let documents = haul_documents(&mill);
        assert_eq!(documents, document.into_iter().collect::<Vec<_>>(), "{name}");
        mill.kill(up);
        allow(0o755);
        let up = mill.start();
        assert_eq!(mill.until_there(Path::new("done/web").join(name)), photo(n));
        eventually("the end of the haul", SOON, || haul_documents(&mill).is_empty().then_some(()));
        mill.kill(up);
        assert_eq!(results(&mill.place.data()).len(), n as usize, "{name}");
        assert_eq!(mill.names("done").len(), n as usize, "{name}");
        let status = mill.status();
        assert_eq!(status["batches"][0]["jobs"], n, "{name} was counted twice");
    }
}
