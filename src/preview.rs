//! Previews: one picture through a recipe in a process of its own, with limits, so that a hostile
//! picture takes nothing with it. Both ends are here: what starts the process, and the process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pixmill_api::{Made, Preview, PreviewError, Previewer, Wanted};
use pixmill_contract::{Format, Limits, Recipe, RejectCode, Rejection};
use pixmill_ops::{Mill, Overlays, Picture, inspect, sizes};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::args::{self, Work};
use crate::sandbox::{self, Network};

/// How long a preview may take. Somebody waits for it.
const LONGEST: Duration = Duration::from_secs(20);

/// The largest preview: many times what one of the largest side takes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a process needs besides the picture's memory: its code, its stacks, its libraries.
const BESIDES_BYTES: u64 = 512 * 1024 * 1024;

/// The first line of what the process writes; the files come behind it, one after the other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Head {
    Made { source: (u32, u32), whole: (u32, u32), pictures: Vec<Facts> },
    Rejected { code: RejectCode, reason: String },
}

/// What is known of a file before it is read.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    format: Format,
    width: u32,
    height: u32,
    bytes: usize,
}

/// What makes previews by starting this very program.
pub(crate) fn previewer(work: &Work) -> anyhow::Result<Previewer> {
    let program = std::env::current_exe().context("failed to find the program itself")?;
    let arguments = work.to_arguments();
    let time = work.deadline.min(LONGEST);
    Ok(Arc::new(move |wanted| {
        let Wanted { file, overlays, recipe, whole } = wanted;
        let mut command = Command::new(&program);
        command.arg("preview").arg(&file).arg("--recipe").arg(recipe.to_string());
        command.arg("--whole").arg(whole.to_string());
        for overlay in overlays {
            command.arg("--overlay").arg(overlay);
        }
        command.args(&arguments).args(["--config", "/dev/null"]).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Who asked may have gone.
        command.kill_on_drop(true);
        Box::pin(async move {
            match tokio::time::timeout(time, ask(command)).await {
                Ok(made) => made,
                Err(_) => Err(PreviewError::GaveUp(format!("it takes longer than {time:?}"))),
            }
        })
    }))
}

/// Runs the process and reads what it says.
async fn ask(mut command: Command) -> Result<Preview, PreviewError> {
    let failed = |error: std::io::Error| PreviewError::Failed(error.to_string());
    let mut child = command.spawn().map_err(failed)?;
    let mut said = vec![];
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_BYTES).read_to_end(&mut said).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    let died = || PreviewError::GaveUp(format!("the process that opened it ended with {status}"));
    let end = said.iter().position(|byte| *byte == b'\n').ok_or_else(died)?;
    let mut files = said.split_off(end + 1);
    match serde_json::from_slice(&said).map_err(|_| died())? {
        Head::Made { source, whole, pictures } if status.success() => {
            let mut made = vec![];
            for Facts { format, width, height, bytes } in pictures {
                if files.len() < bytes {
                    return Err(died());
                }
                let rest = files.split_off(bytes);
                let bytes = std::mem::replace(&mut files, rest);
                made.push(Made { media_type: format.media_type(), width, height, bytes });
            }
            Ok(Preview { source, whole, pictures: made })
        }
        Head::Made { .. } => Err(died()),
        Head::Rejected { code, reason } => {
            Err(PreviewError::Rejected(Rejection::new(code, reason)))
        }
    }
}

/// `pixmill preview`: the process.
pub(crate) fn run(args: &args::Preview) -> anyhow::Result<ExitCode> {
    let limits = args.work.limits();
    bound(limits.memory_bytes)?;
    // This thread is the one that decodes.
    let confined = sandbox::confine(&[], Network::None);
    tracing::debug!(confined);
    let recipe: Recipe = args.recipe.parse()?;
    let source = read(&args.file, &limits)?;
    let names = recipe.overlays().map(str::to_owned);
    let overlays = names.zip(&args.overlay).map(|(name, path)| {
        let bytes: Arc<[u8]> = read(path, &limits)?.into();
        Ok((name, bytes))
    });
    let overlays = overlays.collect::<anyhow::Result<Vec<_>>>()?;
    let whole: Recipe = args.whole.as_ref().unwrap_or(&args.recipe).parse()?;
    let (head, files) = match make(&source, overlays, (&recipe, &whole), limits) {
        Ok(made) => made,
        Err(Rejection { code, reason }) => (Head::Rejected { code, reason }, vec![]),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&head)?)?;
    files.iter().try_for_each(|bytes| out.write_all(bytes))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A file, of which one byte more is read than there may be, so that it is seen to be too large.
fn read(path: &Path, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    let file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    file.take(limits.input_bytes + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files, and what is to be said of them.
fn make(
    source: &[u8],
    overlays: Vec<(String, Arc<[u8]>)>,
    (recipe, whole): (&Recipe, &Recipe),
    limits: Limits,
) -> Result<(Head, Vec<Vec<u8>>), Rejection> {
    let overlays = Overlays::inspect(overlays, &limits)?;
    let header = inspect(source, &limits)?;
    let sizes = sizes(&header, whole, &overlays, &limits)?;
    let ground = Mill::new(limits).grind(source, recipe, &overlays)?;
    let (mut pictures, mut files) = (vec![], vec![]);
    for Picture { format, width, height, bytes, .. } in ground.pictures {
        pictures.push(Facts { format, width, height, bytes: bytes.len() });
        files.push(bytes);
    }
    let whole = sizes.first().copied().unwrap_or_default();
    Ok((Head::Made { source: (header.width, header.height), whole, pictures }, files))
}

/// Bounds this process for good: its memory, its time on a core, and that it writes no files.
fn bound(memory_bytes: u64) -> anyhow::Result<()> {
    let seconds = LONGEST.as_secs();
    for (resource, most) in [
        (Resource::As, memory_bytes.saturating_add(BESIDES_BYTES)),
        (Resource::Cpu, seconds),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).context("failed to bound this process")?;
    }
    Ok(())
}
