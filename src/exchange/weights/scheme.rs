//! The ways in which tensors of a file are told apart.

/// How tensors are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// By rules that were given, by the architecture or by a flag.
    Renamed,
    /// Our own layer paths: `block1.conv1.weight`.
    Own,
    /// `features.0.weight`, `classifier.6.bias`.
    Torchvision,
    /// timm's VGG: `features.0.weight`, `pre_logits.fc1.weight`, `head.fc.bias`.
    Timm,
    /// torchvision's and timm's ResNets: `layer2.0.conv1.weight`, `layer2.0.downsample.1.bias`, `fc.weight`.
    Residual,
    /// Our own layer paths in other words: `fc1.weight` for `linear1.weight`.
    Similar,
    /// One layer after the other, where numbers in the names or the shapes leave one way.
    Order,
}

impl Scheme {
    /// As a sentence goes on after "matched".
    pub fn describe(self) -> &'static str {
        match self {
            Scheme::Renamed => "by the rules for names",
            Scheme::Own => "by layer names",
            Scheme::Torchvision => "by torchvision's numbering",
            Scheme::Timm => "by timm's names",
            Scheme::Residual => "by the names of torchvision's and timm's ResNets",
            Scheme::Similar => "by similar layer names",
            Scheme::Order => "in order, by numbers and shapes",
        }
    }
}
