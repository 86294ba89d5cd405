//! What makes a test a few lines: a place of its own, the real binary with a bound on its time, and
//! looks at what it left behind. Nothing here knows how the product does what it does.

mod aws;
mod clock;
mod disk;
mod http;
mod locks;
mod mill;
mod pictures;
mod process;
mod state;
mod tree;

pub(crate) use aws::{
    ACCOUNT, Cloud, Machine, MetadataService, Power, Region, Request, Software, Treatment,
    token_file, tool,
};
pub(crate) use clock::{Patience, eventually, now, stays};
pub(crate) use disk::SmallDisk;
pub(crate) use http::{Answer, ask};
pub(crate) use locks::{freeze_in_a_write, is_writing};
pub(crate) use mill::{Mill, SOON, plain_up, unprivileged};
pub(crate) use pictures::{
    canvas, frame, ground, large_photo, marked, oriented, photo, photo_of, png_claiming, sample,
    samples, with_claimed_size,
};
pub(crate) use process::{
    Ended, Invocation, Running, UNBEARABLE, cpu_time, freeze, kill, peak_memory, workers_of,
};
pub(crate) use state::{codes, ended, result_count, results};
pub(crate) use tree::{assert_same, files, stamps};

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

/// Two outputs, one of each format; quick.
pub(crate) const TWO: &str = "thumb = resize:96 -> jpeg; gray = grayscale -> png";

/// A place of a test's own, gone with it and with its workers: inputs in `in`, outputs in `out`.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(place.input()).unwrap();
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.path("in")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// The data directory of a pipeline that stays.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The workers of that pipeline that live, whoever started them.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let data = self.data();
        let data = data.as_os_str().as_bytes();
        let is_one = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == 0).collect();
            words.get(1) == Some(&b"consumer".as_slice()) && words.contains(&data)
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(is_one).collect()
    }

    pub(crate) fn kill_workers(&self) {
        for worker in self.workers() {
            kill(worker, Signal::KILL);
        }
    }

    /// Writes an input.
    pub(crate) fn put(&self, name: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        let path = self.input().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes so many photographs, `photo-000.jpg` and on, all different.
    pub(crate) fn put_photos(&self, count: u32) {
        for n in 0..count {
            self.put(format!("photo-{n:03}.jpg"), &photo(n));
        }
    }

    /// `pixmill run in --out out --recipe …`.
    pub(crate) fn run(&self, recipe: &str) -> Invocation {
        self.run_into(recipe, &self.out())
    }

    /// The same into another directory. What waits for a visibility timeout passes the bound, so
    /// that every test of a run is one of not waiting, however slow the machine is.
    pub(crate) fn run_into(&self, recipe: &str, out: &Path) -> Invocation {
        let run = pixmill().arg("run").arg(self.input()).arg("--recipe").arg(recipe);
        run.arg("--out").arg(out).env("PIXMILL_VISIBILITY", UNBEARABLE)
    }

    /// What an undisturbed run makes of the inputs, in a directory of its own.
    pub(crate) fn undisturbed(&self, recipe: &str) -> PathBuf {
        let out = self.path("undisturbed");
        self.run_into(recipe, &out).go().expect(0);
        out
    }

    /// A command of the pipeline in `data`: `submit`, `consumer`, `status`, `retry`.
    pub(crate) fn on_data(&self, command: &str) -> Invocation {
        pixmill().arg(command).arg("--data").arg(self.data())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill_workers();
    }
}

/// The binary, with nothing of the tester's environment.
pub(crate) fn pixmill() -> Invocation {
    Invocation::new(OsStr::new(env!("CARGO_BIN_EXE_pixmill")))
}

/// The top of the source tree.
pub(crate) fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
