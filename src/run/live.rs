//! A network that is kept between forward runs, and all that can be looked at after one: for the explorer.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use dfdx::shapes::HasShape;

use super::attention::{self, Effective, Heat, Method};
use super::dream::{self, Dream, Regularisers};
use super::forward::{self, Forward, LayerRun};
use super::labels::{self, LabelFiles};
use super::paint::grays;
use super::picture::Picture;
use super::{machine, picture, preprocess, tensors};
use crate::exchange::weights::{self, Rest};
use crate::graph::{Graph, Operation, Shape, memory, unit};
use crate::network::init::Init;
use crate::network::kernels::conv::Algorithm;
use crate::network::kernels::view;
use crate::network::parameters::{Parameter, Role};
use crate::network::{Compiled, Mode};
use crate::reason::Reason;

/// Where parameters come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    Random(u64),
    File(PathBuf),
}

/// What goes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Noise(u64),
    Photo(PathBuf),
    /// The first image of a file of tensors, without preprocessing.
    Tensors(PathBuf),
}

/// A forward run that is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    pub network: Arc<Graph>,
    pub weights: Weights,
    pub input: Input,
    /// Images in the mini-batch; a photo is repeated.
    pub batch: usize,
    pub runs: usize,
    /// All cores without it.
    pub threads: Option<usize>,
    /// Class names, one a line.
    pub labels: LabelFiles,
}

/// What one layer gave for the first image.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Channels, rows, columns.
    pub sizes: (usize, usize, usize),
    /// Brightness of each value: each channel from its smallest to its largest, features from the smallest to the largest of
    /// all. A quarter of what the values take, and all that is drawn.
    pub grays: Vec<u8>,
    /// Mean of each channel.
    pub means: Vec<f32>,
    /// Channels that are 0 everywhere.
    pub dead: usize,
    /// How many values lie in equal parts between the smallest and the largest.
    pub histogram: [usize; BINS],
}

/// Parts of a histogram.
pub const BINS: usize = 24;

/// The kernels of the first conv.
#[derive(Debug, Clone, PartialEq)]
pub struct Filters {
    pub layer: String,
    /// Outputs, inputs in a group, rows, columns.
    pub sizes: [usize; 4],
    pub values: Vec<f32>,
}

/// A run that went through.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its number in this process: what is known of one run is never taken for another's.
    pub number: u64,
    pub network: Arc<Graph>,
    pub forward: Forward,
    pub outputs: Vec<Output>,
    pub filters: Option<Filters>,
    /// By which algorithm each layer ran.
    pub algorithms: Vec<Option<&'static str>>,
    /// The first image as the network takes it, `[C, H, W]`.
    pub input: Vec<f32>,
    /// The photo, cropped.
    pub photo: Option<Picture>,
    /// The most probable classes; none where the network does not end in classes.
    pub top: Vec<(usize, f64)>,
    pub labels: Option<Vec<String>>,
    /// Why there are no labels although the architecture names some.
    pub labels_missing: Option<String>,
    pub weights: String,
    /// What it was made of.
    pub made: Made,
    pub request: Request,
}

/// What a run was made of, by short names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    pub input: String,
    pub weights: String,
    /// Whether the weights were drawn, so that answers mean nothing.
    pub is_random: bool,
    pub batch: usize,
}

/// `images` is how many there are in a file of which the first is taken.
pub fn made(request: &Request, images: usize) -> Made {
    let name = |path: &PathBuf| path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    Made {
        input: match &request.input {
            Input::Noise(seed) => format!("noise, seed {seed}"),
            Input::Tensors(path) if images > 1 => format!("{}, the first of {images}", name(path)),
            Input::Photo(path) | Input::Tensors(path) => name(path),
        },
        weights: match &request.weights {
            Weights::Random(seed) => format!("random weights, seed {seed}"),
            Weights::File(path) => name(path),
        },
        is_random: matches!(request.weights, Weights::Random(_)),
        batch: request.batch,
    }
}

/// The network of the last run.
#[derive(Default)]
pub struct Live {
    kept: Option<Kept>,
}

struct Kept {
    network: Arc<Graph>,
    weights: Weights,
    /// When the file of weights was written, and how long it is.
    written: Option<(SystemTime, u64)>,
    compiled: Compiled,
    words: String,
    /// Names of classes that the file of weights carries.
    classes: Option<Vec<String>>,
}

fn written(weights: &Weights) -> Option<(SystemTime, u64)> {
    let Weights::File(path) = weights else { return None };
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// How many classes are listed.
const TOP: usize = 5;

impl Live {
    /// Runs a request. `after` sees each layer of the runs that count as it ends, and may stop the work, which then gives
    /// nothing.
    pub fn run(
        &mut self,
        request: &Request,
        after: impl FnMut(&LayerRun) -> ControlFlow<()> + Send,
    ) -> Result<Option<Ran>, Reason> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads.unwrap_or(0)).build();
        let pool = pool.map_err(|error| error.to_string())?;
        let network = &request.network;
        // What is looked at afterwards is kept beside what the run needs.
        let needed = memory::inference(network, request.batch as u64) + 2 * network.totals.activation_bytes;
        machine::check(needed).map_err(|error| error.to_string())?;
        let taken = one_input(request)?;
        self.prepare(request)?;
        let Some(kept) = &mut self.kept else { return Ok(None) };
        let ran = pool.install(|| run(kept, request, taken, after));
        Ok(ran)
    }

    fn prepare(&mut self, request: &Request) -> Result<(), Reason> {
        // Weights that were trained on meanwhile are other weights.
        let written = written(&request.weights);
        let same = |kept: &Kept| {
            Arc::ptr_eq(&kept.network, &request.network) && kept.weights == request.weights && kept.written == written
        };
        if self.kept.as_ref().is_some_and(same) {
            return Ok(());
        }
        // The old one goes first: two may not fit.
        self.kept = None;
        let network = Arc::clone(&request.network);
        let (compiled, words, classes) = match &request.weights {
            Weights::Random(seed) => {
                let compiled = Compiled::initialised(&network, Init::Kaiming, *seed);
                (compiled, format!("random weights, seed {seed}"), None)
            }
            Weights::File(path) => {
                let read = weights::read(&network, path, Rest::Refused).map_err(|error| error.to_string())?;
                (read.compiled, format!("{}, matched {}", path.display(), read.matched), read.classes)
            }
        };
        self.kept = Some(Kept { network, weights: request.weights.clone(), written, compiled, words, classes });
        Ok(())
    }

    /// The effective receptive field of a unit: over samples of noise, or on the request's photo alone; `after` hears how
    /// many are done.
    pub fn effective(
        &mut self,
        request: &Request,
        layer: usize,
        unit: (u64, u64),
        samples: usize,
        after: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Effective>, Reason> {
        let network = &request.network;
        let seen = network.layers.get(layer).map(|own| unit::seen(network, own, unit.0, unit.1));
        let spans = seen.ok_or("there is no such layer")?.map_err(|error| error.to_string())?;
        machine::check(memory::inference(network, 1) + 2 * network.totals.activation_bytes)
            .map_err(|error| error.to_string())?;
        self.prepare(request)?;
        let Some(kept) = &mut self.kept else { return Ok(None) };
        let sizes = network.architecture.input;
        let photo = match request.input {
            Input::Photo(_) | Input::Tensors(_) => Some(one_input(request)?.values),
            Input::Noise(_) => None,
        };
        let samples = if photo.is_some() { 1 } else { samples };
        let inputs = |sample: usize| match &photo {
            Some(values) => values.clone(),
            None => forward::noise((sizes.channels * sizes.height * sizes.width) as usize, sample as u64),
        };
        let unit = (unit.0 as usize, unit.1 as usize);
        Ok(attention::effective(&mut kept.compiled, layer, unit, spans, samples, inputs, after))
    }

    /// An input that maximises a channel of a layer's output; `after` hears how many steps are done.
    pub fn maximise(
        &mut self,
        request: &Request,
        layer: usize,
        channel: usize,
        after: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Dream>, Reason> {
        let network = &request.network;
        machine::check(memory::inference(network, 1) + 2 * network.totals.activation_bytes)
            .map_err(|error| error.to_string())?;
        self.prepare(request)?;
        let Some(kept) = &mut self.kept else { return Ok(None) };
        Ok(dream::maximise(&mut kept.compiled, layer, channel, Regularisers::default(), 0, after))
    }

    /// Where the network of a run looks for a class.
    pub fn look(&mut self, request: &Request, input: Vec<f32>, class: usize, method: Method) -> Result<Heat, Reason> {
        self.prepare(request)?;
        let kept = self.kept.as_mut().ok_or("run the network first")?;
        attention::look(&mut kept.compiled, input, class, method).map_err(Reason::of)
    }
}

/// The first image.
struct Taken {
    values: Vec<f32>,
    /// The photo they are of, cropped.
    photo: Option<Picture>,
    /// How many images there are in the file.
    images: usize,
}

fn one_input(request: &Request) -> Result<Taken, Reason> {
    let architecture = &request.network.architecture;
    let sizes = architecture.input;
    let one = (sizes.channels * sizes.height * sizes.width) as usize;
    match &request.input {
        Input::Noise(seed) => Ok(Taken { values: forward::noise(one, *seed), photo: None, images: 1 }),
        Input::Tensors(path) => {
            // The whole file is read for its first image.
            let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            machine::check(length).map_err(|error| error.to_string())?;
            let mut values = tensors::read(path, sizes).map_err(|error| error.to_string())?;
            let images = values.len() / one.max(1);
            values.truncate(one);
            Ok(Taken { values, photo: None, images })
        }
        Input::Photo(path) => {
            let asked = preprocess::asked_side(sizes, &architecture.preprocess);
            let picture = picture::read(path, asked).map_err(|error| error.to_string())?;
            let how = &architecture.preprocess;
            let values = preprocess::preprocess(&picture, sizes, how).map_err(|error| error.to_string())?;
            let photo = preprocess::fitted(&picture, sizes, how).map_err(|error| error.to_string())?;
            Ok(Taken { values, photo: Some(photo), images: 1 })
        }
    }
}

fn run(
    kept: &mut Kept,
    request: &Request,
    Taken { values: input, photo, images: images_there }: Taken,
    mut after: impl FnMut(&LayerRun) -> ControlFlow<()>,
) -> Option<Ran> {
    let network = &request.network;
    let compiled = &mut kept.compiled;
    // The pass that keeps the outputs warms up too: it transforms the weights.
    let mut outputs = Vec::with_capacity(network.layers.len());
    let one = compiled.batch(input.clone());
    let kept_all = compiled.forward(one, Mode::Evaluate, false, |_, output| {
        outputs.push(seen(&view::values(output), *output.shape()));
        ControlFlow::Continue(())
    });
    kept_all?;
    let mut values = input.clone();
    if let Input::Noise(seed) = request.input {
        let rest = (1..request.batch).flat_map(|at| forward::noise(input.len(), seed.wrapping_add(at as u64)));
        values.extend(rest);
    } else {
        values = values.repeat(request.batch.max(1));
    }
    let batch = compiled.batch(values);
    let mut forward = forward::forward(compiled, &batch, request.runs, &mut after)?;
    drop(batch);
    let ends_in_softmax = network.layers.last().is_some_and(|layer| matches!(layer.operation, Operation::Softmax));
    let is_flat = network.layers.last().is_some_and(|layer| layer.output.is_flat());
    let logits = std::mem::take(&mut forward.logits).into_iter().next().unwrap_or_default();
    let probabilities = match ends_in_softmax {
        true => logits.iter().map(|&value| value.into()).collect(),
        false => forward::probabilities(&logits),
    };
    let top = if is_flat { forward::top(&probabilities, TOP) } else { Vec::new() };
    let (labels, labels_missing) = match labels::names(&request.labels, kept.classes.as_deref(), logits.len()) {
        Ok(labels) => (labels, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let images = request.batch.max(1);
    let algorithms = network.layers.iter().map(|layer| compiled.algorithm_of(layer, images).map(Algorithm::name));
    let (algorithms, weights) = (algorithms.collect(), kept.words.clone());
    let (network, filters) = (Arc::clone(network), filters(compiled));
    let (made, request) = (made(request, images_there), request.clone());
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    Some(Ran {
        number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        network,
        forward,
        outputs,
        filters,
        algorithms,
        input,
        photo,
        top,
        labels,
        labels_missing,
        weights,
        made,
        request,
    })
}

/// The first image's part of an output, with what its channels come to.
fn seen(values: &[f32], (_, channels, height, width): (usize, usize, usize, usize)) -> Output {
    let values = &values[..channels * height * width];
    let area = (height * width).max(1);
    let means = values.chunks(area).map(|plane| plane.iter().sum::<f32>() / area as f32).collect();
    let dead = values.chunks(area).filter(|plane| plane.iter().all(|value| *value == 0.0)).count();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (least, most) =
        finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    let mut histogram = [0; BINS];
    for value in finite() {
        let share = if most > least { (value - least) / (most - least) } else { 0.0 };
        histogram[((share * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    let grays = if area == 1 { grays(values) } else { values.chunks(area).flat_map(grays).collect() };
    Output { sizes: (channels, height, width), grays, means, dead, histogram }
}

fn filters(compiled: &Compiled) -> Option<Filters> {
    let first = compiled.layers.iter().find(|layer| layer.is_conv())?;
    let own = |parameter: &&Parameter| parameter.layer == first.index && parameter.role == Role::Weight;
    let parameter = compiled.parameters.iter().find(own)?;
    let sizes = parameter.shape.clone().try_into().ok()?;
    // Large first layers (a conv behind hundreds of channels) are no pictures.
    let is_small = matches!(first.input, Shape::Map { channels, .. } if channels <= 16);
    is_small.then(|| Filters { layer: first.name.clone(), sizes, values: view::values(&parameter.values).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    fn request() -> Request {
        let network = graph::analyse(&Library::new(None).load("vgg-mini", &[]).expect("bundled")).expect("bundled");
        Request {
            network: Arc::new(network),
            weights: Weights::Random(3),
            input: Input::Noise(1),
            batch: 2,
            runs: 2,
            threads: Some(1),
            labels: LabelFiles::default(),
        }
    }

    #[test]
    fn a_run_keeps_what_each_layer_gave_and_the_network_for_the_next() {
        let (mut live, request) = (Live::default(), request());
        let mut layers = 0;
        let ran = live.run(&request, |_| {
            layers += 1;
            ControlFlow::Continue(())
        });
        let ran = ran.expect("sound").expect("not stopped");
        let count = request.network.layers.len();
        assert_eq!((layers, ran.outputs.len(), ran.forward.layers.len()), (2 * count, count, count));
        for (output, layer) in ran.outputs.iter().zip(&request.network.layers) {
            assert_eq!(output.grays.len() as u128, layer.output.elements());
            assert_eq!(output.histogram.iter().sum::<usize>(), output.grays.len());
        }
        let total: std::time::Duration = ran.forward.layers.iter().map(|layer| layer.time).sum();
        assert_eq!(total, ran.forward.time(), "the layers' times add up to the total");
        assert!((ran.top.iter().map(|(_, probability)| probability).sum::<f64>()) <= 1.0 + 1e-9);
        // The same seed gives the same numbers, from the network that was kept.
        let again = live.run(&request, |_| ControlFlow::Continue(())).expect("sound").expect("not stopped");
        assert_eq!(again.outputs, ran.outputs);
        assert_ne!(again.number, ran.number, "what is known of one run is never taken for another's");
        let heat = live.look(&request, ran.input.clone(), ran.top[0].0, Method::GradientInput).expect("classes");
        assert_eq!((heat.height, heat.width), (28, 28));
    }

    #[test]
    fn it_can_be_stopped_between_layers_and_says_what_is_wrong() {
        let (mut live, mut request) = (Live::default(), request());
        let mut layers = 0;
        let stopped = live.run(&request, |_| {
            layers += 1;
            if layers == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.expect("sound").is_none() && layers == 3);
        // Another file under the same name is read again.
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        request.weights = Weights::File(path.clone());
        let mut means = Vec::new();
        for (at, seed) in [5, 6].into_iter().enumerate() {
            let drawn = Compiled::initialised(&request.network, Init::Kaiming, seed);
            weights::write(&drawn, Default::default(), &path).expect("written");
            let stamp = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + at as u64);
            std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(stamp)).expect("set");
            let ran = live.run(&request, |_| ControlFlow::Continue(())).expect("sound").expect("not stopped");
            means.push(ran.outputs[0].means.clone());
        }
        assert_ne!(means[0], means[1]);
        request.weights = Weights::File("nowhere.safetensors".into());
        let wrong = live.run(&request, |_| ControlFlow::Continue(())).expect_err("no such file");
        assert!(wrong.0.contains("nowhere.safetensors"), "{wrong}");
    }
}
