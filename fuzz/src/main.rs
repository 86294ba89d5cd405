//! Fuzzes for so long, in a child that may crash or hang, and tells the number of what did it.
//!
//! ```text
//! pixmill-fuzz all 60            every target for a minute
//! pixmill-fuzz png 3600          one target for an hour
//! pixmill-fuzz try png 4711      one input again, in this process
//! pixmill-fuzz show png 4711     that input, on standard output
//! pixmill-fuzz files 5000 DIR    so many changed files, to be ground by the real program
//! pixmill-fuzz peak FILE RECIPE  what a job was admitted with and took, in bytes
//! pixmill-fuzz life 10000        resident memory over the life of one process
//! ```

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use fastrand::Rng;
use pixmill_contract::{Clock as _, SystemClock, Timestamp};
use pixmill_fuzz::{Corpus, Peak, TARGETS, Target, is_flat, life, mutate, peak};

/// An input that takes longer hangs. Two thousand pictures a second are usual.
const HANGS: Duration = Duration::from_secs(30);

/// How often the child is looked at.
const LOOK: Duration = Duration::from_millis(200);

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["try", target, number] => {
            let number: u64 = number.parse()?;
            named(target)?.try_all(number..=number, drop);
            Ok(ExitCode::SUCCESS)
        }
        ["show", target, number] => {
            std::io::stdout().write_all(&named(target)?.input(number.parse()?))?;
            Ok(ExitCode::SUCCESS)
        }
        ["child", target, first, place] => child(named(target)?, first.parse()?, Path::new(place)),
        ["peak", file, recipe] => {
            let Peak { estimated, grown } = peak(&fs::read(file)?, &recipe.parse()?)
                .map_err(|rejection| rejection.to_string())?;
            println!("{estimated} {grown}");
            Ok(ExitCode::SUCCESS)
        }
        ["life", pictures] => {
            let marks = life(pictures.parse()?);
            let megabytes: Vec<_> = marks.iter().map(|bytes| bytes >> 20).collect();
            println!("{pictures} pictures, resident MiB along the way: {megabytes:?}");
            Ok(ExitCode::from(u8::from(!is_flat(&marks))))
        }
        ["files", count, directory] => files(count.parse()?, Path::new(directory)),
        ["all", seconds] => {
            let seconds = seconds.parse()?;
            TARGETS.iter().try_fold(ExitCode::SUCCESS, |code, target| {
                let found = fuzz(target, seconds)?;
                Ok(if found { ExitCode::FAILURE } else { code })
            })
        }
        [target, seconds] => {
            let found = fuzz(&named(target)?, seconds.parse()?)?;
            Ok(ExitCode::from(u8::from(found)))
        }
        _ => {
            Err("pixmill-fuzz all|TARGET SECONDS | try|show TARGET NUMBER | files COUNT DIR".into())
        }
    }
}

fn named(name: &str) -> Fallible<Target> {
    let names = || TARGETS.map(|target| target.name).join(", ");
    Target::find(name).ok_or_else(|| format!("{name} is none of {}", names()).into())
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// Tries numbers for so long; whether something was found.
fn fuzz(target: &Target, seconds: u64) -> Fallible<bool> {
    let place = std::env::temp_dir().join(format!("pixmill-fuzz-{}", std::process::id()));
    let (began, mut tried, mut found) = (now(), 0, vec![]);
    let spent = children_seconds();
    // Another day, other numbers.
    let mut next = began.millis() << 20;
    while now().since(began) < Duration::from_secs(seconds) {
        let first = next;
        let left = Duration::from_secs(seconds).saturating_sub(now().since(began));
        let ended = watch(start(target, first, &place)?, &place, left)?;
        let at = number_at(&place).unwrap_or(first);
        tried += at - first;
        next = at + 1;
        if let Some(how) = ended {
            println!("{} {at}: {how}", target.name);
            found.push(at);
        }
    }
    drop(fs::remove_file(&place));
    let (name, spent, found_count) = (target.name, children_seconds() - spent, found.len());
    println!("{name:<10} {tried:>10} inputs in {spent} s of a core, {found_count} found");
    Ok(!found.is_empty())
}

/// The seconds that children which have ended took of a core, where the system tells.
fn children_seconds() -> u64 {
    const TICKS_A_SECOND: u64 = 100;
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields.split(' ').skip(13).take(2).map(|field| field.parse().unwrap_or(0));
    ticks.sum::<u64>() / TICKS_A_SECOND
}

fn start(target: &Target, first: u64, place: &Path) -> Fallible<Child> {
    fs::write(place, first.to_le_bytes())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", target.name, &first.to_string()]).arg(place).stdin(Stdio::piped());
    Ok(command.spawn()?)
}

/// Waits for the child's end, or ends it when the time is over; how it ended, if not by us.
fn watch(mut child: Child, place: &Path, left: Duration) -> Fallible<Option<String>> {
    let (began, mut seen) = (now(), (number_at(place), now()));
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().map(|signal| format!("killed by signal {signal}"));
            return Ok(Some(signal.unwrap_or_else(|| format!("ended with {:?}", status.code()))));
        }
        let at = number_at(place);
        if at != seen.0 {
            seen = (at, now());
        }
        let hangs = now().since(seen.1) > HANGS;
        if hangs || now().since(began) > left {
            child.kill()?;
            child.wait()?;
            return Ok(hangs.then(|| format!("takes longer than {HANGS:?}")));
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a parent that looks at its child now and then")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// What the child is at.
fn number_at(place: &Path) -> Option<u64> {
    let bytes = fs::read(place).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Tries numbers until it is killed, and leaves behind which it is at.
fn child(target: Target, first: u64, place: &Path) -> Fallible<ExitCode> {
    let file = fs::OpenOptions::new().write(true).open(place)?;
    // Standard input ends with the parent, however that goes.
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut vec![]));
        std::process::exit(0);
    });
    target.try_all(first.., |number| {
        // Without it nobody knows what was found.
        file.write_all_at(&number.to_le_bytes(), 0).expect("the place of the number");
    });
    Ok(ExitCode::SUCCESS)
}

/// Writes changed files of every format, each under a name that says what it is.
fn files(count: u64, directory: &Path) -> Fallible<ExitCode> {
    fs::create_dir_all(directory)?;
    let kinds = ["jpg", "png", "webp", "gif", "bmp", "tif"];
    let corpora = kinds.map(|kind| (kind, Corpus::pictures(&[kind])));
    for number in 0..count {
        let mut dice = Rng::with_seed(number);
        let (kind, corpus) = &corpora[dice.usize(0..corpora.len())];
        let path: PathBuf = directory.join(format!("{:03}/{number:06}.{kind}", number / 1000));
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, mutate(corpus, &mut dice))?;
    }
    println!("{count} files");
    Ok(ExitCode::SUCCESS)
}
