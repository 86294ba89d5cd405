//! The binary as a process: started, signalled, waited for within a bound, and never left behind.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::clock::{Patience, eventually, now};

/// No process of a test may take longer, unless the test says so: a process that takes longer
/// hangs, on a machine as slow as may be.
const BOUND: Duration = Duration::from_mins(4);

/// A visibility timeout that nobody outwaits.
pub(crate) const UNBEARABLE: &str = "10m";

/// A command to be given.
pub(crate) struct Invocation {
    command: Command,
    bound: Duration,
}

impl Invocation {
    pub(crate) fn new(program: &OsStr) -> Self {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, bound: BOUND }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn working_in(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Standard input, as a socket that is handed over.
    pub(crate) fn input(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    /// Another bound on its time.
    pub(crate) fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// The same command with a copy of the binary.
    pub(crate) fn by(self, copy: &Path) -> Self {
        Self::new(copy.as_os_str()).args(self.command.get_args()).bound(self.bound)
    }

    /// The same command by way of another program, which executes its arguments.
    pub(crate) fn through(self, program: &str, arguments: &[String]) -> Self {
        let outer = Self::new(OsStr::new(program)).args(arguments).arg(self.command.get_program());
        outer.args(self.command.get_args()).bound(self.bound)
    }

    /// Gives the command and waits for its end.
    pub(crate) fn go(self) -> Ended {
        self.start().end()
    }

    /// Gives the command.
    pub(crate) fn start(mut self) -> Running {
        let started_at = now();
        let mut child = self.command.spawn().unwrap();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Running { child, stdout, stderr, started_at, bound: self.bound }
    }

    /// Gives the command on a terminal, which shows both outputs; what it shows counts as the
    /// standard one.
    pub(crate) fn start_on_terminal(mut self) -> Running {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, vec![]).unwrap();
        let theirs = File::options().write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        self.command.env("TERM", "xterm").stdout(theirs.try_clone().unwrap()).stderr(theirs);
        let started_at = now();
        let child = self.command.spawn().unwrap();
        let (stdout, stderr) = (Output::of(File::from(ours)), Output::of(std::io::empty()));
        Running { child, stdout, stderr, started_at, bound: self.bound }
    }
}

/// What a stream has brought so far.
struct Output {
    so_far: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let so_far = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&so_far);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(bytes @ 1..) = stream.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..bytes]);
            }
        });
        Self { so_far, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.so_far.lock().unwrap()).into_owned()
    }
}

/// A process that runs. It is killed if it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    started_at: Instant,
    bound: Duration,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it has ended, and not well.
    pub(crate) fn has_failed(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some_and(|status| !status.success())
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for its end, which comes within the bound.
    pub(crate) fn end(mut self) -> Ended {
        let patience = Patience::new(self.bound.saturating_sub(self.started_at.elapsed()));
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if !patience.wait() {
                let (bound, stderr) = (self.bound, self.stderr.text());
                panic!("it hangs: no end within {bound:?}; it said\n{stderr}");
            }
        };
        // Workers that outlive their parent hold its standard error for a moment.
        let patience = Patience::new(Duration::from_secs(30));
        while !(self.stdout.reader.is_finished() && self.stderr.reader.is_finished()) {
            assert!(patience.wait(), "something outlives it and holds its output open");
        }
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// Kills it at once and waits until it is gone.
    pub(crate) fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails the test unless the exit code is this.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { status, stdout, stderr, .. } = &self;
        assert_eq!(status.code(), Some(code), "{status}\n-- stdout\n{stdout}-- stderr\n{stderr}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON: {e}\n{}\n{}", self.stdout, self.stderr))
    }

    /// Fails the test unless standard error holds all of these.
    #[track_caller]
    pub(crate) fn says(self, phrases: &[&str]) -> Self {
        for phrase in phrases {
            assert!(self.stderr.contains(phrase), "{phrase:?} is not in\n{}", self.stderr);
        }
        self
    }
}

/// Sends a signal; a process that is gone already is as good.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap_or_default();
}

/// Stops a process as SIGSTOP does, and comes back once all its threads stand still.
pub(crate) fn freeze(pid: u32) {
    kill(pid, Signal::STOP);
    eventually("threads that stand still", Duration::from_mins(1), || {
        let mut threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let stands = |thread: fs::DirEntry| {
            let text = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            text.rsplit_once(") ").is_none_or(|(_, fields)| !fields.starts_with(['R', 'S', 'D']))
        };
        threads.all(stands).then_some(())
    });
}

/// The fields of `/proc/PID/stat` after the name, from the state on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// The live children of a process, oldest first.
pub(crate) fn workers_of(parent: u32) -> Vec<u32> {
    let mut children = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let Some((pid, fields)) = pid.and_then(|pid| Some((pid, stat(pid)?))) else { continue };
        if fields[1] == parent.to_string() && fields[0] != "Z" {
            let started: u64 = fields[19].parse().unwrap();
            children.insert((started, pid), pid);
        }
    }
    children.into_values().collect()
}

/// The time that a process has spent on a core, all its threads together.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let fields = stat(pid).unwrap();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_millis(ticks * 1000 / per_second)
}

/// The most memory that a process has had, in bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
