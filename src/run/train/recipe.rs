//! How a network is trained: a file's recipe with every gap filled.

use crate::network::init::Init;
use crate::network::optimizer::Algorithm;
use crate::spec::recipe::Recipe as Given;

/// How the learning rate goes on after warming up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    Constant,
    /// Divided by 10 at half and at three quarters of the steps.
    Step,
    /// Divided by 10 after `patience` epochs without a better validation accuracy, at most three times, as Simonyan &
    /// Zisserman 2014 did.
    Plateau {
        patience: u64,
    },
    /// lr · ½(1 + cos π·t), t from 0 to 1 over the steps (Loshchilov & Hutter 2016, without restarts).
    Cosine,
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub epochs: u64,
    /// Ends training even within an epoch.
    pub steps: Option<u64>,
    /// Images of one update.
    pub batch: usize,
    /// Images that go through the network at once; an update's gradients are added up over several such parts.
    pub micro_batch: usize,
    pub algorithm: Algorithm,
    pub lr: f64,
    pub weight_decay: f64,
    /// Largest norm of all gradients together.
    pub clip: Option<f64>,
    pub schedule: Schedule,
    /// Steps over which the learning rate rises evenly to its value.
    pub warmup: u64,
    /// ε of Szegedy et al. 2016: a label counts 1 − ε + ε/K, every other class ε/K, as in PyTorch.
    pub label_smoothing: f64,
    pub init: Init,
    pub augment: Vec<String>,
    pub shuffle: bool,
    pub val_split: f64,
    pub flip_test: bool,
    pub seed: u64,
    pub limit: Option<u64>,
    pub checkpoint_every: Option<u64>,
    /// Patterns of layers that are not learned.
    pub freeze: Vec<String>,
    /// Epochs without a better validation accuracy after which training ends (Prechelt 1998's "early stopping" by patience).
    pub patience_stop: Option<u64>,
    /// d of the averaged weights θ̄ ← d·θ̄ + (1 − d)·θ.
    pub ema: Option<f64>,
    /// α of Zhang et al. 2017's mixup.
    pub mixup: Option<f64>,
    /// α of Yun et al. 2019's CutMix.
    pub cutmix: Option<f64>,
}

/// Epochs of a recipe that says nothing.
const EPOCHS: u64 = 5;
const PATIENCE: u64 = 2;
const ADAM: ([f64; 2], f64) = ([0.9, 0.999], 1e-8);

impl Recipe {
    /// What is given, and PyTorch's usual values where nothing is.
    pub fn new(given: &Given) -> Recipe {
        let momentum = given.momentum.unwrap_or(0.9);
        let (algorithm, lr) = match given.optimizer.as_deref() {
            Some("adam") => (Algorithm::Adam { betas: ADAM.0, eps: ADAM.1 }, 1e-3),
            Some("adamw") => (Algorithm::AdamW { betas: ADAM.0, eps: ADAM.1 }, 1e-3),
            _ => (Algorithm::Sgd { momentum, nesterov: given.nesterov.unwrap_or(false) }, 1e-2),
        };
        let batch = given.batch.unwrap_or(32) as usize;
        // Steps without epochs mean: as many passes as they take.
        let default_epochs = if given.steps.is_some() { u64::MAX } else { EPOCHS };
        Recipe {
            epochs: given.epochs.unwrap_or(default_epochs),
            steps: given.steps,
            batch,
            micro_batch: given.micro_batch.map_or(batch, |micro| (micro as usize).min(batch)),
            algorithm,
            lr: given.lr.unwrap_or(lr),
            weight_decay: given.weight_decay.unwrap_or(5e-4),
            clip: given.clip,
            schedule: match given.schedule.as_deref() {
                Some("step") => Schedule::Step,
                Some("plateau") => Schedule::Plateau { patience: given.patience.unwrap_or(PATIENCE) },
                Some("cosine") => Schedule::Cosine,
                _ => Schedule::Constant,
            },
            warmup: given.warmup.unwrap_or(0),
            label_smoothing: given.label_smoothing.unwrap_or(0.0),
            init: match given.init.as_deref() {
                Some("paper") => Init::Paper,
                Some("xavier") => Init::Xavier,
                _ => Init::Kaiming,
            },
            augment: given.augment.clone().unwrap_or_default(),
            shuffle: given.shuffle.unwrap_or(true),
            val_split: given.val_split.unwrap_or(0.0),
            flip_test: given.flip_test.unwrap_or(false),
            seed: given.seed.unwrap_or(0),
            limit: given.limit,
            checkpoint_every: given.checkpoint_every,
            freeze: given.freeze.clone().unwrap_or_default(),
            patience_stop: given.patience_stop,
            ema: given.ema,
            mixup: given.mixup,
            cutmix: given.cutmix,
        }
    }

    /// The same in a file's words, with nothing left out that counts.
    pub fn given(&self) -> Given {
        let (optimizer, momentum, nesterov) = match self.algorithm {
            Algorithm::Sgd { momentum, nesterov } => ("sgd", Some(momentum), Some(nesterov)),
            Algorithm::Adam { .. } => ("adam", None, None),
            Algorithm::AdamW { .. } => ("adamw", None, None),
        };
        let (schedule, patience) = match self.schedule {
            Schedule::Constant => ("constant", None),
            Schedule::Step => ("step", None),
            Schedule::Plateau { patience } => ("plateau", Some(patience)),
            Schedule::Cosine => ("cosine", None),
        };
        let init = match self.init {
            Init::Kaiming => "kaiming",
            Init::Paper => "paper",
            Init::Xavier => "xavier",
        };
        Given {
            epochs: (self.epochs < u64::MAX).then_some(self.epochs),
            steps: self.steps,
            batch: Some(self.batch as u64),
            micro_batch: Some(self.micro_batch as u64),
            optimizer: Some(optimizer.into()),
            lr: Some(self.lr),
            momentum,
            nesterov,
            weight_decay: Some(self.weight_decay),
            clip: self.clip,
            schedule: Some(schedule.into()),
            patience,
            warmup: Some(self.warmup),
            label_smoothing: Some(self.label_smoothing),
            init: Some(init.into()),
            augment: Some(self.augment.clone()),
            shuffle: Some(self.shuffle),
            val_split: Some(self.val_split),
            flip_test: Some(self.flip_test),
            seed: Some(self.seed),
            limit: self.limit,
            checkpoint_every: self.checkpoint_every,
            freeze: (!self.freeze.is_empty()).then(|| self.freeze.clone()),
            patience_stop: self.patience_stop,
            ema: self.ema,
            mixup: self.mixup,
            cutmix: self.cutmix,
        }
    }

    /// Steps of an epoch over so many images.
    pub fn steps_an_epoch(&self, images: usize) -> u64 {
        images.div_ceil(self.batch.max(1)) as u64
    }

    /// Steps of the whole run.
    pub fn total_steps(&self, images: usize) -> u64 {
        self.epochs.saturating_mul(self.steps_an_epoch(images)).min(self.steps.unwrap_or(u64::MAX))
    }

    /// The learning rate of a step, from 1, before what a plateau or a user takes off.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        if step <= self.warmup {
            return self.lr * step as f64 / self.warmup.max(1) as f64;
        }
        let done = (step - 1 - self.warmup) as f64;
        let part = done / (total.saturating_sub(self.warmup)).max(1) as f64;
        match self.schedule {
            Schedule::Constant | Schedule::Plateau { .. } => self.lr,
            Schedule::Step if part >= 0.75 => self.lr / 100.0,
            Schedule::Step if part >= 0.5 => self.lr / 10.0,
            Schedule::Step => self.lr,
            Schedule::Cosine => self.lr * 0.5 * (1.0 + (std::f64::consts::PI * part).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_is_said_in_the_files_words() {
        for given in [Given::default(), Given::paper(), Given { steps: Some(7), clip: Some(1.0), ..Given::default() }] {
            let recipe = Recipe::new(&given);
            assert_eq!(Recipe::new(&recipe.given()), recipe);
        }
    }

    #[test]
    fn the_learning_rate_rises_and_falls_as_the_schedule_says() {
        let of = |schedule: &str, warmup| {
            let given =
                Given { lr: Some(1.0), schedule: Some(schedule.into()), warmup: Some(warmup), ..Given::default() };
            let recipe = Recipe::new(&given);
            move |step| recipe.rate(step, 100)
        };
        let cosine = of("cosine", 0);
        assert_eq!((cosine(1), cosine(51)), (1.0, 0.5));
        assert!(cosine(100) < 3e-4);
        let step = of("step", 0);
        assert_eq!((step(50), step(51), step(75), step(76)), (1.0, 0.1, 0.1, 0.01));
        let warm = of("constant", 4);
        assert_eq!((warm(1), warm(2), warm(4), warm(5), warm(100)), (0.25, 0.5, 1.0, 1.0, 1.0));
    }
}
