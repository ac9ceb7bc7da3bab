//! What `convlens forward` is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::trained::{Names, Trained};
use crate::network::kernels::conv::Algorithm;
use crate::run::attention::Method;

#[derive(Args)]
pub struct ForwardArgs {
    /// An id, an alias or a file; two to four are run in turn on noise and their times compared
    #[arg(required = true, num_args = 1..=4, value_name = "ARCH")]
    pub archs: Vec<String>,
    /// A photograph (PNG, JPEG, WebP, …), or a folder of them; several are run one mini-batch after the other
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "input")]
    pub image: Vec<PathBuf>,
    /// A tensor file [N,C,H,W]: .npy, or .safetensors with a tensor `input`; used without preprocessing
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    #[command(flatten)]
    pub trained: Trained,
    #[command(flatten)]
    pub names: Names,
    /// Seed of random weights and of noise [0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Images in a mini-batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// How often each mini-batch is run; times are the median run's [1; 5 of several networks]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,
    /// Runs of the first mini-batch before those that count [1; none where there are several, of which the first is left out
    /// of the times]
    #[arg(long, value_name = "N")]
    pub warmup: Option<u32>,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// How convolutions are computed; `auto` takes the cheapest for each shape
    #[arg(long, value_enum, default_value_t = AlgorithmName::Auto)]
    pub conv_algorithm: AlgorithmName,
    /// Class names: one a line, a JSON list, or ImageNet's class index; without it those that the weights carry
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Name the first layer whose values are no numbers, outgrow f16, vanish or are all 0, and why
    #[arg(long)]
    pub trace: bool,
    /// Print every logit
    #[arg(long)]
    pub logits: bool,
    /// Write every layer's output over all inputs: a tensor for each layer
    #[arg(long, value_name = "FILE.safetensors")]
    pub save_activations: Option<PathBuf>,
    /// Write feature maps as pictures: `DIR/<input>/<layer>.png`
    #[arg(long, value_name = "DIR")]
    pub save_features: Option<PathBuf>,
    /// Write where the network looks in each photo for its class: `DIR/<photo>.png`
    #[arg(long, value_name = "DIR", requires = "image")]
    pub save_looks: Option<PathBuf>,
    /// How it is told where it looks
    #[arg(long, value_enum, default_value_t = MethodName::GradCam, requires = "save_looks")]
    pub look_by: MethodName,
    /// The class that is looked for; the most probable without it
    #[arg(long, value_name = "N", requires = "save_looks")]
    pub class: Option<usize>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    pub force: bool,
}

impl ForwardArgs {
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// The last map's channels, weighted by the class's gradient
    GradCam,
    /// |gradient · input| of every pixel
    GradientInput,
}

impl MethodName {
    pub fn method(self) -> Method {
        match self {
            MethodName::GradCam => Method::GradCam,
            MethodName::GradientInput => Method::GradientInput,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlgorithmName {
    Auto,
    /// Tiles of 4×4, for 3×3 with stride 1; im2col elsewhere
    Winograd,
    Im2col,
    /// The definition
    Direct,
}

impl AlgorithmName {
    pub fn wanted(self) -> Option<Algorithm> {
        match self {
            AlgorithmName::Auto => None,
            AlgorithmName::Winograd => Some(Algorithm::Winograd),
            AlgorithmName::Im2col => Some(Algorithm::Im2col),
            AlgorithmName::Direct => Some(Algorithm::Direct),
        }
    }
}
