//! The same network as different tools count it.
//!
//! A table of what each tool adds for each kind of layer, from its source: fvcore 0.1.5, thop 0.1.1, torchinfo 1.8.0,
//! ptflops 0.7.5 and PyTorch 2.15's `FlopCounterMode`, all for one image in evaluation. What a tool does not count is unknown,
//! which is not the same as nothing.

use super::{Graph, Layer, Operation, Shape};
use crate::spec::describe::{self, Activation};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// Multiply-adds of conv and linear, as the paper and design tables count; everything else is 0 by definition.
    Plain,
    Fvcore,
    Thop,
    Torchinfo,
    Ptflops,
    /// PyTorch's `torch.utils.flop_counter.FlopCounterMode`: multiplications and additions apart.
    TorchFlops,
}

impl Convention {
    pub const ALL: [Convention; 6] = [
        Convention::Plain,
        Convention::Fvcore,
        Convention::Thop,
        Convention::Torchinfo,
        Convention::Ptflops,
        Convention::TorchFlops,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Convention::Plain => "plain",
            Convention::Fvcore => "fvcore",
            Convention::Thop => "thop",
            Convention::Torchinfo => "torchinfo",
            Convention::Ptflops => "ptflops",
            Convention::TorchFlops => "torch-flops",
        }
    }

    /// What its number is.
    pub fn about(self) -> &'static str {
        match self {
            Convention::Plain => "multiply-adds of conv and linear, without bias",
            Convention::Fvcore => {
                "as plain; 2 per element of a batch norm, 1 per input element of an adaptive average pool"
            }
            Convention::Thop => {
                "as plain; 4 per element of a batch norm, 1 per input and output of an adaptive average pool, 1 per output of an average pool"
            }
            Convention::Torchinfo => "a conv's parameters times its positions, any other layer's parameters once",
            Convention::Ptflops => {
                "as plain, and biases; 2 per element of a batch norm, 2 per value of ReLU, ELU and GELU, 2 per input of a pool, 1 per value of leaky ReLU, SiLU and softmax"
            }
            Convention::TorchFlops => "2 per multiply-add of conv and linear, without bias",
        }
    }

    /// What the tool counts for a layer, or `None` where it says nothing about layers of that kind.
    pub fn count(self, layer: &Layer) -> Option<u64> {
        use Operation::{
            AdaptiveAvgPool, AvgPool, Conv, ConvTranspose, Dropout, Flatten, GlobalAvgPool, Linear, MaxPool, Softmax,
        };
        let (inputs, outputs) = (layer.input.elements() as u64, layer.output.elements() as u64);
        let positions = match layer.output {
            Shape::Map { height, width, .. } => height * width,
            Shape::Flat(_) => 1,
        };
        let relu = matches!(layer.operation, Operation::Activation(Activation::Relu));
        let leaky = matches!(layer.operation, Operation::Activation(Activation::LeakyRelu { .. }));
        match (self, &layer.operation) {
            (Convention::Plain, _) => Some(layer.macs),
            (Convention::TorchFlops, Conv { .. } | ConvTranspose { .. } | Linear { .. }) => Some(2 * layer.macs),
            // A change of shape or place is no arithmetic to anybody.
            (_, Flatten | Operation::Concat | Operation::Slice { .. } | Operation::ChannelShuffle { .. }) => Some(0),
            (Convention::TorchFlops, _) => None,
            (Convention::Torchinfo, Conv { .. } | ConvTranspose { .. }) => Some(layer.params() * positions),
            (Convention::Torchinfo, _) if layer.params() > 0 => Some(layer.params()),
            (Convention::Torchinfo, _) => None,
            // Not looked up.
            (Convention::Ptflops | Convention::Thop, ConvTranspose { .. }) => None,
            (Convention::Ptflops, Conv { .. } | Linear { .. }) => Some(layer.macs + layer.biases * positions),
            (Convention::Fvcore | Convention::Thop, Conv { .. } | ConvTranspose { .. } | Linear { .. }) => {
                Some(layer.macs)
            }
            (Convention::Fvcore | Convention::Ptflops, Operation::Norm(describe::Norm::Batch(_))) => Some(2 * outputs),
            (Convention::Thop, Operation::Norm(describe::Norm::Batch(_))) => Some(4 * outputs),
            (Convention::Fvcore, AdaptiveAvgPool | GlobalAvgPool) => Some(inputs),
            (Convention::Fvcore, _) if relu => Some(0),
            (Convention::Fvcore, _) => None,
            // Window + 1 per output value, the window being inputs/outputs.
            (Convention::Thop, AdaptiveAvgPool | GlobalAvgPool) => Some(inputs + outputs),
            (Convention::Thop, AvgPool { .. }) => Some(outputs),
            (Convention::Thop, Softmax) => Some(softmax(layer)),
            (Convention::Thop, MaxPool { .. } | Dropout { .. }) => Some(0),
            (Convention::Thop, _) if relu || leaky => Some(0),
            (Convention::Thop, _) => None,
            // It hooks both the module and the function that the module calls, and so counts these twice.
            (Convention::Ptflops, MaxPool { .. } | AvgPool { .. } | AdaptiveAvgPool | GlobalAvgPool) => {
                Some(2 * inputs)
            }
            (Convention::Ptflops, Operation::Activation(activation)) => match activation {
                Activation::Relu | Activation::Elu | Activation::Gelu => Some(2 * outputs),
                Activation::LeakyRelu { .. } | Activation::Silu => Some(outputs),
                _ => None,
            },
            (Convention::Ptflops, Softmax) => Some(outputs),
            (Convention::Ptflops, _) => None,
        }
    }

    /// The total over all layers that are counted, and how many are not.
    pub fn total(self, network: &Graph) -> (u64, usize) {
        let counts = || network.layers.iter().map(|layer| self.count(layer));
        (counts().flatten().sum(), counts().filter(Option::is_none).count())
    }
}

/// thop: for each row of n features n exponentials, n − 1 additions, n divisions.
fn softmax(layer: &Layer) -> u64 {
    match layer.output {
        Shape::Flat(features) => 3 * features - 1,
        Shape::Map { channels, height, width } => (3 * channels - 1) * height * width,
    }
}
