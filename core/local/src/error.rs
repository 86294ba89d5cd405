//! The one table from the errors of SQLite and of the file system to the kinds of the ports.

use std::io;

use pixmill_contract::{Error, ErrorKind};
use rusqlite::ffi;

/// What each primary result code of SQLite means. Codes that are not listed say that the caller
/// or the schema is wrong, which no later try mends.
const SQLITE: &[(i32, ErrorKind)] = &[
    (ffi::SQLITE_FULL, ErrorKind::Unavailable),
    (ffi::SQLITE_IOERR, ErrorKind::Unavailable),
    (ffi::SQLITE_BUSY, ErrorKind::Unavailable),
    (ffi::SQLITE_LOCKED, ErrorKind::Unavailable),
    (ffi::SQLITE_PROTOCOL, ErrorKind::Unavailable),
    (ffi::SQLITE_NOMEM, ErrorKind::Unavailable),
    (ffi::SQLITE_INTERRUPT, ErrorKind::Unavailable),
    (ffi::SQLITE_CANTOPEN, ErrorKind::Unavailable),
    // A person has to put a good file there; until then every job waits and none is blamed.
    (ffi::SQLITE_CORRUPT, ErrorKind::Unavailable),
    (ffi::SQLITE_NOTADB, ErrorKind::Unavailable),
    (ffi::SQLITE_READONLY, ErrorKind::Denied),
    (ffi::SQLITE_PERM, ErrorKind::Denied),
    (ffi::SQLITE_AUTH, ErrorKind::Denied),
];

/// What each error number of the system means. Those that are not listed are the disk's trouble.
const ERRNO: &[(i32, ErrorKind)] = &[
    (libc::ENOENT, ErrorKind::NotFound),
    (libc::EEXIST, ErrorKind::AlreadyExists),
    (libc::EACCES, ErrorKind::Denied),
    (libc::EPERM, ErrorKind::Denied),
    (libc::EROFS, ErrorKind::Denied),
    (libc::ENAMETOOLONG, ErrorKind::Invalid),
    (libc::ENOTDIR, ErrorKind::Invalid),
    (libc::EISDIR, ErrorKind::Invalid),
    (libc::ELOOP, ErrorKind::Invalid),
    (libc::EINVAL, ErrorKind::Invalid),
    (libc::EILSEQ, ErrorKind::Invalid),
    (libc::EXDEV, ErrorKind::Invalid),
    (libc::EFBIG, ErrorKind::Invalid),
    (libc::ENXIO, ErrorKind::Invalid),
    (libc::ENOSPC, ErrorKind::Unavailable),
    (libc::EDQUOT, ErrorKind::Unavailable),
    (libc::EIO, ErrorKind::Unavailable),
    (libc::EMFILE, ErrorKind::Unavailable),
    (libc::ENFILE, ErrorKind::Unavailable),
    (libc::ESTALE, ErrorKind::Unavailable),
];

fn row(table: &[(i32, ErrorKind)], code: i32) -> Option<ErrorKind> {
    table.iter().find(|(listed, _)| *listed == code).map(|(_, kind)| *kind)
}

/// The kind of an SQLite error.
pub(crate) fn sqlite_kind(error: &rusqlite::Error) -> ErrorKind {
    let code = error.sqlite_error().map(|e| e.extended_code & 0xff);
    code.and_then(|code| row(SQLITE, code)).unwrap_or(ErrorKind::Invalid)
}

/// The kind of an error of the file system.
pub(crate) fn io_kind(error: &io::Error) -> ErrorKind {
    if let Some(code) = error.raw_os_error() {
        return row(ERRNO, code).unwrap_or(ErrorKind::Unavailable);
    }
    // Errors that std makes up itself, such as for a path with a NUL.
    if error.kind() == io::ErrorKind::InvalidInput {
        ErrorKind::Invalid
    } else {
        ErrorKind::Unavailable
    }
}

/// For `map_err`: an SQLite error while attempting something. A full disk is told in the system's
/// words, whether a file or a database met it: people see one reason, and look at the disk. (No
/// database has a limit of its own here, so SQLite says that it is full of nothing else.)
pub(crate) fn sqlite(attempt: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| match error.sqlite_error_code() {
        Some(ffi::ErrorCode::DiskFull) => io(attempt)(io::Error::from_raw_os_error(libc::ENOSPC)),
        _ => Error::new(sqlite_kind(&error), attempt, error),
    }
}

/// For `map_err`: a file system error while attempting something.
pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::new(io_kind(&error), attempt, error)
}

/// One more of the same error, for each entry of a batch that failed as a whole.
pub(crate) fn again(error: &Error) -> Error {
    Error::bare(error.kind(), error.chain().trim_start_matches("failed to ").to_owned())
}

/// What a batch that failed as a whole answers for each of its entries.
pub(crate) fn for_each<T>(entries: usize, error: &Error) -> Vec<Result<T, Error>> {
    (0..entries).map(|_| Err(again(error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_sqlite_is_what_the_table_says_also_for_extended_codes() {
        for (code, kind) in SQLITE {
            let plain = rusqlite::Error::SqliteFailure(ffi::Error::new(*code), None);
            let extended = rusqlite::Error::SqliteFailure(ffi::Error::new(*code | 7 << 8), None);
            assert_eq!((sqlite_kind(&plain), sqlite_kind(&extended)), (*kind, *kind), "{code}");
        }
        assert_eq!(sqlite_kind(&rusqlite::Error::QueryReturnedNoRows), ErrorKind::Invalid);
    }

    #[test]
    fn every_row_of_the_system_is_what_the_table_says() {
        for (code, kind) in ERRNO {
            assert_eq!(io_kind(&io::Error::from_raw_os_error(*code)), *kind, "errno {code}");
        }
        assert_eq!(io_kind(&io::Error::from_raw_os_error(libc::ENODEV)), ErrorKind::Unavailable);
    }

    #[test]
    fn the_rows_agree_with_the_names_std_gives_them() {
        let named = [
            (io::ErrorKind::NotFound, ErrorKind::NotFound),
            (io::ErrorKind::PermissionDenied, ErrorKind::Denied),
            (io::ErrorKind::ReadOnlyFilesystem, ErrorKind::Denied),
            (io::ErrorKind::StorageFull, ErrorKind::Unavailable),
            (io::ErrorKind::QuotaExceeded, ErrorKind::Unavailable),
            (io::ErrorKind::InvalidFilename, ErrorKind::Invalid),
            (io::ErrorKind::NotADirectory, ErrorKind::Invalid),
            (io::ErrorKind::IsADirectory, ErrorKind::Invalid),
            (io::ErrorKind::CrossesDevices, ErrorKind::Invalid),
        ];
        for (name, kind) in named {
            let codes =
                ERRNO.iter().filter(|(code, _)| io::Error::from_raw_os_error(*code).kind() == name);
            let kinds: Vec<_> = codes.map(|(_, kind)| *kind).collect();
            assert!(!kinds.is_empty() && kinds.iter().all(|k| *k == kind), "{name:?}: {kinds:?}");
        }
    }

    #[test]
    fn a_full_disk_is_told_in_the_same_words_by_files_and_by_databases() {
        let full = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        let by_database = sqlite("write a page")(full);
        let by_file = io("write a page")(io::Error::from_raw_os_error(libc::ENOSPC));
        assert_eq!(by_database.chain(), by_file.chain());
        assert!(by_file.chain().contains("No space left on device"), "{}", by_file.chain());
        assert_eq!(by_database.kind(), by_file.kind());
    }

    #[test]
    fn an_error_for_each_entry_reads_like_the_first() {
        let error = Error::new(ErrorKind::Unavailable, "send messages", "database is full");
        let answers = for_each::<()>(2, &error);
        assert_eq!(answers.len(), 2);
        let last = answers[1].as_ref().unwrap_err();
        assert_eq!(last.to_string(), "failed to send messages: database is full");
        assert_eq!(last.kind(), ErrorKind::Unavailable);
    }
}
