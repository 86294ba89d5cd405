//! A `pixmill up` with a place, recipes and a drop folder of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Invocation, Place, Running, eventually, files, pixmill};

/// How long anything may take that somebody waits for.
pub(crate) const SOON: Duration = Duration::from_mins(2);

/// Where the API is served: tests meet no other, and none of a person's.
const ANYWHERE: [&str; 2] = ["--listen", "127.0.0.1:0"];

pub(crate) struct Mill {
    pub(crate) place: Place,
}

impl Mill {
    /// With these recipes.
    pub(crate) fn new(recipes: &[(&str, &str)]) -> Self {
        let mill = Self { place: Place::new() };
        fs::create_dir(mill.place.path("recipes")).unwrap();
        for (name, recipe) in recipes {
            mill.write_recipe(name, recipe);
        }
        mill
    }

    pub(crate) fn write_recipe(&self, name: &str, recipe: &str) {
        let path = self.place.path("recipes").join(format!("{name}.toml"));
        fs::write(path, format!("recipe = {recipe:?}\n")).unwrap();
    }

    /// The command, with times that suit tests.
    pub(crate) fn up(&self) -> Invocation {
        self.up_taking_after("400ms")
    }

    /// The same, which takes a file that has not changed for so long.
    pub(crate) fn up_taking_after(&self, stable: &str) -> Invocation {
        let up = self.place.on_data("up").args(ANYWHERE);
        let up = up.arg("--recipes").arg(self.place.path("recipes"));
        let up = up.args(["--interval", "500ms", "--boot", "500ms", "--max", "2"]);
        up.args(["--stable", stable])
    }

    /// The command, given and at work.
    pub(crate) fn start(&self) -> Running {
        self.start_bound(2 * SOON)
    }

    /// The same, which may run for so long.
    pub(crate) fn start_bound(&self, bound: Duration) -> Running {
        let up = self.up().bound(bound).start();
        eventually("an introduction", SOON, || up.stdout().contains("look with").then_some(()));
        up
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.place.data().join(name)
    }

    /// Writes a file into the drop folder, as somebody does who copies it there.
    pub(crate) fn put(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.path("drop").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The files below one of its folders.
    pub(crate) fn names(&self, folder: &str) -> BTreeSet<PathBuf> {
        if !self.path(folder).is_dir() {
            return BTreeSet::new();
        }
        files(&self.path(folder)).into_keys().collect()
    }

    /// Waits for a file.
    pub(crate) fn until_there(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let what = format!("{}", name.as_ref().display());
        eventually(&what, SOON, || fs::read(self.path(&name)).ok())
    }

    /// Kills the command and then its workers, at once.
    pub(crate) fn kill(&self, up: Running) {
        drop(up.kill());
        self.place.kill_workers();
    }

    /// What `pixmill status` says, as JSON.
    pub(crate) fn status(&self) -> serde_json::Value {
        self.place.on_data("status").arg("--json").go().expect(0).json()
    }
}

/// The command without the right of root's to read and write what it may not.
pub(crate) fn unprivileged(invocation: Invocation) -> Invocation {
    if !rustix::process::geteuid().is_root() {
        return invocation;
    }
    let without = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
    invocation.through("setpriv", &without.map(str::to_owned))
}

/// Something else than the mill's own commands, as `pixmill up` in a working directory.
pub(crate) fn plain_up() -> Invocation {
    pixmill().arg("up").args(ANYWHERE)
}
