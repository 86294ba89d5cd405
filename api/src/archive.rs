//! `GET /v1/batches/{batch}/outputs.zip`: everything that was made of a batch so far, and a report,
//! in an archive that is made while it is read.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::CONTENT_DISPOSITION;
use pixmill_contract::document::Outcome as End;
use pixmill_contract::{BatchId, JobId};
use pixmill_producer::read_result;
use tokio::io::AsyncReadExt as _;

use crate::answer::{streamed, with_text};
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
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    let file = format!("attachment; filename=\"{batch}.zip\"");
    tokio::spawn(async move {
        let mut writer = Writer { state, sender, zip: Zip::default(), names: HashSet::new() };
        match writer.all(&batch, rows).await {
            Ok(()) => {}
            // What breaks off must not be taken for the whole.
            Err(error) => writer.sender.abort(error),
        }
    });
    let answer = streamed(StatusCode::OK, MEDIA_TYPE, body.boxed_unsync());
    Ok(with_text(answer, CONTENT_DISPOSITION, &file))
}

/// Writes an archive to whoever reads it.
struct Writer {
    state: Arc<State>,
    sender: Sender<Bytes, std::io::Error>,
    zip: Zip,
    names: HashSet<String>,
}

impl Writer {
    async fn all(&mut self, batch: &BatchId, rows: Vec<Row>) -> std::io::Result<()> {
        let mut report = "job,name,state,reason,files\n".to_owned();
        for row in rows {
            let mut files = vec![];
            if row.state == JobState::Done {
                files = self.outputs_of(batch, &row).await?;
            }
            let cells =
                [&row.id.to_string(), &row.name, &row.state.as_str().to_owned(), &row.reason];
            let cells: Vec<_> = cells.into_iter().map(|text| quoted(text)).collect();
            writeln!(report, "{},{}", cells.join(","), quoted(&files.join(" ")))
                .expect("writing to a string cannot fail");
        }
        let begin = self.zip.begin("report.csv");
        self.send(begin).await?;
        self.zip.add(report.as_bytes());
        self.send(report.into_bytes()).await?;
        let mut end = self.zip.end();
        end.extend(std::mem::take(&mut self.zip).finish());
        self.send(end).await
    }

    /// The outputs of a job, and what they are called in the archive.
    async fn outputs_of(&mut self, batch: &BatchId, row: &Row) -> std::io::Result<Vec<String>> {
        let pipeline = self.state.pipeline().clone();
        let result = read_result(&pipeline, batch, &row.id).await.map_err(std::io::Error::other)?;
        let Some(End::Done { outputs }) = result.map(|result| result.outcome) else {
            return Ok(vec![]);
        };
        let stem = row.name.rsplit_once('.').map_or(row.name.as_str(), |(stem, _)| stem);
        let mut files = vec![];
        let several = outputs.len() > 1;
        for output in outputs {
            let extension = output.format.extension();
            let name = if several { format!("{stem}-{}", output.name) } else { stem.to_owned() };
            let name = self.free_name(&name, extension);
            let object =
                pipeline.store.get(&output.key, None).await.map_err(std::io::Error::other)?;
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
            files.push(name);
        }
        Ok(files)
    }

    /// A name that nothing in the archive has.
    fn free_name(&mut self, stem: &str, extension: &str) -> String {
        let first = std::iter::once(format!("{stem}.{extension}"));
        let mut names = first.chain((2..).map(|n| format!("{stem}-{n}.{extension}")));
        let free = names.find(|name| !self.names.contains(name));
        let name = free.expect("there are more numbers than names");
        self.names.insert(name.clone());
        name
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
