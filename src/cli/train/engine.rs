//! Which engine trains: ours, or PyTorch's under torchrun.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::Failure;
use crate::run::torchrun::{Launch, Machines, Python};

/// Flags of several processes and machines.
#[derive(Args)]
#[group(id = "engines", multiple = true)]
pub struct EngineArgs {
    /// What trains
    #[arg(long, value_enum, default_value = "convlens")]
    engine: Engine,
    /// With torchrun: processes on this machine [one for each GPU, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    nproc: Option<u32>,
    /// With torchrun: machines that train together [1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    nnodes: Option<u32>,
    /// With torchrun: this machine's number; 0 keeps the run's folder
    #[arg(long, value_name = "N")]
    node_rank: Option<u32>,
    /// With torchrun: where machine 0 is found
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    rdzv: Option<(String, u16)>,
    /// With torchrun: mixed precision
    #[arg(long)]
    amp: bool,
    /// With torchrun: the Python that has torch [python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This program
    Convlens,
    /// PyTorch's DistributedDataParallel, in several processes and on several machines
    Torchrun,
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let parts = parts.and_then(|(host, port)| Some((host.to_string(), port.parse().ok().filter(|port| *port > 0)?)));
    parts.ok_or_else(|| "expected a host and a port, such as `node0:29500`".to_string())
}

impl EngineArgs {
    /// How PyTorch is to be started; nothing where our own engine trains.
    pub fn launch(&self, threads: Option<u32>) -> Result<Option<Launch>, Failure> {
        let wrong = |words: &str| Err(Failure::Message(words.to_string()));
        if self.engine == Engine::Convlens {
            let given = [
                (self.nproc.is_some(), "--nproc"),
                (self.nnodes.is_some(), "--nnodes"),
                (self.node_rank.is_some(), "--node-rank"),
                (self.rdzv.is_some(), "--rdzv"),
                (self.amp, "--amp"),
                (self.python.is_some(), "--python"),
            ];
            return match given.into_iter().find(|(is_given, _)| *is_given) {
                Some((_, flag)) => wrong(&format!("`{flag}` means something with `--engine torchrun` alone")),
                None => Ok(None),
            };
        }
        let count = self.nnodes.unwrap_or(1);
        let machines = match (count, &self.rdzv, self.node_rank) {
            (1, None, None | Some(0)) => None,
            (1, ..) => return wrong("`--rdzv` and `--node-rank` are for several machines; `--nnodes N` says how many"),
            (_, Some((host, port)), Some(own)) if own < count => {
                Some(Machines { count: count as usize, own: own as usize, host: host.clone(), port: *port })
            }
            (_, Some(_), Some(own)) => {
                return wrong(&format!("`--node-rank {own}`: {count} machines are numbered 0 to {}", count - 1));
            }
            _ => {
                return wrong(
                    "several machines need `--rdzv HOST:PORT`, where machine 0 is found, and `--node-rank`, 0 on that one, 1 and so on on the others",
                );
            }
        };
        let python = Python::find(self.python.as_deref()).map_err(Failure::because)?;
        let processes = self.nproc.map_or(python.gpus.max(1), |own| own as usize);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.map_or(cores, |own| own as usize);
        Ok(Some(Launch { python, processes, machines, amp: self.amp, threads }))
    }
}
