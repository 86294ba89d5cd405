//! The campaigns on S3 and SQS: at full size by `make soak`, small enough for every day here.
//! `PIXMILL_SOAK_JOBS` is how many jobs each has.

use std::time::Duration;

use rustix::process::Signal;

use super::{SOON, assert_all_done, consumer, drain};
use crate::harness::{Cloud, Patience, Place, TWO, Treatment, eventually, now, peak_memory};

/// How many jobs, and whether somebody asked for that many.
fn jobs() -> (u32, bool) {
    let asked = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_JOBS");
    asked.map_or((120, false), |(_, jobs)| (jobs.parse().unwrap(), true))
}

/// Long enough for so many jobs, on a machine as slow as may be.
fn bound(jobs: u32) -> Duration {
    SOON + Duration::from_secs(u64::from(jobs) / 5)
}

#[test]
fn many_jobs_cost_few_requests_and_little_memory() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let (jobs, _) = jobs();
    place.put_photos(jobs);
    let worker = cloud.pixmill("consumer").args(["--slots", "2", "--poll", "1s"]).start();
    let start = now();
    let waited = cloud.submit(&place, TWO).arg("--wait").bound(bound(jobs)).go().expect(0);
    let took = start.elapsed();
    assert!(waited.stdout.contains(&format!("{jobs} done, 0 failed")), "{}", waited.stdout);
    let (requests, memory) = (cloud.gateway.take_requests().len(), peak_memory(worker.pid()));
    drain(worker);
    assert_all_done(&cloud, jobs);
    let per_second = f64::from(jobs) / took.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    let per_job = requests as f64 / f64::from(jobs);
    println!(
        "{jobs} jobs of 2 outputs: {per_second:.1} images/s, {per_job:.2} requests an image, \
         {} MB of memory at most in the consumer",
        memory >> 20
    );
    // An upload, a read, two outputs, a result; messages come, go and are answered in tens.
    assert!(per_job < 8.0, "{per_job} requests an image");
}

#[test]
fn constant_killing_and_duplicates_lose_nothing_and_show_one_result_a_job() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let (jobs, is_soak) = jobs();
    place.put_photos(jobs);
    let mut n = 0;
    cloud.gateway.treat(move |request| {
        let sends = request.action == "SendMessageBatch";
        n += u32::from(sends);
        if sends && n.is_multiple_of(4) { Treatment::Twice } else { Treatment::Pass }
    });
    cloud.submit(&place, TWO).args(["--batch", "b"]).bound(bound(jobs)).go().expect(0);
    assert!(cloud.depth(&cloud.queue) > u64::from(jobs), "nothing was sent twice");

    // A service that is far away, so that a life is not over before it has begun to work.
    cloud.gateway.delay(Duration::from_millis(10));
    let shortest = Duration::from_millis(if is_soak { 1000 } else { 500 });
    // As many attempts as there may be: every kill is one for what is in work.
    let settings = ["--visibility", "3s", "--max-attempts", "7"];
    let mut workers = [0, 1].map(|_| consumer(&cloud, "w", &settings));
    let (patience, mut kills) = (Patience::new(bound(jobs)), 0);
    let (mut life, mut done) = (shortest, 0);
    while done < jobs as usize {
        assert!(patience.wait(), "the results do not come");
        let nap = Patience::new(life);
        while nap.wait() {}
        workers[kills % 2].signal(Signal::KILL);
        workers[kills % 2] = consumer(&cloud, "w", &settings);
        kills += 1;
        // On a busy machine a life may be too short for a single job.
        let before = std::mem::replace(&mut done, cloud.keys("results/").len());
        life = if done == before { (life * 2).min(16 * shortest) } else { shortest };
    }
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drop(workers);
    assert_all_done(&cloud, jobs);
    println!("{jobs} jobs under kill -9: {kills} workers killed, one result a job");
    assert!(kills >= 2, "only {kills} kills");
}
