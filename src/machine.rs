//! What this machine is: its name, its cores, its memory.

/// Where the machine's memory is unknown, a small one is assumed.
const ASSUMED_MEMORY_BYTES: u64 = 4 << 30;

/// The machine's name, for results.
pub(crate) fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The machine's memory in bytes.
pub(crate) fn memory_bytes() -> u64 {
    kibibytes_of("/proc/meminfo", "MemTotal:").unwrap_or(ASSUMED_MEMORY_BYTES)
}

/// The most memory that a living process has had resident at once, in bytes, where the system tells.
pub(crate) fn peak_memory_bytes(process: u32) -> Option<u64> {
    kibibytes_of(&format!("/proc/{process}/status"), "VmHWM:")
}

/// A line of a file of Linux's, which counts in kibibytes; in bytes.
fn kibibytes_of(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
