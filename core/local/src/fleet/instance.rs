//! One instance on the disk: its directory, its lock, its process.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::port::Intent;
use pixmill_contract::{Error, ErrorKind, InstanceId, IntentId, Timestamp};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::WorkerCommand;
use crate::error;

/// What is known of an instance from before its process was started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pixmill: u32,
    pub(super) intent: IntentId,
    pub(super) launched_at: Timestamp,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

const VERSION: u32 = 1;

/// The directory of an instance.
#[derive(Debug)]
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn attempt(&self, what: &str) -> String {
        format!("{what} in {}", self.0.display())
    }

    /// Starts the process, unless somebody did before: whoever makes the directory does. If that
    /// fails, or we are killed on the way, the instance has ended before it began.
    pub(super) fn start(
        &self,
        command: &WorkerCommand,
        root: &Path,
        intent: &Intent,
        id: &InstanceId,
        now: Timestamp,
    ) -> Result<Option<Child>> {
        match fs::create_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            made => made.map_err(error::io(self.attempt("start an instance")))?,
        }
        let spawn = || {
            let log = OpenOptions::new().append(true).create_new(true).open(self.0.join("log"))?;
            flock(&log, FlockOperation::NonBlockingLockExclusive)?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let record = Record {
                pixmill: VERSION,
                intent: intent.id.clone(),
                launched_at: now,
                address: listener.local_addr()?,
            };
            self.write("instance.json", &serde_json::to_vec_pretty(&record)?)?;
            let child = Command::new(&command.program)
                .args(&command.arguments)
                .args(["--listen", "stdin", "--instance", id.as_str(), "--worker", id.as_str()])
                .arg("--token-file")
                .arg(root.join("token"))
                // A group of its own: Ctrl-C is for the controller alone.
                .process_group(0)
                .stdin(Stdio::from(OwnedFd::from(listener)))
                .stdout(Stdio::from(log.try_clone()?))
                .stderr(Stdio::from(log))
                .spawn()?;
            self.write("pid", child.id().to_string().as_bytes())?;
            Ok(child)
        };
        spawn().map(Some).map_err(error::io(self.attempt("start an instance")))
    }

    /// Writes a file so that nobody ever reads half of it.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.0.join(format!("{name}.{:016x}", fastrand::u64(..)));
        fs::write(&aside, bytes)?;
        fs::rename(aside, self.0.join(name))
    }

    /// What is known of it; nothing if it is being made, or was never finished.
    pub(super) fn record(&self) -> Result<Option<Record>> {
        let attempt = || self.attempt("read about an instance");
        let text = match fs::read(self.0.join("instance.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(error::io(attempt()))?,
        };
        let record: Record = serde_json::from_slice(&text)
            .map_err(|e| Error::new(ErrorKind::Invalid, attempt(), e))?;
        if record.pixmill == VERSION {
            Ok(Some(record))
        } else {
            let why = format!("version {} is not known here", record.pixmill);
            Err(Error::new(ErrorKind::Invalid, attempt(), why))
        }
    }

    /// Whether its process lives: then its log is locked.
    pub(super) fn lives(&self) -> Result<bool> {
        let attempt = || self.attempt("look whether an instance lives");
        let log = match File::open(self.0.join("log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            log => log.map_err(error::io(attempt()))?,
        };
        match flock(&log, FlockOperation::NonBlockingLockShared) {
            // Taken for a moment and gone with the file's handle.
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error::io(attempt())(error.into())),
        }
    }

    /// Since when it is known to have ended, which is from the first look on.
    pub(super) fn ended_at(&self, now: Timestamp) -> Result<Timestamp> {
        self.moment("ended", now)
    }

    /// Since when it is to drain.
    pub(super) fn draining_since(&self) -> Result<Option<Timestamp>> {
        self.read_moment("draining")
    }

    /// Marks that it is to drain, unless it is marked.
    pub(super) fn mark_draining(&self, now: Timestamp) -> Result<Timestamp> {
        self.moment("draining", now)
    }

    /// A moment that is kept in a file of this name, or this one if there is none yet.
    fn moment(&self, name: &str, now: Timestamp) -> Result<Timestamp> {
        if let Some(known) = self.read_moment(name)? {
            return Ok(known);
        }
        let write = self.write(name, now.millis().to_string().as_bytes());
        write.map_err(error::io(self.attempt("keep a moment")))?;
        Ok(now)
    }

    fn read_moment(&self, name: &str) -> Result<Option<Timestamp>> {
        let attempt = || self.attempt("read a moment");
        match fs::read_to_string(self.0.join(name)) {
            Ok(text) => {
                let millis = text.trim().parse();
                let millis = millis.map_err(|e| Error::new(ErrorKind::Invalid, attempt(), e))?;
                Ok(Some(Timestamp::from_millis(millis)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error::io(attempt())(error)),
        }
    }

    /// How long ago its directory was last written to, where the system tells.
    pub(super) fn age(&self) -> Option<Duration> {
        fs::metadata(&self.0).and_then(|directory| directory.modified()).ok()?.elapsed().ok()
    }

    /// The number of its process, if it lives and that was written down: only then is it still its own.
    pub(super) fn process(&self) -> Result<Option<u32>> {
        let pid = match fs::read_to_string(self.0.join("pid")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            pid => {
                pid.map_err(error::io(self.attempt("read about a process")))?.trim().parse().ok()
            }
        };
        Ok(if self.lives()? { pid } else { None })
    }

    /// Sends its process a signal, if it lives and its number is known, here or to the caller.
    pub(super) fn signal(&self, signal: Signal, reported: Option<u32>) -> Result<bool> {
        let attempt = || self.attempt("signal an instance");
        let known = match self.process()? {
            None if self.lives()? => reported,
            known => known,
        };
        let pid = known.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let Some(pid) = pid else { return Ok(false) };
        match kill_process(pid, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error::io(attempt())(error.into())),
        }
    }
}
