//! Kinds of layers that do the same sort of thing, and share a colour wherever they are drawn.

use super::Operation;

/// A family of kinds, which share a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Conv,
    Linear,
    Pool,
    Norm,
    Activation,
    Join,
    /// Reshaped, moved about, dropped.
    Other,
}

impl Family {
    pub const ALL: [Family; 7] =
        [Family::Conv, Family::Linear, Family::Pool, Family::Norm, Family::Activation, Family::Join, Family::Other];

    pub fn of(operation: &Operation) -> Family {
        match operation {
            Operation::Conv { .. } | Operation::ConvTranspose { .. } => Family::Conv,
            Operation::Linear { .. } => Family::Linear,
            Operation::MaxPool { .. }
            | Operation::AvgPool { .. }
            | Operation::AdaptiveAvgPool
            | Operation::GlobalAvgPool => Family::Pool,
            Operation::Norm(_) | Operation::Scale { .. } => Family::Norm,
            Operation::Activation(_) | Operation::Prelu { .. } | Operation::Softmax => Family::Activation,
            Operation::Add | Operation::Concat | Operation::Multiply => Family::Join,
            _ => Family::Other,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Family::Conv => "convolution",
            Family::Linear => "linear",
            Family::Pool => "pooling",
            Family::Norm => "norm",
            Family::Activation => "activation",
            Family::Join => "join",
            Family::Other => "other",
        }
    }
}
