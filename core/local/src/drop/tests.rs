//! The drop folder, killed between any two steps: all that it is, is on the disk.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::*;

const NOW: Duration = Duration::ZERO;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> DropFolder {
        DropFolder::open(self.0.path(), NOW).unwrap().unwrap()
    }

    fn open_is_refused(&self) {
        assert!(DropFolder::open(self.0.path(), NOW).unwrap().is_none());
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: impl AsRef<Path>, text: &str) {
        let path = self.path(DROP).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }
}

fn look(folder: &mut DropFolder) -> Vec<Found> {
    folder.look(1000, &HashSet::new()).unwrap().ready
}

fn take(folder: &mut DropFolder, haul: &str) -> Vec<Taken> {
    let found = look(folder);
    let (taken, troubles) = folder.take(haul, &found);
    assert!(troubles.is_empty(), "{troubles:?}");
    taken
}

#[test]
fn a_kill_after_any_step_is_made_good_by_the_next_process() {
    let home = Home::new();
    home.put("web/a.jpg", "a");
    home.put("web/b.jpg", "b");
    // Killed after a look: all is as before.
    {
        let mut folder = home.open();
        home.open_is_refused();
        assert_eq!(look(&mut folder).len(), 2);
    }
    // Killed after one of two renames.
    {
        let mut folder = home.open();
        let found = look(&mut folder);
        assert_eq!(folder.take("h1", &found[..1]).0.len(), 1);
    }
    // Killed when jobs were planned, and when they were sent.
    {
        let mut folder = home.open();
        let hauls = folder.hauls().unwrap();
        assert_eq!((hauls.len(), &hauls[0].document), (1, &Document::None));
        assert_eq!(look(&mut folder).len(), 1);
        folder.plan("h1", b"jobs").unwrap();
    }
    {
        let folder = home.open();
        assert_eq!(folder.hauls().unwrap()[0].document, Document::Planned(b"jobs".to_vec()));
        folder.mark_sent("h1").unwrap();
    }
    // Killed after the reason was written.
    {
        let folder = home.open();
        let hauls = folder.hauls().unwrap();
        assert_eq!(hauls[0].document, Document::Sent(b"jobs".to_vec()));
        fs::create_dir_all(home.path("failed/web")).unwrap();
        fs::write(home.path("failed/web/a.jpg.reason.txt"), "old").unwrap();
        let aside = folder.failed("h1", &hauls[0].files[0], "because").unwrap();
        assert_eq!(aside, Aside::At("failed/web/a.jpg".into()));
        assert_eq!(home.read("failed/web/a.jpg.reason.txt").unwrap(), "because");
        assert_eq!(home.read("failed/web/a.jpg").unwrap(), "a");
    }
    // Killed after the last file was put aside, before its documents went.
    fs::write(home.path("taken/h1.sent"), "jobs").unwrap();
    let mut folder = home.open();
    assert!(folder.hauls().unwrap().is_empty());
    assert!(!home.path("taken/h1.sent").exists() && !home.path("taken/h1").exists());
    let taken = take(&mut folder, "h2");
    assert_eq!(folder.done("h2", &taken[0]).unwrap(), Aside::At("done/web/b.jpg".into()));
    assert_eq!(home.read("done/web/b.jpg").unwrap(), "b");
}

#[test]
fn nothing_is_overwritten_wherever_a_file_is_put() {
    let home = Home::new();
    let mut folder = home.open();
    for (n, text) in ["one", "two", "three"].iter().enumerate() {
        home.put("web/a.jpg", text);
        let taken = take(&mut folder, &format!("h{n}"));
        folder.done(&format!("h{n}"), &taken[0]).unwrap();
        home.put("web/a.jpg", text);
        let taken = take(&mut folder, &format!("f{n}"));
        folder.failed(&format!("f{n}"), &taken[0], text).unwrap();
    }
    for (name, text) in [("a.jpg", "one"), ("a-2.jpg", "two"), ("a-3.jpg", "three")] {
        for folder in [DONE, FAILED] {
            assert_eq!(home.read(&format!("{folder}/web/{name}")).as_deref(), Some(text));
        }
        assert_eq!(home.read(&format!("failed/web/{name}.reason.txt")).as_deref(), Some(text));
    }
}

#[test]
fn links_pipes_and_what_is_hidden_stay_where_they_are() {
    let home = Home::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.jpg"), "secret").unwrap();
    let mut folder = home.open();
    fs::create_dir(home.path("drop/web")).unwrap();
    symlink(outside.path().join("secret.jpg"), home.path("drop/web/link.jpg")).unwrap();
    symlink(outside.path(), home.path("drop/web/folder")).unwrap();
    symlink(outside.path(), home.path("drop/other")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, home.path("drop/pipe.jpg"), 0o600.into()).unwrap();
    home.put(".hidden/a.jpg", "a");
    home.put("web/.a.jpg", "a");
    home.put("web/a.jpg.part", "a");
    assert_eq!(look(&mut folder), []);
}

#[test]
fn a_folder_that_becomes_a_link_between_look_and_move_leads_nowhere() {
    let home = Home::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a.jpg"), "outside").unwrap();
    home.put("web/a.jpg", "inside");
    let mut folder = home.open();
    let found = look(&mut folder);
    fs::rename(home.path("drop/web"), home.path("drop/was")).unwrap();
    symlink(outside.path(), home.path("drop/web")).unwrap();
    let (taken, troubles) = folder.take("h", &found);
    assert_eq!((taken.len(), troubles.len()), (0, 1));
    assert!(outside.path().join("a.jpg").exists());
    // Nor does one where a file is to be put.
    let taken = take(&mut folder, "h");
    assert_eq!(taken[0].path, Path::new("was/a.jpg"));
    symlink(outside.path(), home.path("done/was")).unwrap();
    assert!(folder.done("h", &taken[0]).is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_changes_after_it_was_found_or_taken_goes_back() {
    let home = Home::new();
    home.put("a.jpg", "one");
    let mut folder = home.open();
    let found = look(&mut folder);
    home.put("a.jpg", "longer");
    let (taken, troubles) = folder.take("h", &found);
    assert!(taken.is_empty() && troubles.is_empty());
    assert_eq!(home.read("drop/a.jpg").as_deref(), Some("longer"));
    let taken = take(&mut folder, "h");
    fs::write(home.path("taken/h/a.jpg"), "written on").unwrap();
    home.put("a.jpg", "new");
    assert_eq!(folder.done("h", &taken[0]).unwrap(), Aside::Back);
    assert_eq!(home.read("drop/a.jpg").as_deref(), Some("new"));
    assert_eq!(home.read("drop/a-2.jpg").as_deref(), Some("written on"));
    let taken = take(&mut folder, "h");
    fs::remove_file(home.path("taken/h/a.jpg")).unwrap();
    let gone = taken.iter().find(|taken| taken.path == Path::new("a.jpg")).unwrap();
    assert_eq!(folder.done("h", gone).unwrap(), Aside::Gone);
}

#[test]
fn any_name_that_a_file_can_have_is_taken_and_put_aside() {
    let home = Home::new();
    let mut folder = home.open();
    let long = "x".repeat(255);
    for name in
        [b"not \xff utf-8".as_slice(), b"new\nline", b"50%", "写真".as_bytes(), long.as_bytes()]
    {
        home.put(Path::new("web").join(OsStr::from_bytes(name)), "a");
        let taken = take(&mut folder, "h");
        let Aside::At(done) = folder.done("h", &taken[0]).unwrap() else { panic!("{taken:?}") };
        assert_eq!(done, Path::new("done/web").join(OsStr::from_bytes(name)));
        home.put(Path::new("web").join(OsStr::from_bytes(name)), "a");
        let taken = take(&mut folder, "h");
        let Aside::At(failed) = folder.failed("h", &taken[0], "x").unwrap() else { panic!() };
        assert!(home.path(failed).is_file());
    }
}

#[test]
fn a_file_of_a_name_that_is_in_work_waits() {
    let home = Home::new();
    home.put("a.jpg", "a");
    let mut folder = home.open();
    let busy = HashSet::from([PathBuf::from("a.jpg")]);
    let looked = folder.look(10, &busy).unwrap();
    assert_eq!((looked.ready.len(), looked.waiting), (0, 1));
    assert_eq!(look(&mut folder).len(), 1);
}

#[test]
fn a_file_that_has_its_new_name_and_still_the_old_one_has_been_moved() {
    let home = Home::new();
    let mut folder = home.open();
    for top in [DONE, FAILED] {
        home.put("a.jpg", "a");
        let taken = take(&mut folder, "h");
        // Where a file system can only link, a process may be killed before it unlinks.
        fs::hard_link(home.path("taken/h/a.jpg"), home.path(top).join("a.jpg")).unwrap();
        let aside = match top {
            DONE => folder.done("h", &taken[0]),
            _ => folder.failed("h", &taken[0], "because"),
        };
        assert_eq!(aside.unwrap(), Aside::At(Path::new(top).join("a.jpg")));
        assert!(!home.path("taken/h").exists());
    }
    assert_eq!(home.read("failed/a.jpg.reason.txt").as_deref(), Some("because"));
}
