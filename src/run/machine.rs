//! What this machine has left, and what this process has used.

/// The figure in front of `kB` after `key` in a `/proc` table.
fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes that can still be allocated without swapping; unknown outside Linux. In a container its own limit counts.
pub fn available_bytes() -> Option<u64> {
    let free = kilobytes("/proc/meminfo", "MemAvailable:")?;
    let number = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some(limit.map_or(free, |limit| free.min(limit.saturating_sub(used))))
}

/// The most memory this process has held at once; unknown outside Linux.
pub fn peak_bytes() -> Option<u64> {
    kilobytes("/proc/self/status", "VmHWM:")
}

/// Work that would not fit into memory.
#[derive(Debug, thiserror::Error)]
#[error("this needs about {} of memory, and {} are free; use a smaller batch or input", crate::model::figures::bytes(*.needed), crate::model::figures::bytes(*.available))]
pub struct TooLarge {
    pub needed: u64,
    pub available: u64,
}

/// Refuses work that needs more than is free; lets it pass where that is unknown.
pub fn check(needed: u64) -> Result<(), TooLarge> {
    match available_bytes() {
        Some(available) if needed > available => Err(TooLarge { needed, available }),
        _ => Ok(()),
    }
}
