//! Where `pixmill up` works: its directory, taken for this process alone, its folders, and what
//! people are told of them.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use pixmill_contract::key::{DROP as DROPPED, RECIPES};
use pixmill_local::drop::{DONE, DROP, DropFolder, FAILED, OUT, TAKEN};
use pixmill_local::{Access, Mount, read_mounts, write_mounts};
use pixmill_producer::dropped;

use crate::{args, print, recipe};

/// The place, as long as it is held.
pub(super) struct Place {
    pub(super) folder: DropFolder,
    home: PathBuf,
    /// Gone with this process, however that ends.
    _lock: File,
}

impl Place {
    /// Takes the directory and the folders. Refuses what another process has.
    pub(super) fn take(args: &args::Up) -> anyhow::Result<Self> {
        let data = &args.data;
        let cannot = || format!("failed to make the directory {}", data.display());
        std::fs::create_dir_all(data).with_context(cannot)?;
        let lock = lock(data)?;
        let home = args.folders.as_ref().unwrap_or(data).clone();
        let Some(folder) = DropFolder::open(&home, args.stable)? else {
            bail!(
                "another pixmill takes from the drop folder in {}; choose other --folders",
                home.display()
            );
        };
        let mount = |prefix: &str, directory: PathBuf, access| Mount {
            prefix: prefix.to_owned(),
            directory,
            access,
        };
        // A recipe of the drop folder is one of the API, and the other way round.
        let mounts = [
            mount(DROPPED, home.join(TAKEN), Access::Read),
            mount(dropped::OUT, home.join(OUT), Access::Write),
            mount(RECIPES, args.recipes.recipes.clone(), Access::Write),
        ];
        let known = read_mounts(data)?;
        for known in &known {
            if !mounts.iter().any(|mount| mount.prefix == known.prefix) {
                bail!("{} is the state of a `pixmill run`; choose another --data", data.display());
            }
            refuse_to_leave(known, &home)?;
        }
        if known != mounts {
            write_mounts(data, &mounts)?;
        }
        Ok(Self { folder, home, _lock: lock })
    }

    /// Says what is where, and what to do next.
    pub(super) fn introduce(&self, args: &args::Up, api: SocketAddr) -> anyhow::Result<()> {
        let (home, data) = (self.home.display(), args.data.display());
        let directory = args.recipes.recipes.display();
        let names = recipe::names(&args.recipes.recipes);
        // They are there when people are told of them.
        names.iter().try_for_each(|name| self.folder.make(name))?;
        let recipes = if names.is_empty() {
            format!(
                "there are no recipes in {directory}/ yet: for drop/web/ write {directory}/web.toml, as\n  \
                 \x20                   recipe = \"resize:1600 -> webp\""
            )
        } else {
            names.join(", ")
        };
        print(&format!(
            "pixmill is up; Ctrl-C stops it, and the same command goes on\n\n  \
             console and API     http://{api}\n  \
             put pictures into   {home}/{DROP}/RECIPE/\n  \
             recipes             {recipes}\n  \
             results come to     {home}/{OUT}/RECIPE/\n  \
             originals go to     {home}/{DONE}/ or, with a reason beside them, {home}/{FAILED}/\n  \
             send others with    pixmill submit PICTURES --recipe RECIPE --data {data}\n  \
             look with           pixmill status --data {data} --watch\n\n"
        ))
    }
}

/// Takes the directory for this process alone.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("up.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("failed to open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another `pixmill up` works in {}; choose another --data", data.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("failed to lock {}", path.display()))
        }
    }
}

/// Refuses other folders while pictures of the old ones are in work: their jobs would not find them.
fn refuse_to_leave(known: &Mount, home: &Path) -> anyhow::Result<()> {
    let same = |one: &Path, other: &Path| {
        one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|it| it == one))
    };
    if known.prefix != DROPPED || same(&known.directory, &home.join(TAKEN)) {
        return Ok(());
    }
    let entries = std::fs::read_dir(&known.directory).into_iter().flatten().flatten();
    let in_work = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).count();
    if in_work > 0 {
        let old = known.directory.parent().unwrap_or(&known.directory).display();
        bail!(
            "pictures are still in work for the folders in {old}: let them end with --folders {old} \
             before it gets others"
        );
    }
    Ok(())
}
