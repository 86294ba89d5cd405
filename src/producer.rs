//! `pixmill producer`: the HTTP API in front of a pipeline, composed here: its fleet and the
//! controller's decisions, which a role does not know of, and previews, which are made by a process
//! of their own (`preview.rs`).

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_api::{Api, Looks, Settings, Token, Tokens, UploadLinks, serve};
use pixmill_consumer::Stage;
use pixmill_contract::{Fleet, Index, Pipeline};
use pixmill_local::SqliteIndex;
use tokio::sync::watch;

use crate::args::{self, Backend, Serve, Work};
use crate::backend::{self, Purpose};
use crate::late_fleet::LateFleet;
use crate::{machine, overseer, preview, print, private_file, shutdown};

/// Where it listens unless the command line says otherwise.
pub(crate) const DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8000));

/// Longer than any file of tokens.
const MAX_TOKENS_BYTES: u64 = 256 * 1024;

/// How often the store is asked for news while somebody listens: a directory costs nothing to ask,
/// a bucket does.
const LOOK_LOCALLY: Duration = Duration::from_millis(500);
const LOOK_ON_AWS: Duration = Duration::from_secs(5);

/// How it is asked for a result that somebody waits for, likewise.
const LOOKS_LOCALLY: Looks = Looks { shortest: Duration::from_millis(1), part: 8 };
const LOOKS_ON_AWS: Looks = Looks { shortest: Duration::from_millis(20), part: 2 };

pub(crate) async fn run(args: args::Producer) -> anyhow::Result<ExitCode> {
    let opened = backend::open(&args.data, Purpose::Send).await?;
    let pipeline = opened.pipeline.clone();
    let upload_links = opened.upload_links();
    let directory = match args.data.backend {
        Backend::Local => args.data.data.clone(),
        Backend::Aws => None,
    };
    let fleet: Arc<dyn Fleet> = Arc::new(LateFleet::new(opened, args.data));
    let front = Front { pipeline, fleet, upload_links, directory };
    let server = Server::open(front, &args.serve, &args.work, &[DEFAULT])?;
    let stage = shutdown::listen()?;
    print(&format!("Serving at http://{}\n", server.address))?;
    server.run(stage).await?;
    Ok(ExitCode::SUCCESS)
}

/// What an API stands in front of.
pub(crate) struct Front {
    pub(crate) pipeline: Pipeline,
    pub(crate) fleet: Arc<dyn Fleet>,
    /// Links for uploads that go straight to the store, where it has such.
    pub(crate) upload_links: Option<UploadLinks>,
    /// The directory of a pipeline of this machine; none on AWS.
    pub(crate) directory: Option<PathBuf>,
}

/// An API at its socket, which is bound and accepts nobody yet.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    api: Api,
    spool: Spool,
}

impl Server {
    /// Listens where the command line says, or at the first of these that is free.
    pub(crate) fn open(
        front: Front,
        serve: &Serve,
        work: &Work,
        otherwise: &[SocketAddr],
    ) -> anyhow::Result<Self> {
        let (api, spool) = compose(front, serve, work)?;
        let listener = match serve.listen {
            Some(address) => {
                let explained = "give it tokens by --token-file, or listen at 127.0.0.1";
                api.check(address).context(explained)?;
                bind(&[address])?
            }
            None => bind(otherwise)?,
        };
        Ok(Self { address: listener.local_addr()?, listener, api, spool })
    }

    /// Serves until the first signal, and finishes the requests that it has; the second one ends it
    /// at once.
    pub(crate) async fn run(self, mut stage: watch::Receiver<Stage>) -> anyhow::Result<()> {
        let Self { listener, api, spool, .. } = self;
        let mut stop = stage.clone();
        let stop = async move {
            // An error as well: nobody listens for signals any more.
            drop(stop.wait_for(|stage| *stage > Stage::Running).await);
        };
        tokio::select! {
            served = serve(listener, api, stop) => served?,
            _ = stage.wait_for(|stage| *stage == Stage::Aborting) => {}
        }
        drop(spool);
        Ok(())
    }
}

/// Listens at the first of these that is free.
fn bind(addresses: &[SocketAddr]) -> anyhow::Result<TcpListener> {
    let first = addresses.first().context("there is nowhere to listen")?;
    // Of several addresses the error is the last one's, and people know of the first.
    TcpListener::bind(addresses).with_context(|| format!("failed to listen at {first}"))
}

/// The API in front of a pipeline, and the place of its uploads, which goes with what is returned.
fn compose(front: Front, serve: &Serve, work: &Work) -> anyhow::Result<(Api, Spool)> {
    let Front { pipeline, fleet, upload_links, directory } = front;
    let directory = directory.as_deref();
    let spool = Spool::open(&serve.spool(directory))?;
    let is_local = directory.is_some();
    let settings = Settings {
        limits: work.limits(),
        tokens: match &serve.token_file {
            Some(path) => tokens(path)?,
            None => Tokens::default(),
        },
        names: serve.host.clone(),
        spool: spool.path.clone(),
        secret: secret(directory)?,
        links: serve.links,
        links_of_store: !is_local,
        upload_links,
        instance: machine::name(),
        backend: if is_local { "local" } else { "aws" },
        buckets: serve.label.clone(),
        look_every: if is_local { LOOK_LOCALLY } else { LOOK_ON_AWS },
        looks: if is_local { LOOKS_LOCALLY } else { LOOKS_ON_AWS },
        fleet: Some(fleet),
        drains: is_local,
        decisions: Some(overseer::decisions(pipeline.clone())),
        history: Some(overseer::past(pipeline.clone())),
        standing: Some(overseer::acting(pipeline.clone())),
        index: index(directory, serve),
        previewer: Some(preview::previewer(work)?),
        pipeline,
    };
    Ok((Api::new(settings), spool))
}

/// Where it is kept what was read of the store, so that it need not be read again: beside a pipeline
/// of this machine, or where somebody says. Without it everything is read anew, which is slower.
fn index(directory: Option<&Path>, serve: &Serve) -> Option<Arc<dyn Index>> {
    let path = directory.or(serve.spool.as_deref())?.join("index.sqlite");
    match SqliteIndex::open(path) {
        Ok(index) => Some(Arc::new(index)),
        Err(error) => {
            tracing::warn!(reason = error.chain(), "failed to open the index; it is done without");
            None
        }
    }
}

/// The tokens in a file that nobody else may read.
fn tokens(path: &Path) -> anyhow::Result<Tokens> {
    let text = private_file::read(path, "tokens", MAX_TOKENS_BYTES)?;
    let shown = path.display();
    let mut tokens = Tokens::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, token) = match line.split_once(char::is_whitespace) {
            Some((name, token)) => (name.to_owned(), token.trim()),
            None => (format!("token-{}", number + 1), line),
        };
        let token = Token::new(token);
        let token = token.with_context(|| format!("line {} of {shown} holds none", number + 1))?;
        tokens.add(name, token);
    }
    if tokens.is_empty() {
        bail!("there is no token in {shown}");
    }
    Ok(tokens)
}

/// What links are signed with: kept with a pipeline of this machine, so that they outlive us.
fn secret(directory: Option<&Path>) -> anyhow::Result<[u8; 32]> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).context("failed to ask for random bytes")?;
    let Some(directory) = directory else { return Ok(fresh) };
    let path = directory.join("api.secret");
    let failed = || format!("failed to keep a secret in {}", path.display());
    // Written aside and linked, so that nobody reads half of it.
    let aside =
        directory.join(format!("api.secret.{:016x}", u64::from_le_bytes(fresh[..8].try_into()?)));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .with_context(failed)?;
    let kept = file.write_all(&fresh).and_then(|()| fs::hard_link(&aside, &path));
    fs::remove_file(&aside).with_context(failed)?;
    match kept {
        Ok(()) => return Ok(fresh),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(failed),
    }
    let known = fs::read(&path).with_context(failed)?;
    known.try_into().map_err(|_| anyhow::anyhow!("{} is not 32 bytes: remove it", path.display()))
}

/// Where uploads are kept until they are in the store: a directory of this process alone.
#[derive(Debug)]
struct Spool {
    path: PathBuf,
    /// Locked for as long as this process lives.
    _lock: File,
}

impl Spool {
    fn open(root: &Path) -> anyhow::Result<Self> {
        let failed = || format!("failed to keep uploads in {}", root.display());
        fs::create_dir_all(root).with_context(failed)?;
        Self::clear(root);
        let path = tempfile::Builder::new().prefix("of-").tempdir_in(root).with_context(failed)?;
        let lock = File::create(path.path().join("lock")).with_context(failed)?;
        lock.try_lock().with_context(failed)?;
        Ok(Self { path: path.keep(), _lock: lock })
    }

    /// Removes what processes left behind that were killed. What cannot be removed is left.
    fn clear(root: &Path) {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let lock = File::open(entry.path().join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What is left is removed by the next one.
        drop(fs::remove_dir_all(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn tokens_have_names_and_files_that_nobody_else_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let read = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            tokens(&path).map_err(|error| format!("{error:#}"))
        };
        let two = read("# people\nme 0123456789abcdef\n\nfedcba9876543210\n", 0o600).unwrap();
        assert_eq!(two.name_of(b"0123456789abcdef"), Some("me"));
        assert_eq!(two.name_of(b"fedcba9876543210"), Some("token-4"));
        assert_eq!(two.name_of(b"me"), None);
        assert!(read("# none\n", 0o600).unwrap_err().contains("no token"));
        assert!(read("me short\n", 0o600).unwrap_err().contains("line 1"));
        assert!(read("0123456789abcdef", 0o644).unwrap_err().contains("chmod 600"));
    }
}
