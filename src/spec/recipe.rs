//! The `train:` section: how a network is trained unless flags say otherwise. All optional here; the
//! trainer fills in what is absent.

/// A training recipe as the file gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recipe {
    pub epochs: Option<u64>,
    pub steps: Option<u64>,
    pub batch: Option<u64>,
    pub optimizer: Option<String>,
    pub lr: Option<f64>,
    pub momentum: Option<f64>,
    pub weight_decay: Option<f64>,
    pub schedule: Option<String>,
    /// Steps over which the learning rate rises to its value.
    pub warmup: Option<u64>,
    pub init: Option<String>,
    pub augment: Vec<String>,
    pub shuffle: Option<bool>,
    /// Part of the training images kept aside for validation, 0 to 1.
    pub val_split: Option<f64>,
    pub seed: Option<u64>,
    pub limit: Option<u64>,
    pub checkpoint_every: Option<u64>,
}

impl Recipe {
    /// Keys that are read and checked but that training does not follow yet, and whether the file has them.
    pub fn unused(&self) -> [(&'static str, bool); 6] {
        [
            ("schedule", self.schedule.as_deref().is_some_and(|schedule| schedule != "constant")),
            ("warmup", self.warmup.is_some_and(|steps| steps > 0)),
            ("augment", self.augment.iter().any(|word| word != "none")),
            ("val_split", self.val_split.is_some_and(|part| part > 0.0)),
            ("limit", self.limit.is_some()),
            ("checkpoint_every", self.checkpoint_every.is_some()),
        ]
    }
}

pub const KEYS: &[&str] = &[
    "epochs",
    "steps",
    "batch",
    "optimizer",
    "lr",
    "momentum",
    "weight_decay",
    "schedule",
    "warmup",
    "init",
    "augment",
    "shuffle",
    "val_split",
    "seed",
    "limit",
    "checkpoint_every",
];
pub const OPTIMIZERS: &[&str] = &["sgd", "adam", "adamw"];
pub const SCHEDULES: &[&str] = &["constant", "step", "plateau", "cosine"];
pub const INITS: &[&str] = &["kaiming", "paper", "xavier"];
pub const AUGMENTS: &[&str] = &["none", "flip", "crop", "jitter"];
