//! A disk of the test's own, small enough to be filled, in a mount namespace that ends with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Invocation, Running, eventually};

/// A small disk that only the commands see which are given through it.
pub(crate) struct SmallDisk {
    holder: Running,
    mount: PathBuf,
    as_root: bool,
}

impl SmallDisk {
    /// A disk of this size mounted on `mount`, with further mount options. Where mounting is not
    /// allowed, says so; a test cannot be marked as ignored once it runs.
    pub(crate) fn new(mount: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(mount).unwrap();
        let as_root = rustix::process::geteuid().is_root();
        let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted >&2 && exec sleep 600"#;
        let unshare = Invocation::new("unshare".as_ref());
        let unshare = if as_root { unshare } else { unshare.arg("--map-root-user") };
        let command = unshare.args(["--mount", "sh", "-c", script, "sh", options]).arg(mount);
        let mut holder = command.bound(Duration::from_mins(11)).start();
        let mounted = eventually("a mount or a refusal", Duration::from_secs(10), || {
            if holder.stderr().contains("mounted") {
                return Some(true);
            }
            (!holder.is_running()).then_some(false)
        });
        if !mounted {
            eprintln!("ignored: a disk cannot be mounted here: {}", holder.end().stderr.trim());
            return None;
        }
        Some(Self { holder, mount: mount.to_owned(), as_root })
    }

    /// The command, given where the disk is mounted.
    pub(crate) fn see(&self, invocation: Invocation) -> Invocation {
        let mut arguments = vec!["--mount".to_owned(), format!("--target={}", self.holder.pid())];
        if !self.as_root {
            arguments.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        invocation.through("nsenter", &arguments)
    }

    /// The disk, as seen from outside.
    pub(crate) fn path(&self) -> PathBuf {
        let inside = self.mount.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.pid().to_string()).join("root").join(inside)
    }

    /// Fills the disk up to the last `left` bytes with a file, which is returned.
    pub(crate) fn fill(&self, left: usize) -> PathBuf {
        let filler = self.path().join("filler");
        let mut bytes = 0;
        let mut step = 1 << 20;
        let mut file = fs::File::create(&filler).unwrap();
        while step >= 4096 {
            match std::io::Write::write_all(&mut file, &vec![b'x'; step]) {
                Ok(()) => bytes += step,
                Err(_) => step /= 2,
            }
        }
        let length = bytes.saturating_sub(left) as u64;
        file.set_len(length).unwrap();
        filler
    }
}
