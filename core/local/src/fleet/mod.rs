//! Workers as child processes of this machine.
//!
//! ```text
//! DATA/fleet/token                      what its workers know each other's controller by
//! DATA/fleet/instances/ID/instance.json what was started, and where it listens
//! DATA/fleet/instances/ID/log           what it writes; locked for as long as it lives
//! DATA/fleet/instances/ID/pid           its process, once that was started
//! DATA/fleet/instances/ID/draining      since when it is to drain, if it is
//! DATA/fleet/instances/ID/ended         since when it is known to have ended
//! DATA/fleet/ended/ID/…                 the last ones that ended, for whoever wants to know why
//! ```
//!
//! All of it is on the disk, so any process that opens the fleet sees the same one, also after the
//! one that started the workers is gone:
//!
//! * **The directory of an instance is made before its process,** by its id, which derives from its
//!   intent. Making it decides who starts the process; one that is there is never started again.
//! * **An instance lives while its log is locked.** The lock is taken before the process is started
//!   and inherited by it, so it goes with the process however that ends. A process id alone would
//!   say nothing once it was given to somebody else.
//! * **The port is bound before the process is started** and handed over as its standard input, so
//!   that it is known from the first moment and nobody can take it in between.

mod instance;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::id::hex;
use pixmill_contract::port::{Fleet, Instance, Intent, Lifecycle};
use pixmill_contract::{Clock, Error, ErrorKind, InstanceId, WorkerId};
use pixmill_workers::Contact;
use rustix::process::Signal;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use self::instance::Home;
use crate::error;
use crate::queue::SqliteQueue;
use crate::standstill::Standstill;

/// So long an instance that ended by itself is listed as ended, for every controller to see.
const SHOWN_ENDED: Duration = Duration::from_mins(1);

/// So many that ended are kept, with what they wrote.
const ENDED_KEPT: usize = 20;

/// How long a process may take to be gone once it was killed, and how often that is looked for.
const DEATH: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. `--listen stdin --token-file PATH --instance ID --worker ID` come after them.
    pub arguments: Vec<OsString>,
    /// How long its deliveries stay hidden. One that stands still for longer is killed.
    pub visibility: Duration,
}

/// A fleet of child processes. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct ProcessFleet {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `DATA/fleet`.
    root: PathBuf,
    command: Option<WorkerCommand>,
    jobs: SqliteQueue,
    clock: Arc<dyn Clock>,
    contact: Contact,
    /// The processes that this one started, which it has to wait for once they ended.
    children: Mutex<HashMap<InstanceId, Child>>,
    /// Which processes stand still; none for who only looks at the fleet.
    standstill: Option<Mutex<Standstill>>,
}

impl ProcessFleet {
    /// Opens the fleet of a data directory, and makes it if it is missing. Its workers are started
    /// by `command`; what they held when they ended is given back to `jobs` at once. Blocks.
    pub fn open(
        data: &Path,
        command: WorkerCommand,
        jobs: SqliteQueue,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::with(data, Some(command), jobs, clock)
    }

    /// The fleet of a data directory, if it has one, to be looked at: this one launches nothing.
    /// Blocks.
    pub fn find(data: &Path, jobs: SqliteQueue, clock: Arc<dyn Clock>) -> Result<Option<Self>> {
        if !data.join("fleet/token").is_file() {
            return Ok(None);
        }
        Self::with(data, None, jobs, clock).map(Some)
    }

    fn with(
        data: &Path,
        command: Option<WorkerCommand>,
        jobs: SqliteQueue,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let root = data.join("fleet");
        for directory in [root.join("instances"), root.join("ended")] {
            let attempt = format!("make the fleet's directory {}", directory.display());
            fs::create_dir_all(&directory).map_err(error::io(attempt))?;
        }
        let contact = Contact::new(&token(&root.join("token"))?);
        let children = Mutex::default();
        let standstill = command.as_ref().map(|command| Standstill::new(command.visibility));
        let standstill = standstill.map(Mutex::new);
        let inner = Inner { root, command, jobs, clock, contact, children, standstill };
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        match spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => Err(Error::new(ErrorKind::Unavailable, "work on the fleet", error)),
        }
    }

    /// Sends the process of an instance a signal, if it lives.
    async fn signal(&self, id: &InstanceId, signal: Signal) -> Result<bool> {
        let of = id.clone();
        let signalled = self.blocking(move |inner| inner.home(&of).signal(signal, None));
        if signalled.await? {
            return Ok(true);
        }
        // Whoever started it may have been killed before it wrote down which process that is.
        let of = id.clone();
        let Some(record) = self.blocking(move |inner| inner.home(&of).record()).await? else {
            return Ok(false);
        };
        let Ok(report) = self.inner.contact.report(record.address).await else { return Ok(false) };
        let of = id.clone();
        self.blocking(move |inner| inner.home(&of).signal(signal, Some(report.pid))).await
    }

    /// Gives back what an instance held, and takes its directory out of the way.
    async fn bury(&self, id: &InstanceId) -> Result<()> {
        self.inner.jobs.release_held_by(&worker(id)).await?;
        let id = id.clone();
        self.blocking(move |inner| inner.put_away(&id)).await
    }
}

/// The worker of an instance; there is one.
fn worker(id: &InstanceId) -> WorkerId {
    WorkerId::new(id.as_str()).expect("identifiers are all written alike")
}

/// The token in this file, which is made if it is missing, and that only its owner may read.
fn token(path: &Path) -> Result<String> {
    let attempt = || format!("read the fleet's token in {}", path.display());
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_token(path).map_err(error::io(attempt()))?;
            fs::read_to_string(path)
        }
        read => read,
    };
    let text = text.map_err(error::io(attempt()))?;
    match text.trim() {
        "" => Err(Error::new(ErrorKind::Invalid, attempt(), "it is empty: remove it")),
        token => Ok(token.to_owned()),
    }
}

/// Written aside and linked, so that two who make it at once agree, and nobody reads half of it.
fn make_token(path: &Path) -> io::Result<()> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let aside = path.with_extension(format!("{:016x}", fastrand::u64(..)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{}", hex(&secret))?;
    file.sync_all()?;
    let linked = match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&aside)?;
    linked
}

impl Inner {
    fn home(&self, id: &InstanceId) -> Home {
        Home::new(self.root.join("instances").join(id.as_str()))
    }

    /// Waits for children that have ended, so that the system can forget them.
    fn reap(&self) {
        let mut children = self.children.lock().expect("no code panics with this lock");
        children.retain(|_, child| !matches!(child.try_wait(), Ok(Some(_))));
    }

    /// Kills workers that have stood still for longer than their leases last: what they hold besides,
    /// such as the lock of the queue, may keep everybody from working, us from asking about it too.
    fn kill_the_stopped(&self) -> Result<()> {
        let Some(standstill) = &self.standstill else { return Ok(()) };
        let mut living = HashMap::new();
        for id in self.ids("instances")? {
            living.extend(self.home(&id).process()?.map(|process| (process, id)));
        }
        let mut standstill = standstill.lock().expect("no code panics with this lock");
        for process in standstill.look(living.keys().copied()) {
            let id = &living[&process];
            tracing::warn!(%id, process, "killing a worker that was stopped for too long");
            self.home(id).signal(Signal::KILL, None)?;
        }
        Ok(())
    }

    /// Starts one instance, unless it was started before.
    fn start(&self, intent: &Intent, id: &InstanceId) -> Result<()> {
        if self.root.join("ended").join(id.as_str()).exists() {
            return Ok(());
        }
        let Some(command) = &self.command else {
            let why = "it was opened to be looked at";
            return Err(Error::new(ErrorKind::Invalid, "launch in a fleet", why));
        };
        let started = self.home(id).start(command, &self.root, intent, id, self.clock.now());
        if let Some(child) = started? {
            let mut children = self.children.lock().expect("no code panics with this lock");
            children.insert(id.clone(), child);
        }
        Ok(())
    }

    /// Every instance that has a directory, with where it listens if it lives.
    fn list(&self) -> Result<Vec<(Instance, Option<SocketAddr>)>> {
        self.kill_the_stopped()?;
        self.reap();
        let mut listed = vec![];
        for id in self.ids("instances")? {
            let (home, now) = (self.home(&id), self.clock.now());
            let Some(record) = home.record()? else {
                // Being made, or broken off while it was.
                if home.age().is_some_and(|age| age >= SHOWN_ENDED) {
                    self.put_away(&id)?;
                }
                continue;
            };
            let lives = home.lives()?;
            let ended_at = match (!lives).then(|| home.ended_at(now)).transpose() {
                // Somebody else has put it away since its record was read.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                ended_at => ended_at?,
            };
            let instance = Instance {
                id,
                lifecycle: if lives { Lifecycle::Running } else { Lifecycle::Ended },
                intent: record.intent,
                launched_at: record.launched_at,
                draining_since: home.draining_since()?,
                target: None,
                impaired: None,
                report: None,
            };
            let is_over = ended_at.is_some_and(|at| now.since(at) >= SHOWN_ENDED);
            if is_over {
                self.put_away(&instance.id)?;
            } else {
                listed.push((instance, lives.then_some(record.address)));
            }
        }
        Ok(listed)
    }

    fn ids(&self, directory: &str) -> Result<Vec<InstanceId>> {
        let directory = self.root.join(directory);
        let attempt = || format!("list the instances in {}", directory.display());
        let entries = fs::read_dir(&directory).map_err(error::io(attempt()))?;
        let mut ids = vec![];
        for entry in entries {
            let name = entry.map_err(error::io(attempt()))?.file_name();
            // What is written otherwise is none of ours.
            ids.extend(name.to_str().and_then(|name| InstanceId::new(name).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    /// Moves an instance that has ended to the others that have, of which the oldest go.
    fn put_away(&self, id: &InstanceId) -> Result<()> {
        let ended = self.root.join("ended");
        let attempt = || format!("put away instance {id}");
        match fs::rename(self.home(id).path(), ended.join(id.as_str())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            moved => moved.map_err(error::io(attempt()))?,
        }
        let age = |id: &InstanceId| {
            fs::metadata(ended.join(id.as_str()).join("log")).and_then(|file| file.modified()).ok()
        };
        let mut kept = self.ids("ended")?;
        kept.sort_by_cached_key(age);
        let surplus = kept.len().saturating_sub(ENDED_KEPT);
        for id in &kept[..surplus] {
            match fs::remove_dir_all(ended.join(id.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error::io(attempt())(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The home of an instance that is there. One that has ended and was put away is there, too.
    fn known(&self, id: &InstanceId) -> Result<Option<Home>> {
        let home = self.home(id);
        if home.path().is_dir() {
            return Ok(Some(home));
        }
        if self.root.join("ended").join(id.as_str()).is_dir() {
            return Ok(None);
        }
        Err(Error::new(ErrorKind::NotFound, "find an instance", format!("there is no {id}")))
    }
}

#[async_trait]
impl Fleet for ProcessFleet {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let listed = self.blocking(Inner::list).await?;
        for (instance, _) in listed.iter().filter(|(_, address)| address.is_none()) {
            // Every time, as it is cheap: whoever was killed after the process had ended is not
            // the one who gives back what it held.
            self.inner.jobs.release_held_by(&worker(&instance.id)).await?;
        }
        let addresses: Vec<_> = listed.iter().filter_map(|(_, address)| *address).collect();
        let mut reports = self.inner.contact.reports(&addresses).await.into_iter();
        let told = |(instance, address): (Instance, Option<SocketAddr>)| {
            let report = address.and_then(|_| reports.next().flatten());
            Instance { report, ..instance }
        };
        Ok(listed.into_iter().map(told).collect())
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        let intent = intent.clone();
        let start = move |inner: &Inner| {
            (0..intent.count).try_for_each(|n| inner.start(&intent, &intent.instance(n)))
        };
        self.blocking(start).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        let of = id.clone();
        let mark = move |inner: &Inner| {
            let Some(home) = inner.known(&of)? else { return Ok(None) };
            match home.mark_draining(inner.clock.now()) {
                // It has ended, and somebody else has put it away just now.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                marked => marked?,
            };
            Ok(home.record()?.filter(|_| home.lives().unwrap_or(true)))
        };
        let Some(record) = self.blocking(mark).await? else { return Ok(()) };
        let Err(error) = self.inner.contact.drain(record.address).await else { return Ok(()) };
        // A signal is the same order, for one that has not come to listen yet.
        if self.signal(id, Signal::TERM).await? { Ok(()) } else { Err(error) }
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        let of = id.clone();
        if self.blocking(move |inner| inner.known(&of)).await?.is_none() {
            return Ok(());
        }
        self.signal(id, Signal::KILL).await?;
        let patience = Instant::now() + DEATH;
        loop {
            let of = id.clone();
            let lives = self.blocking(move |inner| {
                inner.reap();
                inner.home(&of).lives()
            });
            if !lives.await? {
                return self.bury(id).await;
            }
            if Instant::now() >= patience {
                let why = "the process does not end though it was killed";
                return Err(Error::new(ErrorKind::Unavailable, format!("end instance {id}"), why));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
