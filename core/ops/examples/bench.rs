//! The stopwatch of `make bench`: measures what it is told on standard input, a task a line, with
//! its fields parted by tabs, and answers each with a line. Times are nanoseconds: of this thread
//! on its core, where there is one thread, so that other work on the machine does not count.
//!
//! ```text
//! load   RECIPE WIDTH HEIGHT CHANNELS FILE   a decoded picture for a chain of operations: ok
//! run    TIMES                               that chain, without codecs: the time of one
//! made   FILE                                what it makes, into a file: WIDTH HEIGHT CHANNELS
//! job    RECIPE FILE OUT TIMES               bytes in, bytes out, by one mill: the time of one
//! faults RECIPE FILE TIMES                   the same: the page faults of so many jobs, after some
//! batch  RECIPE DIRECTORY THREADS OUT        every file of a directory: the time of all, on the
//!                                            clock and on the cores
//! level  N                                   without instructions beyond those of level N: ok
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement may panic")]
#![allow(clippy::print_stdout, reason = "its answers are its output")]
#![allow(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]

use std::io::{Write as _, stdin, stdout};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pixmill_contract::{Limits, Recipe};
use pixmill_ops::{Bench, Mill, Overlays};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let mut mill = Mill::new(Limits::default());
    let mut loaded = None;
    for line in stdin().lines() {
        let line = line.unwrap();
        let fields: Vec<&str> = line.split('\t').collect();
        let answer = match fields.as_slice() {
            ["load", recipe, width, height, channels, file] => {
                let size = (width.parse().unwrap(), height.parse().unwrap());
                let bench = Bench::new(recipe.parse().unwrap(), size, channels.parse().unwrap());
                loaded = Some((bench, std::fs::read(file).unwrap()));
                "ok".to_owned()
            }
            ["run", times] => {
                let (bench, pixels) = loaded.as_mut().unwrap();
                operations(bench, pixels, times.parse().unwrap()).to_string()
            }
            ["made", file] => {
                let (width, height, channels, pixels) = loaded.as_ref().unwrap().0.made();
                std::fs::write(file, pixels).unwrap();
                format!("{width}\t{height}\t{channels}")
            }
            ["job", recipe, file, out, times] => {
                let (recipe, source) = (recipe.parse().unwrap(), std::fs::read(file).unwrap());
                job(&mut mill, &recipe, &source, Path::new(out), times.parse().unwrap()).to_string()
            }
            ["faults", recipe, file, times] => {
                let (recipe, source) = (recipe.parse().unwrap(), std::fs::read(file).unwrap());
                faults(&mut mill, &recipe, &source, times.parse().unwrap()).to_string()
            }
            ["batch", recipe, directory, threads, out] => {
                let recipe = recipe.parse().unwrap();
                batch(&recipe, directory, threads.parse().unwrap(), Path::new(out))
            }
            ["level", level] => {
                Bench::limit_level(level.parse().unwrap());
                "ok".to_owned()
            }
            _ => panic!("{line} is no task"),
        };
        println!("{answer}");
        stdout().flush().unwrap();
    }
}

/// What a clock of this process or thread shows.
fn spent(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Some operations work in place, so the picture is put back before each run, off the clock.
fn operations(bench: &mut Bench, pixels: &[u8], times: u32) -> i64 {
    let mut total = 0;
    for _ in 0..times {
        bench.load(pixels);
        let begun = spent(ClockId::ThreadCPUTime);
        bench.run();
        total += spent(ClockId::ThreadCPUTime) - begun;
    }
    total / i64::from(times)
}

fn job(mill: &mut Mill, recipe: &Recipe, source: &[u8], out: &Path, times: u32) -> i64 {
    let begun = spent(ClockId::ThreadCPUTime);
    let mut made = vec![];
    for _ in 0..times {
        made = mill.grind(source, recipe, &Overlays::default()).unwrap().pictures.remove(0).bytes;
    }
    let total = spent(ClockId::ThreadCPUTime) - begun;
    std::fs::write(out, made).unwrap();
    total / i64::from(times)
}

/// How often the processor found a page missing, or not yet there, while jobs ran one after the other.
fn faults(mill: &mut Mill, recipe: &Recipe, source: &[u8], times: u32) -> i64 {
    let mut run = |times: u32| {
        for _ in 0..times {
            mill.grind(source, recipe, &Overlays::default()).unwrap();
        }
        // The eighth field behind the name, which stands in brackets.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let behind = stat.rsplit(") ").next().unwrap();
        behind.split(' ').nth(7).unwrap().parse::<i64>().unwrap()
    };
    let before = run(3);
    run(times) - before
}

/// Reads before and writes after the clock runs; what is timed is bytes to bytes.
fn batch(recipe: &Recipe, directory: &str, threads: usize, out: &Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let sources: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut mill = Mill::new(Limits::default());
        let mut made = vec![];
        while let Some((i, source)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, sources.get(i)?)))
        {
            let ground = mill.grind(source, recipe, &Overlays::default()).unwrap();
            made.push((i, ground.pictures.into_iter().next().unwrap().bytes));
        }
        made
    };
    let (begun, on_cores) = (Instant::now(), spent(ClockId::ProcessCPUTime));
    let made: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let (on_clock, on_cores) =
        (begun.elapsed().as_nanos(), spent(ClockId::ProcessCPUTime) - on_cores);
    std::fs::create_dir_all(out).unwrap();
    for (i, bytes) in made {
        std::fs::write(out.join(files[i].file_name().unwrap()), bytes).unwrap();
    }
    format!("{on_clock}\t{on_cores}")
}
