//! `pixmill up`: everything on one machine, in one command.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Mill, Place, SOON, ended, eventually, ground, marked, now, photo, plain_up, results,
};

const SMALL: &str = "resize:48 -> png";

#[test]
fn one_command_introduces_itself_works_and_leaves_nothing_behind() {
    let mill = Mill::new(&[("web", SMALL), ("default", "invert -> png")]);
    let up = mill.start();
    for phrase in ["/drop/RECIPE/", "default, web", "/out/", "pixmill submit", "status --data"] {
        assert!(up.stdout().contains(phrase), "{phrase:?} is not in\n{}", up.stdout());
    }
    assert!(mill.path("drop/web").is_dir());
    mill.put("web/2026/a.jpg", &photo(1));
    mill.put("b.jpg", &photo(2));
    assert_eq!(mill.until_there("out/web/2026/a.jpg.png"), ground(&photo(1), SMALL));
    mill.until_there("out/b.jpg.png");
    mill.until_there("done/web/2026/a.jpg");
    mill.until_there("done/b.jpg");
    // Others send jobs, too.
    let other = mill.place.put("other.jpg", &photo(3));
    let sent = mill.place.on_data("submit").arg(other).args(["--recipe", SMALL, "--wait"]);
    sent.go().expect(0);
    let status = mill.status();
    let batches: Vec<_> = status["batches"].as_array().unwrap().iter().collect();
    assert!(batches.iter().any(|b| b["batch"] == "drop-web" && b["done"] == 1 && b["jobs"] == 1));
    assert_eq!((batches.len(), &status["fleet"]["controller"]["name"]), (3, &"up".into()));
    assert!(!mill.place.workers().is_empty());
    up.signal(Signal::INT);
    let said = up.end().expect(0).stdout;
    assert!(mill.place.workers().is_empty());
    for phrase in
        ["took    1 picture into batch drop-web", "done    b.jpg: out/b.jpg.png", "stopped"]
    {
        assert!(said.contains(phrase), "{phrase:?} is not in\n{said}");
    }
    // The next one has its history, and acts at once though nobody gave up the lease.
    let up = mill.start();
    mill.put("web/again.jpg", &photo(4));
    mill.until_there("done/web/again.jpg");
    mill.kill(up);
    let up = mill.start();
    let started = now();
    mill.put("web/more.jpg", &photo(5));
    mill.until_there("done/web/more.jpg");
    assert!(started.elapsed() < Duration::from_secs(25), "it waited for the lease of the dead");
    // Killed alone it leaves its workers to work on, and the next one finds them again.
    drop(up.kill());
    assert!(!mill.place.workers().is_empty());
    let up = mill.start();
    mill.put("web/last.jpg", &photo(6));
    mill.until_there("done/web/last.jpg");
    assert_eq!(ended(&mill.place.data()).len(), 6);
    up.signal(Signal::TERM);
    up.end().expect(0);
    assert!(mill.place.workers().is_empty());
}

#[test]
fn a_drain_finishes_what_is_in_work_and_a_second_signal_does_not_wait() {
    let mill = Mill::new(&[("web", SMALL)]);
    let up = mill.start();
    for n in 0..30 {
        mill.put(format!("web/{n}.jpg"), &photo(n));
    }
    eventually("the first ends", SOON, || (mill.names("done").len() >= 3).then_some(()));
    up.signal(Signal::TERM);
    up.end().expect(0);
    assert!(mill.place.workers().is_empty());
    // What has ended was put aside, and nothing is held by anybody.
    let done = mill.names("done").len();
    assert_eq!(results(&mill.place.data()).len(), done);
    assert_eq!(mill.status()["queue"]["in_flight"], 0);

    // A picture that never ends keeps a drain, and not an abort.
    mill.put("web/hang.jpg", &marked(1, "hang"));
    let up = mill.start();
    eventually("all others", SOON, || (mill.names("done").len() == 30).then_some(()));
    eventually("the worker that hangs", SOON, || {
        (mill.status()["queue"]["in_flight"] == 1).then_some(())
    });
    up.signal(Signal::INT);
    eventually("a word", SOON, || up.stdout().contains("once more").then_some(()));
    let signalled = now();
    up.signal(Signal::INT);
    up.end().expect(0);
    assert!(signalled.elapsed() < Duration::from_secs(10));
    assert!(mill.place.workers().is_empty());
    assert_eq!(mill.status()["queue"]["in_flight"], 0, "it was given back");
}

#[test]
fn a_directory_or_a_folder_in_use_is_refused() {
    let mill = Mill::new(&[("web", SMALL)]);
    let up = mill.start();
    mill.up().go().expect(2).says(&["another `pixmill up` works in"]);
    let other = plain_up().arg("--data").arg(mill.place.path("other"));
    let other = other.arg("--folders").arg(mill.place.data());
    other.go().expect(2).says(&["another pixmill takes from the drop folder in"]);
    drop(up);
    // That of a run has a store of another layout.
    let place = Place::new();
    place.put_photos(1);
    place.run(SMALL).go().expect(0);
    let state = plain_up().arg("--data").arg(place.out().join(".pixmill"));
    state.go().expect(2).says(&["is the state of a `pixmill run`"]);
    let nobody = plain_up().arg("--data").arg(place.data()).args(["--max", "0"]);
    nobody.go().expect(2).says(&["nobody to work"]);
}

#[test]
fn folders_may_be_elsewhere_and_are_not_left_while_pictures_are_in_work() {
    let mill = Mill::new(&[("web", SMALL)]);
    let share = mill.place.path("share");
    let up = mill.up().arg("--folders").arg(&share).start();
    eventually("the folder", SOON, || share.join("drop/web").is_dir().then_some(()));
    fs::write(share.join("drop/web/a.jpg"), photo(1)).unwrap();
    eventually("the end", SOON, || share.join("done/web/a.jpg").is_file().then_some(()));
    assert!(share.join("out/web/a.jpg.png").is_file());
    fs::write(share.join("drop/web/hang.jpg"), marked(1, "hang")).unwrap();
    eventually("it to be taken", SOON, || {
        (!share.join("drop/web/hang.jpg").exists()).then_some(())
    });
    mill.kill(up);
    mill.up().go().expect(2).says(&["pictures are still in work for the folders in"]);
}

#[test]
fn without_recipes_it_says_how_to_write_one() {
    let place = Place::new();
    let up = plain_up().working_in(&place.path("")).start();
    eventually("a hint", SOON, || {
        up.stdout().contains("there are no recipes in recipes/ yet").then_some(())
    });
    assert!(place.path("pixmill-data/drop").is_dir());
    up.signal(Signal::TERM);
    up.end().expect(0);
}
