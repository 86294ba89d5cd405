//! Killing: workers, the parent, or everything, at moments that a seed chooses. What is done stays
//! as it is, the rest is done, and what comes out is what an undisturbed run makes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use crate::harness::{
    Patience, Place, Running, TWO, assert_same, eventually, kill, result_count, results, stays,
    workers_of,
};

const PHOTOS: u32 = 40;

const SOON: Duration = Duration::from_mins(1);

/// The inode, modification time and bytes of a file.
type Print = (u64, i64, i64, Vec<u8>);

fn print(path: &Path) -> Print {
    let meta = fs::metadata(path).unwrap();
    (meta.ino(), meta.mtime(), meta.mtime_nsec(), fs::read(path).unwrap())
}

/// What is done: the result documents and the outputs that they name.
fn finished(out: &Path) -> BTreeMap<PathBuf, Print> {
    let state = out.join(".pixmill");
    let mut finished = BTreeMap::new();
    for result in results(&state).values() {
        assert_eq!(result["state"], "done", "{result}");
        let (batch, id) = (result["batch"].as_str().unwrap(), result["id"].as_str().unwrap());
        let document = state.join(format!("objects/results/{batch}/{id}.json"));
        finished.insert(document.clone(), print(&document));
        for output in result["outputs"].as_array().unwrap() {
            let key = output["key"].as_str().unwrap();
            let path = out.join(key.strip_prefix("outputs/").unwrap());
            finished.insert(path.clone(), print(&path));
        }
    }
    finished
}

#[track_caller]
fn assert_untouched(before: &BTreeMap<PathBuf, Print>) {
    for (path, was) in before {
        assert!(print(path) == *was, "{} was done and has been touched", path.display());
    }
}

/// Waits until so many jobs have ended.
fn until_done(place: &Place, running: &mut Running, count: usize) {
    let state = place.out().join(".pixmill");
    eventually("some results", SOON, || {
        (result_count(&state) >= count || !running.is_running()).then_some(())
    });
}

fn signal_all(processes: &[u32], signal: Signal) {
    for pid in processes {
        kill(*pid, signal);
    }
}

fn assert_all_done_once(place: &Place) {
    let ends = results(&place.out().join(".pixmill"));
    assert_eq!(ends.len(), PHOTOS as usize);
    assert_same(&place.undisturbed(TWO), &place.out());
}

#[test]
fn killed_workers_are_replaced_and_cost_nothing_but_time() {
    let place = Place::new();
    place.put_photos(PHOTOS);
    let mut rng = Rng::with_seed(1);
    let mut running = place.run(TWO).args(["--jobs", "2", "--max-attempts", "7", "--json"]).start();
    let mut killed = vec![];
    let mut done = 1;
    while running.is_running() && killed.len() < 5 {
        until_done(&place, &mut running, done);
        let mut workers = workers_of(running.pid());
        // One that was killed takes its time to die.
        workers.retain(|pid| !killed.contains(pid));
        if !workers.is_empty() {
            let victim = workers[rng.usize(..workers.len())];
            kill(victim, Signal::KILL);
            killed.push(victim);
        }
        done += 6;
    }
    let ended = running.end().expect(0);
    assert_eq!(ended.json()["workers_died"], killed.len());
    assert_all_done_once(&place);
}

#[test]
fn a_killed_run_goes_on_at_once_and_redoes_nothing() {
    let place = Place::new();
    place.put_photos(PHOTOS);
    for done in [4, 14, 24] {
        let mut running = place.run(TWO).start();
        until_done(&place, &mut running, done);
        let workers = workers_of(running.pid());
        running.kill();
        // The workers notice, and end by themselves.
        eventually("an end of the workers", SOON, || {
            let alive = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
            workers.iter().find(alive).is_none().then_some(())
        });
        let before = finished(&place.out());
        let mut running = place.run(TWO).start();
        until_done(&place, &mut running, done + 3);
        assert_untouched(&before);
        running.kill();
    }
    let before = finished(&place.out());
    place.run(TWO).go().expect(0);
    assert_untouched(&before);
    assert_all_done_once(&place);
}

#[test]
fn killing_everything_at_random_moments_changes_nothing_in_the_end() {
    for seed in 0..3 {
        let place = Place::new();
        place.put_photos(PHOTOS);
        let mut rng = Rng::with_seed(seed);
        for _ in 0..4 {
            let running = place.run(TWO).args(["--jobs", "2"]).start();
            let patience = Patience::new(Duration::from_millis(rng.u64(20..900)));
            while patience.wait() {}
            // Workers first, parent first, or one of both alone.
            let workers = workers_of(running.pid());
            if rng.bool() {
                signal_all(&workers, Signal::KILL);
            }
            running.kill();
            signal_all(&workers, Signal::KILL);
        }
        let before = finished(&place.out());
        place.run(TWO).go().expect(0);
        assert_untouched(&before);
        assert_all_done_once(&place);
    }
}

#[test]
fn a_new_run_need_not_wait_for_the_workers_of_a_killed_one() {
    let place = Place::new();
    place.put_photos(PHOTOS);
    let mut running = place.run(TWO).args(["--jobs", "2"]).start();
    until_done(&place, &mut running, 3);
    let stopped = workers_of(running.pid());
    // They cannot notice that their parent is gone, and hold their jobs.
    signal_all(&stopped, Signal::STOP);
    running.signal(Signal::KILL);
    eventually("an end of the parent", SOON, || (!running.is_running()).then_some(()));
    place.run(TWO).go().expect(0);
    let before = finished(&place.out());
    signal_all(&stopped, Signal::CONT);
    eventually("an end of the old workers", SOON, || {
        let alive = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
        stopped.iter().find(alive).is_none().then_some(())
    });
    assert_untouched(&before);
    assert_all_done_once(&place);
}

#[test]
fn workers_do_not_outlive_their_parent() {
    let place = Place::new();
    place.put("endless.jpg", &crate::harness::marked(1, "hang"));
    let mut running = place.run(TWO).start();
    let workers = eventually("workers", SOON, || {
        let workers = workers_of(running.pid());
        (!workers.is_empty()).then_some(workers)
    });
    stays("running", Duration::from_millis(300), || running.is_running());
    running.kill();
    eventually("an end of the workers", SOON, || {
        let alive = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
        workers.iter().find(alive).is_none().then_some(())
    });
}
