//! `GET /v1/batches/{batch}/outputs.zip`: everything that was made of a batch so far, and a report,
//! in an archive that is made while it is read.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, HeaderValue};
use pixmill_contract::document::{Outcome as End, OutputRecord};
use pixmill_contract::{BatchId, Error, JobId, Key};
use pixmill_producer::read_result;
use tokio::io::AsyncReadExt as _;

use crate::answer::{streamed, with, with_text};
use crate::asked::Asked;
use crate::jobs::{JobState, name_of};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;
use crate::zip::Zip;

/// The media type of archives.
pub(crate) const MEDIA_TYPE: &str = "application/zip";

/// Bytes of an output that are read at a time.
const PIECE: usize = 64 * 1024;

/// Results that are read at once.
const READERS: usize = 8;

/// What the report is called in an archive.
const REPORT: &str = "report.csv";

/// A job of which something may be in the archive.
struct Row {
    id: JobId,
    name: String,
    state: JobState,
    reason: String,
}

/// `GET /v1/batches/{batch}/outputs.zip`.
pub(crate) async fn outputs(state: Arc<State>, asked: Asked) -> Outcome {
    let batch = asked.batch()?;
    let known = shelf::look_now(&state, &batch).await?;
    if !known.exists() {
        return Err(Problem::new(Code::NotFound, format!("there is no batch {batch}")));
    }
    let rows: Vec<_> = known
        .jobs()
        .into_iter()
        .map(|(id, stand)| {
            let key = known.source(id);
            let reason = match stand {
                shelf::Stand::Failed(failure) => format!("{}: {}", failure.code, failure.reason),
                shelf::Stand::Pending | shelf::Stand::Done => String::new(),
            };
            let name = key.map_or_else(|| id.to_string(), |key| name_of(&batch, key));
            Row { id: id.clone(), name, state: JobState::of(stand, false), reason }
        })
        .collect();
    drop(known);
    let archive = Archive::of(&state, &batch, rows).await?;
    let length = archive.length();
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    tokio::spawn(async move {
        let mut writer = Writer { sender, zip: Zip::default() };
        match writer.all(&state, archive).await {
            Ok(()) => {}
            // What breaks off must not be taken for the whole.
            Err(error) => writer.sender.abort(error),
        }
    });
    let answer = streamed(StatusCode::OK, MEDIA_TYPE, body.boxed_unsync());
    let answer = with(answer, CONTENT_LENGTH, HeaderValue::from(length));
    let file = format!("attachment; filename=\"{batch}.zip\"");
    Ok(with_text(answer, CONTENT_DISPOSITION, &file))
}

/// What will be in an archive.
#[derive(Debug, Default)]
struct Archive {
    files: Vec<File>,
    report: String,
}

/// An output in an archive.
#[derive(Debug)]
struct File {
    name: String,
    key: Key,
    bytes: u64,
}

impl Archive {
    /// Finds out which outputs there are, and what they are called.
    async fn of(state: &State, batch: &BatchId, rows: Vec<Row>) -> Result<Self, Error> {
        let read = |row: Row| async move {
            if row.state != JobState::Done {
                return Ok((row, vec![]));
            }
            let result = read_result(state.pipeline(), batch, &row.id).await?;
            match result.map(|result| result.outcome) {
                Some(End::Done { outputs }) => Ok::<_, Error>((row, outputs)),
                // It has been redriven since.
                Some(End::Failed { .. } | End::Dead { .. } | End::Redriven { .. }) | None => {
                    Ok((row, vec![]))
                }
            }
        };
        let mut archive =
            Self { files: vec![], report: "job,name,state,reason,files\n".to_owned() };
        let mut names = HashSet::new();
        let mut reads = futures_util::stream::iter(rows).map(read).buffered(READERS);
        while let Some(read) = reads.next().await {
            let (row, outputs) = read?;
            archive.add(&row, outputs, &mut names);
        }
        Ok(archive)
    }

    fn add(&mut self, row: &Row, outputs: Vec<OutputRecord>, names: &mut HashSet<String>) {
        let stem = row.name.rsplit_once('.').map_or(row.name.as_str(), |(stem, _)| stem);
        let several = outputs.len() > 1;
        let mut files = vec![];
        for OutputRecord { name, key, format, bytes, .. } in outputs {
            let stem = if several { format!("{stem}-{name}") } else { stem.to_owned() };
            let name = free_name(&stem, format.extension(), names);
            files.push(name.clone());
            self.files.push(File { name, key, bytes });
        }
        let cells = [&row.id.to_string(), &row.name, row.state.as_str(), &row.reason];
        let cells: Vec<_> = cells.into_iter().map(|text: &str| quoted(text)).collect();
        writeln!(self.report, "{},{}", cells.join(","), quoted(&files.join(" ")))
            .expect("writing to a string cannot fail");
    }

    /// How many bytes it has.
    fn length(&self) -> u64 {
        let (mut zip, mut length) = (Zip::default(), 0);
        let report = (REPORT, self.report.len() as u64);
        let files = self.files.iter().map(|file| (file.name.as_str(), file.bytes));
        for (name, bytes) in files.chain([report]) {
            length += zip.begin(name).len() as u64 + bytes;
            zip.pass(bytes);
            length += zip.end().len() as u64;
        }
        length + zip.finish().len() as u64
    }
}

/// A name that nothing in the archive has.
fn free_name(stem: &str, extension: &str, names: &mut HashSet<String>) -> String {
    let first = std::iter::once(format!("{stem}.{extension}"));
    let mut all = first.chain((2..).map(|n| format!("{stem}-{n}.{extension}")));
    let name = all.find(|name| !names.contains(name)).expect("there are more numbers than names");
    names.insert(name.clone());
    name
}

/// Writes an archive to whoever reads it.
struct Writer {
    sender: Sender<Bytes, std::io::Error>,
    zip: Zip,
}

impl Writer {
    async fn all(&mut self, state: &State, archive: Archive) -> std::io::Result<()> {
        for File { name, key, bytes } in archive.files {
            let object = state.pipeline().store.get(&key, None).await;
            let object = object.map_err(std::io::Error::other)?;
            if object.meta.size != bytes {
                return Err(std::io::Error::other("an output was replaced meanwhile"));
            }
            let begin = self.zip.begin(&name);
            self.send(begin).await?;
            let (mut left, mut body) = (object.meta.size, object.body);
            while left > 0 {
                let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
                let count = body.read(&mut piece).await?;
                if count == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                piece.truncate(count);
                left -= count as u64;
                self.zip.add(&piece);
                self.send(piece).await?;
            }
            let end = self.zip.end();
            self.send(end).await?;
        }
        let begin = self.zip.begin(REPORT);
        self.send(begin).await?;
        self.zip.add(archive.report.as_bytes());
        self.send(archive.report.into_bytes()).await?;
        let mut end = self.zip.end();
        end.extend(std::mem::take(&mut self.zip).finish());
        self.send(end).await
    }

    async fn send(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        let gone = |_| std::io::ErrorKind::BrokenPipe.into();
        self.sender.send_data(Bytes::from(bytes)).await.map_err(gone)
    }
}

/// A cell of a table, which no program takes for a formula.
fn quoted(text: &str) -> String {
    let shield = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{shield}{}\"", text.replace('"', "\"\""))
}
