//! Networks as PyTorch code: a folder with a module that a person can read and change, its weights, and what trains it.

mod classes;
mod names;
mod operations;
mod shared;
mod training;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::exchange::weights::{self, WeightsError};
use crate::files::{reason, write};
use crate::graph::Graph;
use crate::network::Compiled;
use crate::visible::visible;
use classes::classes;
pub use training::Told;
use training::{CODE, NETWORK, network_json};

#[derive(Debug, thiserror::Error)]
pub enum PytorchError {
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
    #[error("{0}")]
    Weights(#[from] WeightsError),
}

const MODEL: &str = "model.py";
const WEIGHTS: &str = "weights.safetensors";
const REQUIREMENTS: &str = "requirements.txt";

/// What is written to a folder.
pub fn files() -> impl Iterator<Item = &'static str> {
    [MODEL, WEIGHTS, REQUIREMENTS, NETWORK].into_iter().chain(CODE.map(|(name, _)| name))
}

/// What the code stands on; the last two only for folders of images, and to go on with a run by hand.
const STANDS_ON: &str = "torch>=2.3\nsafetensors>=0.4\nnumpy\npillow\npyyaml\n";

/// Writes the module, what trains it and, where there are parameters, `weights.safetensors`. Gives their paths.
pub fn write(
    network: &Graph,
    parameters: Option<&Compiled>,
    told: Told,
    folder: &Path,
) -> Result<Vec<PathBuf>, PytorchError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| PytorchError::Unwritable { path, reason: reason(&error) }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let (text, keys) = model(network);
    let told = network_json(network, &keys, told);
    let mut written = Vec::new();
    let own = [(MODEL, text.as_str()), (NETWORK, told.as_str()), (REQUIREMENTS, STANDS_ON)];
    for (name, text) in own.into_iter().chain(CODE) {
        let path = folder.join(name);
        write::write_text(&path, text).map_err(failed(&path))?;
        written.push(path);
    }
    if let Some(compiled) = parameters {
        let path = folder.join(WEIGHTS);
        weights::write_renamed(compiled, &keys, &path)?;
        written.push(path);
    }
    Ok(written)
}

/// The text of `model.py`, and its modules' names by our layers'.
pub fn model(network: &Graph) -> (String, HashMap<String, String>) {
    let architecture = &network.architecture;
    let plain = |text: &str| visible(text).replace('\\', "\\\\").replace("\"\"\"", "'''").replace(['\n', '\r'], " ");
    let input: Vec<String> = network.input().to_vec().iter().map(u64::to_string).collect();
    let mut about = plain(&architecture.name);
    if let Some(summary) = &architecture.summary {
        about += &format!(": {}", plain(summary));
    }
    if let Some(source) = &architecture.source {
        about += &format!("\n\n    {}.", plain(source).trim_end_matches('.'));
    }
    about += &format!("\n\n    Takes images [N, {}].\n    ", input.join(", "));
    let classes = classes(network, &about);
    let uses = |word: &str| classes.texts.iter().any(|text| text.contains(word));
    let mut parts = vec![
        "\"\"\"A network as PyTorch code, written by convlens.\"\"\"\n".to_string(),
        match uses("F.") {
            true => "import torch\nimport torch.nn.functional as F\nfrom safetensors.torch import load_file\nfrom torch import nn\n\n".into(),
            false => "import torch\nfrom safetensors.torch import load_file\nfrom torch import nn\n\n".into(),
        },
    ];
    if uses("ChannelNorm(") {
        parts.push(CHANNEL_NORM.into());
    }
    if uses("Scale(") {
        parts.push(SCALE.into());
    }
    parts.extend(classes.texts.iter().map(|text| format!("{text}\n")));
    let name = &classes.network;
    parts.push(format!(
        "def load(path: str = \"weights.safetensors\") -> {name}:\n    \"\"\"The network with the weights of a file, \
         as it is used.\"\"\"\n    model = {name}()\n    model.load_state_dict(load_file(path))\n    return model.eval()\n"
    ));
    // What is used without functions of its own needs no import of them.
    let text = parts.join("\n");
    let text = if text.contains("torch.") { text } else { text.replace("import torch\n", "") };
    let keys = classes.keys.into_iter().map(|(layer, key)| (network.layers[layer].name.clone(), key)).collect();
    (text, keys)
}

const CHANNEL_NORM: &str = "class ChannelNorm(nn.LayerNorm):\n    \"\"\"A norm over the channels at each position of a map.\"\"\"\n\n    \
    def forward(self, x):\n        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)\n\n";

const SCALE: &str = "class Scale(nn.Module):\n    \"\"\"Each channel times a factor that is learned.\"\"\"\n\n    \
    def __init__(self, channels, init):\n        super().__init__()\n        \
    self.weight = nn.Parameter(torch.full((channels,), float(init)))\n\n    \
    def forward(self, x):\n        return x * self.weight.view(1, -1, *[1] * (x.dim() - 2))\n\n";
