//! What this machine can do at most: multiplications and additions a second, and bytes a second from and to memory. Measured in
//! about two seconds and kept in the user's cache folder, since it changes with the machine alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::machine;
use crate::files::{read, write};
use crate::network::kernels::block::Block;
use crate::network::kernels::matmul::{Matrix, matmul};

/// The two ceilings of a roofline (Williams, Waterman & Patterson 2009), on so many threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    version: u32,
    /// Of the processor, as the system calls it.
    pub processor: String,
    pub threads: usize,
    /// Of products of matrices that stay in the caches, in f32: 10⁹ multiplications and additions a second.
    pub gflops: f64,
    /// Of copying or comparing what no cache holds, all that is read and written: 10⁹ bytes a second.
    pub bandwidth_gb_s: f64,
    /// Whether our own code was compiled with its checks.
    checked: bool,
    /// When: seconds since 1970.
    pub measured: u64,
}

/// What is measured, and how; another one is measured anew.
const VERSION: u32 = 2;
/// Rows and columns of the matrices: three of them take 1.3 MB, which a core's own cache holds for the most part.
const SIDE: usize = 336;
/// Values of four bytes in each of the two arrays: far more than caches hold.
const WORDS: usize = 48 << 20;
/// How long products are repeated at a time, and how often that is done; the best counts.
const WINDOW: Duration = Duration::from_millis(150);
const WINDOWS: usize = 6;
const PASSES: usize = 8;

impl Peak {
    /// As it was kept, else measured now and kept; `anew` measures in any case.
    pub fn of_machine(anew: bool) -> Peak {
        let mut kept = file().map(|file| Peak::read(&file)).unwrap_or_default();
        let (processor, threads) = (machine::processor(), rayon::current_num_threads());
        let is_same =
            |own: &Peak| own.processor == processor && own.threads == threads && own.checked == cfg!(debug_assertions);
        if let Some(own) = kept.iter().find(|own| is_same(own) && own.is_sound() && !anew) {
            return own.clone();
        }
        kept.retain(|own| own.is_sound() && !is_same(own));
        let peak = Peak {
            version: VERSION,
            processor: processor.clone(),
            threads,
            gflops: gflops(),
            bandwidth_gb_s: bandwidth(),
            checked: cfg!(debug_assertions),
            measured: super::runs::now(),
        };
        kept.push(peak.clone());
        keep(&kept);
        peak
    }

    /// Of one version, and no more than any machine does.
    fn is_sound(&self) -> bool {
        let within = |value: f64| (1e-2..1e6).contains(&value);
        self.version == VERSION && within(self.gflops) && within(self.bandwidth_gb_s)
    }

    fn read(file: &Path) -> Vec<Peak> {
        read::text(file, read::SMALL).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Days since they were measured.
    pub fn days_old(&self) -> u64 {
        super::runs::now().saturating_sub(self.measured) / 86_400
    }

    /// FLOP/s (10⁹) that work of an intensity can reach: what memory feeds, up to what the cores can do.
    pub fn attainable(&self, intensity: f64) -> f64 {
        self.gflops.min(self.bandwidth_gb_s * intensity)
    }

    /// FLOPs per byte above which the cores are the limit, and not memory.
    pub fn ridge(&self) -> f64 {
        self.gflops / self.bandwidth_gb_s
    }

    /// Seconds that so many FLOPs and bytes take at least.
    pub fn least_seconds(&self, flops: f64, bytes: f64) -> f64 {
        (flops / self.gflops).max(bytes / self.bandwidth_gb_s) / 1e9
    }
}

/// A folder that cannot be written costs no more than measuring again.
fn keep(all: &[Peak]) {
    let Some(file) = file() else { return };
    let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let (Ok(()), Ok(text)) = (folder, serde_json::to_string_pretty(all)) {
        let _ = write::write_text_unlinked(&file, &(text + "\n"));
    }
}

fn file() -> Option<PathBuf> {
    let caches = etcetera::choose_base_strategy().ok()?.cache_dir();
    Some(caches.join("convlens").join("machine.json"))
}

/// Products on every thread at once, each of its own matrices.
fn gflops() -> f64 {
    let threads = rayon::current_num_threads();
    let rates = (0..WINDOWS).map(|_| {
        let started = Instant::now();
        let products: usize = (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .map(|_| {
                let (left, right) = (vec![0.5f32; SIDE * SIDE], vec![0.25f32; SIDE * SIDE]);
                let mut out = vec![0f32; SIDE * SIDE];
                let mut done = 0;
                while started.elapsed() < WINDOW {
                    let (left, right) = (Matrix::rows(&left, SIDE), Matrix::rows(&right, SIDE));
                    matmul(&mut Block::of(&mut out, SIDE), SIDE, left, right, false);
                    done += 1;
                }
                std::hint::black_box(&out);
                done
            })
            .sum();
        2.0 * products as f64 * (SIDE as f64).powi(3) / started.elapsed().as_secs_f64() / 1e9
    });
    rates.fold(0.0, f64::max)
}

/// An array copied by all threads, and two compared: whichever moves more bytes.
fn bandwidth() -> f64 {
    // A quarter of what is free at most, where memory is short.
    let free = machine::available_bytes().map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let words = WORDS.min(free / 32).max(1 << 16);
    let from = vec![1u32; words];
    let mut to = vec![0u32; words];
    let part = words.div_ceil(rayon::current_num_threads());
    let mut best = 0f64;
    for _ in 0..PASSES {
        // The C library's own loops do both, whatever our code is compiled for.
        let started = Instant::now();
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        let copied = started.elapsed();
        let started = Instant::now();
        let is_same = to.par_chunks(part).zip(from.par_chunks(part)).all(|(one, other)| one == other);
        let compared = started.elapsed();
        std::hint::black_box(is_same);
        let fastest = copied.min(compared).as_secs_f64().max(1e-9);
        best = best.max((2 * 4 * words) as f64 / fastest / 1e9);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roof_is_memory_below_the_ridge_and_the_cores_above() {
        let peak = Peak {
            version: VERSION,
            processor: String::new(),
            threads: 2,
            gflops: 200.0,
            bandwidth_gb_s: 20.0,
            checked: false,
            measured: 0,
        };
        assert_eq!(peak.ridge(), 10.0);
        assert_eq!([1.0, 10.0, 100.0].map(|intensity| peak.attainable(intensity)), [20.0, 200.0, 200.0]);
        assert_eq!(peak.least_seconds(2e9, 2e7), 0.01, "the cores");
        assert_eq!(peak.least_seconds(0.0, 2e8), 0.01, "memory");
    }
}
