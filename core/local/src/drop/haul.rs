//! Hauls: what was taken in one go, with the document of what is to be sent for it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pixmill_contract::error::Result;

use super::look::all_files;
use super::{DropFolder, TAKEN, Taken};
use crate::error;

/// What is to be sent, and what was.
const PLANNED: &str = ".planned";
const SENT: &str = ".sent";

/// Longer than the document of any haul.
const MAX_DOCUMENT_BYTES: u64 = 256 << 20;

/// A haul that an earlier process has left.
#[derive(Debug)]
pub struct Haul {
    /// Its name.
    pub name: String,
    /// Its files, as they are now.
    pub files: Vec<Taken>,
    /// What was written about it.
    pub document: Document,
}

/// What was written about a haul.
#[derive(Debug, PartialEq, Eq)]
pub enum Document {
    /// Nothing: nothing of it was sent.
    None,
    /// This, and some of it may have been sent.
    Planned(Vec<u8>),
    /// This, and all of it was sent.
    Sent(Vec<u8>),
}

impl DropFolder {
    /// Writes down what is about to be sent for a haul. Atomic, and on the disk when it returns.
    pub fn plan(&self, haul: &str, document: &[u8]) -> Result<()> {
        let attempt = format!("write down the jobs of haul {haul}");
        let aside = self.document(haul, ".new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&aside)?;
            file.write_all(document)?;
            file.sync_all()?;
            fs::rename(&aside, self.document(haul, PLANNED))
        };
        write().map_err(|error| {
            // The error to tell is the first one.
            drop(fs::remove_file(&aside));
            error::io(attempt)(error)
        })
    }

    /// Says that all that was planned for a haul is in the queue.
    pub fn mark_sent(&self, haul: &str) -> Result<()> {
        let (from, to) = (self.document(haul, PLANNED), self.document(haul, SENT));
        fs::rename(from, to).map_err(error::io(format!("mark haul {haul} as sent")))
    }

    /// The hauls that are there, the oldest first. Removes what is left of those that are over.
    pub fn hauls(&self) -> Result<Vec<Haul>> {
        let attempt = || "look for what was taken";
        let top = self.home.join(TAKEN);
        let (mut names, mut documents) = (vec![], vec![]);
        for entry in fs::read_dir(&top).map_err(error::io(attempt()))? {
            let entry = entry.map_err(error::io(attempt()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_directory = entry.file_type().map_err(error::io(attempt()))?.is_dir();
            if is_directory { names.push(name) } else { documents.push(name) }
        }
        names.sort();
        let mut hauls = vec![];
        for name in names {
            let haul = self.read(name).map_err(error::io(attempt()))?;
            if haul.files.is_empty() {
                // Directories alone. It harms nobody if that fails.
                drop(fs::remove_dir_all(top.join(haul.name)));
            } else {
                hauls.push(haul);
            }
        }
        for document in documents {
            let haul = [PLANNED, SENT, ".new"].iter().find_map(|end| document.strip_suffix(end));
            if haul.is_some_and(|haul| !hauls.iter().any(|known| known.name == haul)) {
                // It harms nobody if that fails.
                drop(fs::remove_file(top.join(document)));
            }
        }
        Ok(hauls)
    }

    fn read(&self, name: String) -> io::Result<Haul> {
        let top = self.home.join(TAKEN).join(&name);
        let mut files = vec![];
        for path in all_files(&top)? {
            let etag = crate::store::etag::of(&fs::symlink_metadata(top.join(&path))?);
            files.push(Taken { path, etag });
        }
        let document = match self.read_document(&name, SENT)? {
            Some(sent) => Document::Sent(sent),
            None => self.read_document(&name, PLANNED)?.map_or(Document::None, Document::Planned),
        };
        Ok(Haul { name, files, document })
    }

    fn read_document(&self, haul: &str, end: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.document(haul, end);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // None of ours.
            Ok(meta) if meta.len() > MAX_DOCUMENT_BYTES => Ok(None),
            Ok(_) => fs::read(path).map(Some),
            Err(error) => Err(error),
        }
    }

    /// Removes the directories of a haul that a file leaves empty, and with the last one its
    /// documents. It harms nobody if that fails: the next process tries it again.
    pub(super) fn prune(&self, haul: &str, path: &Path) {
        for parent in path.ancestors().skip(1) {
            if fs::remove_dir(self.home.join(TAKEN).join(haul).join(parent)).is_err() {
                return;
            }
        }
        for end in [PLANNED, SENT] {
            drop(fs::remove_file(self.document(haul, end)));
        }
    }

    fn document(&self, haul: &str, end: &str) -> PathBuf {
        self.home.join(TAKEN).join(format!("{haul}{end}"))
    }
}
