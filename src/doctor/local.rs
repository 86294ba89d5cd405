//! What a pipeline in a directory of this machine lacks, and what mends it.

use std::path::Path;

use pixmill_contract::Limits;
use pixmill_local::doctor::{DatabaseFacts, Facts as Content};
use rustix::fs::{Access, access, statvfs};

use super::finding::Finding;
use crate::machine;
use crate::shown::plural;

/// A disk with less left fills up within minutes of work.
const LITTLE_SPACE_BYTES: u64 = 1 << 30;

/// What is known of a directory and the machine that has it.
#[derive(Debug)]
pub(super) struct Facts {
    is_directory: bool,
    /// Why it cannot be written to.
    read_only: Option<String>,
    content: Content,
    /// A pipeline in it, where people may have meant to point.
    has_inner: bool,
    /// Bytes that are left on its disk, where the system tells.
    free_bytes: Option<u64>,
    /// The network file system that it is on.
    network: Option<&'static str>,
    cores: usize,
    memory_bytes: u64,
}

/// Looks at a directory. Makes nothing.
pub(super) fn look(data: &Path) -> Facts {
    let writable = access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    Facts {
        is_directory: data.is_dir(),
        read_only: writable.err().map(|error| error.to_string()),
        content: pixmill_local::doctor::look(data),
        has_inner: data.join(".pixmill").join("queue.sqlite").is_file(),
        free_bytes: statvfs(data).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        network: network(data),
        cores: machine::cores(),
        memory_bytes: machine::memory_bytes(),
    }
}

/// The network file system that a path is on, where the system tells.
#[cfg(target_os = "linux")]
fn network(path: &Path) -> Option<&'static str> {
    // From Linux's magic.h, and from the sources of file systems that are not in it.
    const KINDS: [(u32, &str); 7] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
    ];
    // The numbers have 32 bits, whatever type the system gives them.
    let found = rustix::fs::statfs(path).ok()?.f_type & 0xffff_ffff;
    KINDS.iter().find(|(magic, _)| i128::from(*magic) == i128::from(found)).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network(_path: &Path) -> Option<&'static str> {
    None
}

/// What is wrong, and what is not.
pub(super) fn findings(data: &Path, facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "directory";
    let shown = data.display();
    if !facts.is_directory || !facts.content.is_pipeline {
        let (detail, fix) = match (facts.is_directory, facts.has_inner) {
            (true, true) => (
                format!("{shown} is where a run wrote to; its pipeline is in {shown}/.pixmill"),
                format!("pixmill doctor --data {shown}/.pixmill"),
            ),
            (true, false) => (
                format!("{shown} holds no pipeline"),
                format!("check --data; or begin one there: pixmill submit … --data {shown}"),
            ),
            (false, _) => (
                format!("{shown} is no directory that can be seen"),
                format!("check --data; or begin a pipeline there: pixmill submit … --data {shown}"),
            ),
        };
        return vec![Finding::error(CHECK, detail, fix)];
    }
    let mut found = vec![match &facts.read_only {
        None => Finding::ok(CHECK, format!("{shown}, writable")),
        Some(why) => {
            let detail = format!("{shown} cannot be written to: {why}");
            Finding::error(
                CHECK,
                detail,
                format!("sudo chown -R \"$USER\" {shown}, or mount it writable"),
            )
        }
    }];
    found.push(of_database("queue.sqlite", data, &facts.content.queue));
    found.push(of_database("store.sqlite", data, &facts.content.store));
    if let Err(error) = &facts.content.mounts {
        let fix =
            format!("restore {shown}/mounts.json; that of a run is made anew by the next run");
        found.push(Finding::error("mounts.json", error.chain(), fix));
    }
    let dead = facts.content.queue.as_ref().map_or(0, |queue| queue.dead_letters);
    if dead > 0 {
        let detail = format!(
            "{} waiting",
            plural(usize::try_from(dead).unwrap_or(usize::MAX), "dead letter")
        );
        found.push(Finding::warning(
            "dead letters",
            detail,
            format!("pixmill dead list --data {shown}"),
        ));
    }
    if let Some(network) = facts.network {
        let detail = format!(
            "{shown} is on {network}: SQLite's locks and its log need a disk of this machine"
        );
        found.push(Finding::error(
            "file system",
            detail,
            "move the pipeline to a local disk, or use --backend aws",
        ));
    }
    found.extend(of_machine(facts));
    found
}

fn of_database(
    name: &str,
    data: &Path,
    looked: &pixmill_contract::error::Result<DatabaseFacts>,
) -> Finding {
    let path = data.join(name);
    let shown = path.display();
    let restore = format!(
        "stop all workers, then restore it from a backup, or save what can be saved: \
         sqlite3 {shown} .recover | sqlite3 {shown}.new"
    );
    match looked {
        Err(error) => Finding::error(
            name,
            error.chain(),
            format!("ls -l {shown}*; if it is damaged, {restore}"),
        ),
        Ok(DatabaseFacts { damage: Some(damage), .. }) => {
            Finding::error(name, format!("it is damaged: {damage}"), restore)
        }
        Ok(DatabaseFacts { version, known_version, .. }) if version != known_version => {
            let detail =
                format!("its schema has version {version}, and this pixmill knows {known_version}");
            Finding::error(name, detail, "use the pixmill that made it, or a newer one")
        }
        Ok(DatabaseFacts { version, .. }) => {
            Finding::ok(name, format!("whole, schema version {version}"))
        }
    }
}

fn of_machine(facts: &Facts) -> Vec<Finding> {
    let megabytes = |bytes: u64| format!("{} MB", bytes >> 20);
    let mut found = vec![];
    match facts.free_bytes {
        Some(free) if free < LITTLE_SPACE_BYTES => {
            let detail = format!("{} left", megabytes(free));
            found.push(Finding::warning(
                "disk",
                detail,
                "make room: work stops when the disk is full",
            ));
        }
        Some(free) => found.push(Finding::ok("disk", format!("{} left", megabytes(free)))),
        None => found.push(Finding::unknown("disk", "the system does not say what is left")),
    }
    let (cores, memory) = (plural(facts.cores, "core"), megabytes(facts.memory_bytes));
    let one_picture = Limits::default().memory_bytes;
    // Half of the memory is a worker's by default.
    found.push(if facts.memory_bytes / 2 < one_picture {
        let detail = format!("{cores}, {memory}: one picture may take {}", megabytes(one_picture));
        let fix = format!("pixmill consumer --slots 1 --max-memory {}MB", facts.memory_bytes >> 21);
        Finding::warning("machine", detail, fix)
    } else {
        Finding::ok("machine", format!("{cores}, {memory}"))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn healthy() -> Facts {
        let database = || Ok(DatabaseFacts { version: 1, known_version: 1, ..Default::default() });
        Facts {
            is_directory: true,
            read_only: None,
            content: Content {
                is_pipeline: true,
                queue: database(),
                store: database(),
                mounts: Ok(()),
            },
            has_inner: false,
            free_bytes: Some(LITTLE_SPACE_BYTES),
            network: None,
            cores: 2,
            memory_bytes: 8 << 30,
        }
    }

    /// What is wrong with a world that differs from a healthy one.
    fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<(String, Status)> {
        let mut facts = healthy();
        change(&mut facts);
        let found = findings(Path::new("mill"), &facts).into_iter();
        found.filter(|f| f.status != Status::Ok).map(|f| (f.check, f.status)).collect()
    }

    #[test]
    fn each_wrong_world_is_found_by_itself() {
        let queue = |change: fn(&mut DatabaseFacts)| {
            wrong(|facts| change(facts.content.queue.as_mut().unwrap()))
        };
        let one = |check: &str, status| vec![(check.to_owned(), status)];
        assert_eq!(wrong(|_| ()), []);
        assert_eq!(wrong(|f| f.is_directory = false), one("directory", Status::Error));
        assert_eq!(wrong(|f| f.read_only = Some("no".into())), one("directory", Status::Error));
        assert_eq!(queue(|q| q.damage = Some("page 3".into())), one("queue.sqlite", Status::Error));
        assert_eq!(queue(|q| q.version = 2), one("queue.sqlite", Status::Error));
        assert_eq!(queue(|q| q.dead_letters = 3), one("dead letters", Status::Warning));
        assert_eq!(wrong(|f| f.network = Some("NFS")), one("file system", Status::Error));
        assert_eq!(wrong(|f| f.free_bytes = Some(5)), one("disk", Status::Warning));
        assert_eq!(wrong(|f| f.memory_bytes = 1 << 30), one("machine", Status::Warning));
    }

    #[test]
    fn a_directory_that_is_no_pipeline_is_one_line() {
        let found = |has_inner| {
            let mut facts = healthy();
            (facts.content.is_pipeline, facts.has_inner) = (false, has_inner);
            findings(Path::new("mill"), &facts)
        };
        assert_eq!((found(false).len(), found(true).len()), (1, 1));
        assert!(found(true)[0].fix.as_ref().unwrap().contains("mill/.pixmill"));
    }
}
