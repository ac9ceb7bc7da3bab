//! `convlens forward ARCH`: the network run on images, a tensor file or noise.

pub mod args;
mod report;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;

use args::{AlgorithmName, ForwardArgs};

use super::{Context, Failure};
use crate::exchange::weights as exchange;
use crate::files::name::safe;
use crate::files::{self, Kind};
use crate::graph::{self, Graph, Layer, memory};
use crate::network::Compiled;
use crate::network::init::Init;
use crate::network::kernels::conv::Algorithm;
use crate::run::forward::{self, Gathered, LayerRun, Statistics};
use crate::run::keep::{self, Activations};
use crate::run::labels::{self, LabelFiles};
use crate::run::picture::Picture;
use crate::run::{machine, picture, preprocess, tensors};
use crate::spec::{LoadError, Loaded};

/// How many classes are listed for each image.
const TOP: usize = 5;

pub fn run(context: &Context, args: &ForwardArgs) -> Result<(), Failure> {
    let [arch] = args.archs.as_slice() else {
        let own = [
            ("--image", !args.image.is_empty()),
            ("--input", args.input.is_some()),
            (args.trained.flag(), args.trained.is_given()),
            ("--labels", args.labels.is_some()),
            ("--warmup", args.warmup.is_some()),
            ("--conv-algorithm", args.conv_algorithm != AlgorithmName::Auto),
            ("--save-activations", args.save_activations.is_some()),
            ("--save-features", args.save_features.is_some()),
            ("--logits", args.logits),
            ("--trace", args.trace),
        ];
        if let Some((flag, _)) = own.iter().find(|(_, set)| *set) {
            let words = format!("`{flag}` is for one network; several are timed on noise, with random weights");
            return Err(Failure::Message(words));
        }
        return super::forward_many::run(context, args);
    };
    if args.save_looks.is_some() && args.image.is_empty() {
        return Err(Failure::Message(
            "`--save-looks` shows where it looks in photos: `--image PATH` gives some".into(),
        ));
    }
    let is_given = !args.image.is_empty() || args.input.is_some();
    if args.seed.is_some() && args.trained.is_given() && !args.trained.partial && is_given {
        return Err(Failure::Message("`--seed` has nothing to draw: weights and input are given".into()));
    }
    let loaded = context.load(arch)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    context.warn(&network);
    super::on_threads(args.threads, || Work::new(context, args, &loaded, network)?.run())
}

struct Work<'a> {
    context: &'a Context,
    args: &'a ForwardArgs,
    network: Graph,
    compiled: Compiled,
    /// How the weights were matched, as a sentence goes on after "matched".
    matched: Option<String>,
    /// The file of the weights.
    weights: Option<PathBuf>,
    labels: Option<Vec<String>>,
    source: Source<'a>,
    batch: usize,
    /// What is read, and so is not written over.
    inputs: files::Inputs,
    /// What all inputs together are like, where `--trace` asks.
    read: Option<Statistics>,
    /// How long the first mini-batch took where nobody looked between the layers, if several runs are asked for.
    at_once: Option<Duration>,
}

/// Where inputs come from.
enum Source<'a> {
    Images(Vec<PathBuf>),
    Tensors { values: Vec<f32>, path: &'a Path },
    Noise,
}

/// One input that got an answer.
struct Answer {
    name: String,
    logits: Vec<f32>,
    /// The most probable classes.
    top: Vec<(usize, f64)>,
    is_finite: bool,
}

/// A mini-batch that was read: names, values, and of photos what was cropped of them.
#[derive(Default)]
struct Inputs {
    names: Vec<String>,
    values: Vec<f32>,
    photos: Vec<Picture>,
}

impl<'a> Work<'a> {
    fn new(context: &'a Context, args: &'a ForwardArgs, loaded: &Loaded, network: Graph) -> Result<Self, Failure> {
        let values = network.layers.first().map_or(0, |layer| layer.input.elements() as usize);
        let batch_wanted = args.batch.map_or(1, u64::from);
        if !args.force {
            machine::check(memory::inference(&network, batch_wanted)).map_err(super::too_large)?;
        }
        let (source, default_batch) = match (&args.input, args.image.as_slice()) {
            (Some(path), _) => {
                let values_read = tensors::read(path, network.architecture.input).map_err(Failure::because)?;
                let count = values_read.len() / values.max(1);
                (Source::Tensors { values: values_read, path }, count)
            }
            (None, []) => (Source::Noise, 1),
            (None, images) => {
                let (found, left_out) = picture::found(images).map_err(Failure::because)?;
                left_out.words().iter().for_each(|words| context.say(words));
                (Source::Images(found), 1)
            }
        };
        let batch = args.batch.map_or(default_batch, |batch| batch as usize).max(1);
        if !args.force {
            machine::check(memory::inference(&network, batch as u64)).map_err(super::too_large)?;
        }
        let mut inputs = super::inputs_of(loaded);
        args.input.iter().for_each(|path| inputs.add(path, "the input"));
        args.image.iter().for_each(|path| inputs.add(path, "an image"));
        let weights = args.trained.file_of(context, loaded, &network)?;
        let label_files = LabelFiles { chosen: args.labels.clone(), own: labels::of(loaded, weights.is_some()) };
        label_files.files().for_each(|path| inputs.add(path, "the labels"));
        weights.iter().for_each(|path| inputs.add(path, "the weights"));
        if let Some(path) = &args.save_activations {
            inputs.check(path, Kind::Safetensors, args.force).map_err(super::unwritable(path))?;
        }
        let classes = network.layers.last().map_or(0, |layer| layer.output.elements() as usize);
        let (mut compiled, matched, of_weights) = match &weights {
            Some(path) => {
                let rest = args.trained.rest(args.seed());
                let rules = args.names.rules()?;
                let read = exchange::read_by(&network, path, rest, rules.as_ref()).map_err(Failure::weights)?;
                args.trained.say_parts(context, &read);
                (read.compiled, Some(read.matched), read.classes)
            }
            None => (Compiled::initialised(&network, Init::Kaiming, args.seed()), None, None),
        };
        let labels = labels::names(&label_files, of_weights.as_deref(), classes).map_err(Failure::because)?;
        compiled.conv_algorithm = args.conv_algorithm.wanted();
        let at_once = None;
        Ok(Work {
            context,
            args,
            network,
            compiled,
            matched,
            weights,
            labels,
            source,
            batch,
            inputs,
            read: None,
            at_once,
        })
    }

    fn run(mut self) -> Result<(), Failure> {
        let mut gathered = Gathered::default();
        let mut answers = Vec::new();
        let mut broken = false;
        let mut activations =
            self.args.save_activations.as_deref().map(Activations::new).transpose().map_err(Failure::because)?;
        let mut taken = BTreeMap::new();
        self.check_pictures()?;
        let count = match &self.source {
            Source::Images(paths) => paths.len(),
            Source::Tensors { values, .. } => values.len() / self.values_of_one(),
            Source::Noise => self.batch,
        };
        if activations.is_some() && !self.args.force {
            // One layer's values of all images are held while they are written.
            let largest = self.network.layers.iter().map(Layer::output_bytes).max().unwrap_or(0);
            let needed = largest.saturating_mul(count as u64);
            machine::check(needed).map_err(super::too_large)?;
        }
        // Of several full mini-batches the first warms up.
        let warmup = self.args.warmup.unwrap_or(u32::from(count < 2 * self.batch)) as usize;
        let runs = self.args.runs.unwrap_or(1) as usize;
        let last = self.network.layers.len().saturating_sub(1);
        let bar = self.context.progress((count.div_ceil(self.batch) * runs + warmup) as u64, "runs");
        let go_on = |layer: &LayerRun| {
            if layer.index == last {
                bar.inc(1);
            }
            ControlFlow::Continue(())
        };
        for start in (0..count).step_by(self.batch) {
            let inputs = self.inputs(start, self.batch.min(count - start), &mut broken, &bar)?;
            if inputs.names.is_empty() {
                continue;
            }
            if self.args.trace {
                let own = Statistics::of(&inputs.values);
                self.read = Some(self.read.map_or(own, |read| read.merged(&own)));
            }
            let batch = self.compiled.batch(inputs.values.clone());
            if gathered.is_empty() && warmup > 0 {
                forward::forward(&mut self.compiled, &batch, warmup, go_on);
            }
            let Some(mut done) = forward::forward(&mut self.compiled, &batch, runs, go_on) else { continue };
            // Who asks for several runs wants to know how fast it is: where nobody looks between the layers, too.
            if self.at_once.is_none() && runs > 1 && self.args.conv_algorithm.wanted().is_none() {
                self.at_once = forward::at_once(&mut self.compiled, &batch, runs, || true);
            }
            drop(batch);
            let logits = std::mem::take(&mut done.logits);
            let from = answers.len();
            for (name, logits) in inputs.names.iter().zip(logits) {
                let top = forward::top(&self.probabilities(&logits), TOP);
                let is_finite = logits.iter().all(|logit| logit.is_finite());
                // Of many images only what is shown is kept.
                let logits = if self.args.logits { logits } else { Vec::new() };
                answers.push(Answer { name: name.clone(), logits, top, is_finite });
            }
            self.keep(&inputs, &answers[from..], &mut activations, &mut taken)?;
            gathered.add(done);
        }
        bar.finish_and_clear();
        // Of nothing that went through, nothing is written over what may be there.
        if let (Some(activations), Some(path), false) = (&activations, &self.args.save_activations, answers.is_empty())
        {
            activations.write().map_err(Failure::because)?;
            self.context.say(&format!("wrote {}", path.display()));
        }
        let images = answers.len();
        match gathered.whole(warmup > 0) {
            Some((whole, timed)) => self.print(&whole, timed, &answers, images)?,
            None if broken => return Err(Failure::Said),
            None => return Err(Failure::Message("there is nothing to run on".into())),
        }
        if broken { Err(Failure::Said) } else { Ok(()) }
    }

    /// Refuses all pictures before the first is written, if one of them would take another file's place.
    fn check_pictures(&self) -> Result<(), Failure> {
        let Source::Images(photos) = &self.source else { return Ok(()) };
        let (mut taken, force) = (BTreeMap::new(), self.args.force);
        for photo in photos {
            let name = keep::distinct_name(&photo.display().to_string(), &mut taken);
            let look = self.args.save_looks.iter().map(|folder| folder.join(format!("{}.png", name.display())));
            let layers = self.network.layers.iter().map(|layer| format!("{}.png", safe(&layer.name)));
            let layers: Vec<String> = layers.collect();
            let maps = self.args.save_features.iter().map(|folder| folder.join(&name));
            let maps = maps.flat_map(|folder| layers.iter().map(move |layer| folder.join(layer)).collect::<Vec<_>>());
            for path in look.chain(maps) {
                self.inputs.check_in_folder(&path, Kind::Png, force).map_err(super::unwritable(&path))?;
            }
        }
        Ok(())
    }

    /// Writes what the flags ask for of a mini-batch.
    fn keep(
        &mut self,
        inputs: &Inputs,
        answers: &[Answer],
        activations: &mut Option<Activations>,
        taken: &mut BTreeMap<String, usize>,
    ) -> Result<(), Failure> {
        if let Some(activations) = activations {
            activations.add(&mut self.compiled, inputs.values.clone()).map_err(Failure::because)?;
        }
        if self.args.save_features.is_none() && self.args.save_looks.is_none() {
            return Ok(());
        }
        let one = self.values_of_one();
        for (at, (values, answer)) in inputs.values.chunks(one).zip(answers).enumerate() {
            let name = keep::distinct_name(&answer.name, taken);
            if let Some(folder) = &self.args.save_features {
                let spare = |path: &Path| self.inputs.check_in_folder(path, Kind::Png, self.args.force);
                let written = keep::features(&mut self.compiled, values.to_vec(), &folder.join(&name), spare);
                let count = written.map_err(Failure::because)?;
                self.context.say(&format!("wrote {count} pictures to {}", folder.join(&name).display()));
            }
            if let (Some(folder), Some(photo)) = (&self.args.save_looks, inputs.photos.get(at)) {
                let class = self.args.class.or(answer.top.first().map(|(class, _)| *class)).unwrap_or(0);
                let path = folder.join(format!("{}.png", name.display()));
                let method = self.args.look_by.method();
                let force = self.args.force;
                self.inputs.check_in_folder(&path, Kind::Png, force).map_err(super::unwritable(&path))?;
                keep::looks(&mut self.compiled, values.to_vec(), photo, class, method, &path)
                    .map_err(Failure::because)?;
                let label = self.label(class).map_or_else(|| format!("class {class}"), str::to_string);
                self.context.say(&format!("wrote {}: {} for {label}", path.display(), method.name()));
            }
        }
        Ok(())
    }

    fn values_of_one(&self) -> usize {
        let (channels, height, width) = self.compiled.input_dims();
        (channels * height * width).max(1)
    }

    /// `count` inputs from `start` on. A broken image is said and left out.
    fn inputs(&self, start: usize, count: usize, broken: &mut bool, bar: &ProgressBar) -> Result<Inputs, Failure> {
        let one = self.values_of_one();
        let mut inputs = Inputs::default();
        match &self.source {
            Source::Noise => {
                inputs.names = (start..start + count).map(|index| format!("noise {index}")).collect();
                inputs.values = forward::noise(count * one, self.args.seed());
            }
            Source::Tensors { values, path } => {
                inputs.names = (start..start + count).map(|index| format!("{}[{index}]", path.display())).collect();
                inputs.values = values[start * one..(start + count) * one].to_vec();
            }
            Source::Images(paths) => {
                let (input, how) = (self.network.architecture.input, &self.network.architecture.preprocess);
                for path in &paths[start..start + count] {
                    match picture::read(path, preprocess::asked_side(input, how)) {
                        Ok(picture) => {
                            let values = preprocess::preprocess(&picture, input, how).map_err(Failure::because)?;
                            inputs.values.extend(values);
                            inputs.names.push(path.display().to_string());
                            if self.args.save_looks.is_some() {
                                let photo = preprocess::fitted(&picture, input, how).map_err(Failure::because)?;
                                inputs.photos.push(photo);
                            }
                        }
                        Err(error) => {
                            *broken = true;
                            bar.suspend(|| self.context.say_failure(&Failure::Message(error.to_string())));
                        }
                    }
                }
            }
        }
        Ok(inputs)
    }

    fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        let ends_in_softmax = self.network.layers.last().is_some_and(|layer| layer.operation.kind() == "softmax");
        match ends_in_softmax {
            true => logits.iter().map(|&value| value.into()).collect(),
            false => forward::probabilities(logits),
        }
    }

    fn algorithm(&self, layer: &Layer, images: usize) -> Option<&'static str> {
        self.compiled.algorithm_of(layer, images).map(Algorithm::name)
    }

    fn label(&self, class: usize) -> Option<&str> {
        self.labels.as_ref().and_then(|labels| labels.get(class)).map(String::as_str)
    }

    /// The last layer's `1000` for what an answer is about; a map has no classes.
    fn has_classes(&self) -> bool {
        self.network.layers.last().is_some_and(|layer| layer.output.is_flat())
    }

    fn weights_in_words(&self) -> String {
        match (&self.weights, &self.matched) {
            (Some(path), Some(matched)) => format!("{}, matched {matched}", path.display()),
            _ => format!("random (Kaiming, seed {}): the answer below means nothing", self.args.seed()),
        }
    }
}
