//! What a process gives up before it opens anybody's picture.
//!
//! Whoever finds a hole in a decoder finds a process that can write nowhere but where its work goes,
//! starts no program, connects to nobody and signals nobody. The kernel holds it to that for good, in
//! all threads that begin after it (Landlock). One that knows less of it holds it to less, one that
//! knows nothing to nothing: work goes on either way. Reading is left alone, as a run reads whatever
//! file it is given.

use std::fs;
use std::path::{Path, PathBuf};

use pixmill_local::{Access, read_mounts};

use crate::args::{Backend, Consumer, Telemetry};

/// Whether a process may connect to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// To nobody.
    None,
    /// As before.
    Open,
}

/// Confines a worker on this machine to its pipeline's directories, and tells how far that went. A
/// worker of AWS asks everybody for credentials, also programs, and keeps them; it is left to its
/// instance's role.
pub(crate) fn confine_worker(args: &Consumer, telemetry: &Telemetry) -> Option<String> {
    let data = args.data.data.as_ref()?;
    if args.data.backend != Backend::Local || args.ec2 {
        return None;
    }
    let network = if telemetry.has_collector() { Network::Open } else { Network::None };
    // Whatever is wrong with the directory is told when it is opened.
    let directories = written_to(data).ok()?;
    Some(confine(&directories, network))
}

/// Where a worker of this pipeline writes.
fn written_to(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(data)?;
    let mounts = read_mounts(data)?.into_iter().filter(|mount| mount.access == Access::Write);
    let mut directories: Vec<_> = mounts.map(|mount| mount.directory).collect();
    directories.push(data.to_owned());
    Ok(directories)
}

/// Confines this thread, and all that it starts, to writing below these directories. Tells how far
/// that went.
pub(crate) fn confine(directories: &[PathBuf], network: Network) -> String {
    #[cfg(target_os = "linux")]
    let outcome = linux::confine(directories, network);
    #[cfg(not(target_os = "linux"))]
    let outcome = Err::<&str, _>(format!("{directories:?} and {network:?} are for Linux"));
    match outcome {
        Ok(enforced) => enforced.to_owned(),
        Err(error) => format!("not, as this kernel cannot: {error}"),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd,
        Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    };

    use super::Network;

    /// The newest that was tried.
    const KNOWN: ABI = ABI::V6;

    pub(super) fn confine(
        directories: &[PathBuf],
        network: Network,
    ) -> Result<&'static str, RulesetError> {
        let writing = AccessFs::from_write(KNOWN);
        // The first kernels let no file be renamed from one directory to another: no store could be
        // kept. All else is enforced as far as the kernel knows it.
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::Refer)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(writing | AccessFs::Execute)?
            .scope(Scope::from_all(KNOWN))?;
        ruleset = match network {
            Network::None => ruleset.handle_access(AccessNet::ConnectTcp)?,
            Network::Open => ruleset,
        };
        let mut ruleset = ruleset.create()?;
        for directory in directories {
            // What is not there now cannot be written to; whoever needs it says so.
            if let Ok(place) = PathFd::new(directory) {
                ruleset = ruleset.add_rule(PathBeneath::new(place, writing))?;
            }
        }
        Ok(match ruleset.restrict_self()?.ruleset {
            RulesetStatus::FullyEnforced => "fully",
            RulesetStatus::PartiallyEnforced => "partially",
            RulesetStatus::NotEnforced => "not",
        })
    }
}
