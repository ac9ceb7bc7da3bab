//! What keeps PyTorch from training a run.

use crate::exchange::pytorch::PytorchError;

/// All that the processes say, in the run's folder.
pub const LOG: &str = "torchrun.log";

/// Why PyTorch cannot train a run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot run `{path}`: {reason}; `--python PATH` says which Python to use")]
    NoPython { path: String, reason: String },
    #[error(
        "`{path}` has no {missing}; `{path} -m pip install torch safetensors numpy pillow` gets it (pytorch.org/get-started has the one for \
         a GPU), or `--python PATH` names another Python"
    )]
    Missing { path: String, missing: String },
    #[error("the PyTorch of `{path}` was built without torch.distributed; another one is needed")]
    Alone { path: String },
    #[error("{0}")]
    Module(#[from] PytorchError),
    #[error("cannot start torchrun: {0}")]
    Start(String),
    #[error("{reason}{}", more(.folder))]
    Ended { reason: String, folder: Option<String> },
}

fn more(folder: &Option<String>) -> String {
    folder.as_ref().map_or_else(String::new, |folder| {
        format!(" (what PyTorch said is in {folder}/{LOG}; `convlens train --resume {folder}` goes on from the last checkpoint)")
    })
}
