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
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.map_or(ASSUMED_MEMORY_BYTES, |kibibytes| kibibytes * 1024)
}
