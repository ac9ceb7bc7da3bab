//! One file with all that a run needs to go on: parameters, running statistics and the optimizer's moments as tensors, the
//! rest as JSON in the file's header. Weight readers see an ordinary weights file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{CHECKPOINT, Learned, RunError, VERSION, file};
use crate::exchange::weights::Extra;
use crate::exchange::weights::{self, AVERAGED, MOMENT, Rest, TensorFile, WeightsError};
use crate::files::write::Links;
use crate::graph::Graph;
use crate::network::Compiled;
use crate::network::average::Average;
use crate::network::kernels::view;
use crate::network::optimizer::{Algorithm, Optimizer};
use crate::run::data::Sets;
use crate::run::train::Progress;

/// The header's key.
const KEY: &str = "convlens";
/// The key of the CRC-32 of that text, in hexadecimal digits, where PyTorch wrote it; there is no other checksum in it then.
const KEY_CRC32: &str = "convlens_crc32";

/// The data a run learns from, as far as it must be the same when it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    pub images: u64,
    pub checksum: u32,
    /// Of the validation set, which a plateau follows; 0 where there is none.
    #[serde(default)]
    pub val_images: u64,
    #[serde(default)]
    pub val_checksum: u32,
}

impl Data {
    pub fn of(sets: &Sets) -> Self {
        let validation = sets.validation.as_ref();
        Data {
            images: sets.train.len() as u64,
            checksum: sets.train.fingerprint(),
            val_images: validation.map_or(0, |set| set.len() as u64),
            val_checksum: validation.map_or(0, |set| set.fingerprint()),
        }
    }
}

/// What `state.json` and a checkpoint's header hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    pub progress: Progress,
    /// Steps the optimizer has counted, for Adam's bias correction.
    pub optimizer_steps: i32,
    /// Steps that the averaged weights have followed, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_steps: Option<u64>,
    pub data: Data,
    /// What the run was made of; checkpoints of an earlier convlens do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
    /// CRC-32 of all that was learned and of the rest of this state; checkpoints of an earlier convlens have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u32>,
}

/// What stands in a run's folder as files too. A checkpoint holds it under its checksum, so a bit that changes there is noticed,
/// and what the run goes on with is always what it began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Texts {
    pub architecture: String,
    pub recipe: String,
    /// Names of the classes in the order of the outputs, where the data has names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

/// CRC-32 of the state, parameters, running statistics and the optimizer's moments, in this order. A disk that forgets a bit
/// is noticed.
fn checksum(state: &State, network: &Compiled, optimizer: &Optimizer, average: Option<&Average>) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    let bare = State { checksum: None, ..state.clone() };
    checksum.update(serde_json::to_string(&bare).unwrap_or_default().as_bytes());
    let mut add = |values: &[f32]| {
        let mut bytes = Vec::with_capacity(4 * 4096);
        for chunk in values.chunks(4096) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            checksum.update(&bytes);
        }
    };
    network.parameters.iter().for_each(|parameter| add(&view::values(&parameter.values)));
    for running in &network.running {
        add(&running.statistics.mean);
        add(&running.statistics.variance);
    }
    optimizer.state().1.into_iter().flatten().for_each(&mut add);
    average.iter().flat_map(|average| average.state(network).1).for_each(|(_, values)| add(&values));
    checksum.finalize()
}

/// How what is learned moves, as far as a checkpoint holds state of it.
pub struct How {
    pub algorithm: Algorithm,
    pub weight_decay: f64,
    /// Layers that stay as they are, by index.
    pub frozen: Vec<bool>,
    /// The decay of averaged weights.
    pub ema: Option<f64>,
}

/// That weights could not be written into a run's folder.
pub fn unwritable_weights(path: &Path, error: WeightsError, last: Option<u64>) -> RunError {
    let reason = match error {
        WeightsError::Unwritable { reason, .. } => reason,
        other => other.to_string(),
    };
    RunError::Unwritable { path: path.display().to_string(), reason, last }
}

/// A run's state and where its tensors are.
pub struct Checkpoint {
    pub state: State,
    file: TensorFile,
}

fn moment_name(moment: usize, parameter: &str) -> String {
    format!("{MOMENT}{}.{parameter}", moment + 1)
}

fn average_name(name: &str) -> String {
    format!("{AVERAGED}{name}")
}

/// Writes a checkpoint; the one before it stays until this one is whole.
pub fn write(folder: &Path, learned: &Learned, data: Data, texts: Texts) -> Result<State, WeightsError> {
    let Learned { network, optimizer, average, progress } = *learned;
    let (optimizer_steps, moments) = optimizer.state();
    let averages = average.map(|average| average.state(network));
    let average_steps = averages.as_ref().map(|(steps, _)| *steps);
    let named = (!texts.classes.is_empty()).then(|| class_names(&texts.classes));
    let texts = Some(texts);
    let mut state = State {
        version: VERSION,
        progress: progress.clone(),
        optimizer_steps,
        average_steps,
        data,
        texts,
        checksum: None,
    };
    state.checksum = Some(checksum(&state, network, optimizer, average));
    let extras = network.parameters.iter().zip(&moments).flat_map(|(parameter, moments)| {
        let named = moments.iter().enumerate();
        named.map(|(at, values)| (moment_name(at, &parameter.name), *values)).collect::<Vec<Extra>>()
    });
    let averaged = averages.iter().flat_map(|(_, averages)| averages);
    let extras = extras.chain(averaged.map(|(name, values)| (average_name(name), values.as_ref())));
    let text = serde_json::to_string(&state).unwrap_or_default();
    let texts = [(KEY.to_string(), text)].into_iter().chain(named.into_iter().flatten()).collect();
    let path = file(folder, CHECKPOINT);
    weights::write_with(network, &extras.collect::<Vec<_>>(), texts, &path, Links::Replaced)?;
    Ok(state)
}

/// The names of classes as texts of a header, for whoever reads the file as weights.
pub fn class_names(classes: &[String]) -> [(String, String); 2] {
    let names = serde_json::json!(classes).to_string();
    let checksum = format!("{:08x}", crc32fast::hash(names.as_bytes()));
    [(weights::CLASSES.to_string(), names), (weights::CLASSES_CRC32.to_string(), checksum)]
}

impl Checkpoint {
    /// Reads the state alone.
    pub fn open(folder: &Path) -> Result<Checkpoint, RunError> {
        let path = file(folder, CHECKPOINT);
        if !path.exists() {
            let reason = format!("there is no {CHECKPOINT} in it; it was ended before its first");
            return Err(RunError::NoRun { path: folder.display().to_string(), reason });
        }
        let damaged = |reason: String| RunError::Damaged { path: path.display().to_string(), reason };
        let opened = TensorFile::open(&path).map_err(|error| damaged(error.reason()))?;
        let text = opened.texts.get(KEY).ok_or_else(|| damaged("its header holds no state of a run".into()))?;
        let sum = || format!("{:08x}", crc32fast::hash(text.as_bytes()));
        if opened.texts.get(KEY_CRC32).is_some_and(|written| *written != sum()) {
            return Err(damaged("its state is not what was written (its checksum differs)".into()));
        }
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if let Some(found) = value["version"].as_u64().filter(|&found| found > VERSION) {
            return Err(RunError::Newer { path: path.display().to_string(), found });
        }
        let state = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        Ok(Checkpoint { state, file: opened })
    }

    /// The network and the optimizer as they were.
    pub fn restore(
        &self,
        folder: &Path,
        network: &Graph,
        how: How,
    ) -> Result<(Compiled, Optimizer, Option<Average>), RunError> {
        let How { algorithm, weight_decay, frozen, ema } = how;
        let path = file(folder, CHECKPOINT);
        let damaged = |reason: String| RunError::Damaged { path: path.display().to_string(), reason };
        let read = weights::read(network, &path, Rest::Refused).map_err(|error| damaged(error.reason()))?;
        let mut compiled = read.compiled;
        compiled.frozen = frozen;
        let mut optimizer =
            Optimizer::new(algorithm, weight_decay, &compiled).map_err(|error| damaged(error.to_string()))?;
        let mut moments = Vec::with_capacity(compiled.parameters.len());
        for parameter in &compiled.parameters {
            let mut own = Vec::new();
            let moments_of_one = if compiled.learns(parameter) { algorithm.moments() } else { 0 };
            for moment in 0..moments_of_one {
                let name = moment_name(moment, &parameter.name);
                let entry = self.file.find(&name).ok_or_else(|| damaged(format!("`{name}` is missing")))?;
                own.push(self.file.read(entry).map_err(|error| damaged(error.reason()))?);
            }
            moments.push(own);
        }
        optimizer.restore(self.state.optimizer_steps, &moments).map_err(|error| damaged(error.to_string()))?;
        let average = match (ema, self.state.average_steps) {
            (Some(decay), Some(steps)) => {
                let find =
                    |name: &str| self.file.find(&average_name(name)).and_then(|entry| self.file.read(entry).ok());
                let read = Average::restored(decay, steps, &compiled, find);
                Some(read.map_err(|name| damaged(format!("`{}` is missing", average_name(&name.0))))?)
            }
            // A run that is to be averaged from here on.
            (Some(decay), None) => Some(Average::new(decay, &compiled)),
            (None, _) => None,
        };
        let of_average = average.as_ref().filter(|_| self.state.average_steps.is_some());
        let sum = checksum(&self.state, &compiled, &optimizer, of_average);
        if self.state.checksum.is_some_and(|written| written != sum) {
            return Err(damaged("its values are not those that were written (their checksum differs)".into()));
        }
        Ok((compiled, optimizer, average))
    }

    /// The network that is judged: its averages, where there are some.
    pub fn judged(&self, folder: &Path, network: &Graph, how: How) -> Result<Compiled, RunError> {
        let (mut compiled, _, average) = self.restore(folder, network, how)?;
        if let Some(mut average) = average {
            average.swap(&mut compiled);
        }
        Ok(compiled)
    }
}
