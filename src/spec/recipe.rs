//! The `train:` section: how a network is trained unless flags say otherwise. All optional here; the
//! trainer fills in what is absent. The same keys are written to, and read from, a run's `recipe.yaml`.

use serde::Serialize;

/// A training recipe as a file or flags give it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Recipe {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// Images that go through the network at once; a batch's gradients are added up over several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Largest norm of all gradients together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Epochs without a better validation accuracy after which `plateau` divides the learning rate by 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// Steps over which the learning rate rises to its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<u64>,
    /// Part of a label's weight that is spread over all classes, 0 to below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// `None` is "not said", an empty list "none".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<bool>,
    /// Part of the training images kept aside for validation, 0 to below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_split: Option<f64>,
    /// Whether predictions are the mean of those for an image and its mirror image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip_test: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// Patterns of layers that are not learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Vec<String>>,
    /// Epochs without a better validation accuracy after which training ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience_stop: Option<u64>,
    /// How much of the averaged weights stays at each step, 0 to below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// α of the Beta distribution by which two images are mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<f64>,
    /// α of the Beta distribution by which a part of one image stands in another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutmix: Option<f64>,
}

pub const KEYS: &[&str] = &[
    "epochs",
    "steps",
    "batch",
    "micro_batch",
    "optimizer",
    "lr",
    "momentum",
    "nesterov",
    "weight_decay",
    "clip",
    "schedule",
    "patience",
    "warmup",
    "label_smoothing",
    "init",
    "augment",
    "shuffle",
    "val_split",
    "flip_test",
    "seed",
    "limit",
    "checkpoint_every",
    "freeze",
    "patience_stop",
    "ema",
    "mixup",
    "cutmix",
];
pub const OPTIMIZERS: &[&str] = &["sgd", "adam", "adamw"];
pub const SCHEDULES: &[&str] = &["constant", "step", "plateau", "cosine"];
pub const INITS: &[&str] = &["kaiming", "paper", "xavier"];
pub const AUGMENTS: &[&str] = &["none", "flip", "crop", "jitter", "colour", "erase"];
/// Recipes that have a name.
pub const NAMED: &[&str] = &["paper"];

impl Recipe {
    /// What this says, and where it is silent what `other` says.
    pub fn over(self, other: &Recipe) -> Recipe {
        // A length given here replaces the other's, whichever of both it is.
        let own_length = self.epochs.is_some() || self.steps.is_some();
        Recipe {
            epochs: if own_length { self.epochs } else { other.epochs },
            steps: if own_length { self.steps } else { other.steps },
            batch: self.batch.or(other.batch),
            micro_batch: self.micro_batch.or(other.micro_batch),
            optimizer: self.optimizer.or_else(|| other.optimizer.clone()),
            lr: self.lr.or(other.lr),
            momentum: self.momentum.or(other.momentum),
            nesterov: self.nesterov.or(other.nesterov),
            weight_decay: self.weight_decay.or(other.weight_decay),
            clip: self.clip.or(other.clip),
            schedule: self.schedule.or_else(|| other.schedule.clone()),
            patience: self.patience.or(other.patience),
            warmup: self.warmup.or(other.warmup),
            label_smoothing: self.label_smoothing.or(other.label_smoothing),
            init: self.init.or_else(|| other.init.clone()),
            augment: self.augment.or_else(|| other.augment.clone()),
            shuffle: self.shuffle.or(other.shuffle),
            val_split: self.val_split.or(other.val_split),
            flip_test: self.flip_test.or(other.flip_test),
            seed: self.seed.or(other.seed),
            limit: self.limit.or(other.limit),
            checkpoint_every: self.checkpoint_every.or(other.checkpoint_every),
            freeze: self.freeze.or_else(|| other.freeze.clone()),
            patience_stop: self.patience_stop.or(other.patience_stop),
            ema: self.ema.or(other.ema),
            mixup: self.mixup.or(other.mixup),
            cutmix: self.cutmix.or(other.cutmix),
        }
    }

    /// Simonyan & Zisserman 2014, section 3.1: mini-batches of 256, momentum 0.9, weight decay 5·10⁻⁴, learning rate 10⁻²
    /// divided by 10 when validation stops improving, three times in all, 74 epochs; flipped, scale-jittered crops and
    /// shifted colours. Dropout belongs to the architecture.
    pub fn paper() -> Recipe {
        Recipe {
            epochs: Some(74),
            batch: Some(256),
            optimizer: Some("sgd".into()),
            lr: Some(1e-2),
            momentum: Some(0.9),
            nesterov: Some(false),
            weight_decay: Some(5e-4),
            schedule: Some("plateau".into()),
            augment: Some(["flip", "jitter", "colour"].map(String::from).to_vec()),
            ..Recipe::default()
        }
    }

    /// The recipe of a name in [`NAMED`].
    pub fn named(name: &str) -> Option<Recipe> {
        (name == "paper").then(Recipe::paper)
    }
}

/// The format of `recipe.yaml` that is written.
pub const VERSION: u64 = 1;

/// What a run was started with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecipe {
    pub version: u64,
    /// The id of the architecture.
    pub architecture: String,
    /// `--data`.
    pub data: String,
    /// The file training started from, if it did not start from drawn weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Whether what those weights did not have was drawn.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    pub train: Recipe,
}

impl RunRecipe {
    pub fn to_text(&self) -> String {
        // Plain words and numbers: there is nothing in it that YAML could not hold.
        serde_yaml::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let train =
            Recipe { seed: Some(u64::MAX), val_split: Some(0.1), label_smoothing: Some(0.05), ..Recipe::paper() };
        let own = RunRecipe {
            version: VERSION,
            architecture: "vgg16".into(),
            data: "folder:/tmp/a: b # c".into(),
            weights: None,
            partial: false,
            train,
        };
        assert_eq!(RunRecipe::read(&own.to_text()), Ok(own));
    }

    #[test]
    fn a_recipe_is_read_from_words_and_what_is_wrong_is_said() {
        let recipe = Recipe::from_words("paper batch=64 lr=0.5 augment=flip,crop").expect("sound");
        assert_eq!((recipe.batch, recipe.lr, recipe.epochs), (Some(64), Some(0.5), Some(74)));
        assert_eq!(recipe.augment, Some(vec!["flip".into(), "crop".into()]));
        assert!(Recipe::from_words("speed=3").unwrap_err().0.contains("no key `speed`"));
        assert!(Recipe::from_words("lr=-1").unwrap_err().0.contains("above 0"));
        assert!(Recipe::from_words("fast").unwrap_err().0.contains("paper"));
        assert!(Recipe::from_words("lr=}").is_err());
        assert_eq!(Recipe::from_words(""), Ok(Recipe::default()));
    }

    #[test]
    fn another_format_is_refused_by_its_version() {
        let newer = RunRecipe::read("version: 2\narchitecture: a\ndata: synthetic\ntrain: {}\n");
        assert!(newer.unwrap_err().0.contains("format 2"));
        assert!(RunRecipe::read("version: 1\narchitecture: a\ndata: synthetic\ntrain: {lr: -1}\n").is_err());
        assert!(RunRecipe::read("- 1").is_err());
    }

    #[test]
    fn a_length_that_is_given_replaces_the_other() {
        let file = Recipe { epochs: Some(9), lr: Some(0.5), ..Recipe::default() };
        let merged = Recipe { steps: Some(3), ..Recipe::default() }.over(&file);
        assert_eq!((merged.epochs, merged.steps, merged.lr), (None, Some(3), Some(0.5)));
    }
}
