//! What this machine has left, and what this process has used.

#![allow(clippy::disallowed_methods, reason = "the tables under /proc and /sys are named by nobody")]

/// The figure in front of `kB` after `key` in a `/proc` table.
fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The processor's name, as the system gives it; its kind where that is unknown.
pub fn processor() -> String {
    let table = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = table.lines().find_map(|line| line.strip_prefix("model name")?.trim().strip_prefix(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_string(), |name| name.trim().to_string())
}

/// Bytes that can still be allocated without swapping; unknown outside Linux. In a container its own limit counts.
pub fn available_bytes() -> Option<u64> {
    let free = kilobytes("/proc/meminfo", "MemAvailable:")?;
    let number = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    let own = own_limit().map(|limit| limit.saturating_sub(kilobytes("/proc/self/status", "VmSize:").unwrap_or(0)));
    let limits = limit.map(|limit| limit.saturating_sub(used)).into_iter().chain(own);
    Some(limits.fold(free, u64::min))
}

/// What the shell lets this process take (`ulimit -v`), if it sets a limit.
fn own_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The most memory this process has held at once; unknown outside Linux.
pub fn peak_bytes() -> Option<u64> {
    kilobytes("/proc/self/status", "VmHWM:")
}

/// Work that would not fit into memory.
#[derive(Debug, thiserror::Error)]
#[error("this needs about {} of memory, and {} are free; use a smaller batch or input", crate::graph::figures::bytes(*.needed), crate::graph::figures::bytes(*.available))]
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
