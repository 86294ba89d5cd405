//! The campaign of `tools/soak.sh`, small enough for every day: photographs under `kill -9`.

use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use crate::harness::{
    Patience, Place, assert_same, kill, photo_of, result_count, results, workers_of,
};

const PHOTOS: u32 = 60;

/// Every fourth hits the parent.
const KILLS: usize = 12;

/// Two outputs; some work, so that most kills hit a picture.
const RECIPE: &str = "thumb = resize:128 | blur:9 -> jpeg; web = blur:31 | resize:900 -> jpeg";

#[test]
fn photographs_under_constant_killing_come_out_as_if_nothing_had_been() {
    let place = Place::new();
    for n in 0..PHOTOS {
        place.put(format!("{}/photo-{n}.jpg", n % 4), &photo_of(n, 1600 + n * 3, 1200));
    }
    let run = || {
        let run = place.run(RECIPE).args(["--jobs", "2", "--max-attempts", "7", "--json"]);
        run.bound(Duration::from_mins(2)).start()
    };
    let mut rng = Rng::with_seed(2026);
    let state = place.out().join(".pixmill");
    let (mut workers_killed, mut parents_killed) = (0, 0);
    let mut running = run();
    while running.is_running() {
        // By progress, as a fast machine is through before a clock has killed enough.
        let due = (workers_killed + parents_killed + 1) * PHOTOS as usize / (KILLS + 1);
        if result_count(&state) < due || workers_killed + parents_killed == KILLS {
            Patience::new(Duration::from_secs(1)).wait();
            continue;
        }
        let moment = Patience::new(Duration::from_millis(rng.u64(..150)));
        while moment.wait() {}
        if (workers_killed + parents_killed) % 4 == 3 {
            parents_killed += 1;
            running.kill();
            running = run();
            continue;
        }
        let workers = workers_of(running.pid());
        if !workers.is_empty() {
            workers_killed += 1;
            kill(workers[rng.usize(..workers.len())], Signal::KILL);
        }
    }
    running.end().expect(0);
    assert!(parents_killed > 1, "only {parents_killed} parents were killed");
    assert!(workers_killed > 3, "only {workers_killed} workers were killed");
    assert_eq!(results(&state).len(), PHOTOS as usize);
    assert_same(&place.undisturbed(RECIPE), &place.out());
}
