//! What the library offers to other programs: a network counted, run and trained, in plain types.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::exchange::weights::{self, Rest, WeightsError};
use crate::graph::{self, Graph, formulas};
use crate::network::Compiled;
use crate::network::init::Init;
use crate::reason::Reason;
use crate::run::data::Source;
use crate::run::forward;
use crate::run::session::{self, Begin, Out, SessionError};
use crate::run::train::{Control, Event, Observed};
use crate::spec::recipe::Recipe;
use crate::spec::{Library, LoadError, Origin, foreign};

/// Why something could not be done; its words say what, where and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read, is no network, or whose shapes do not fit.
    #[error("{0}")]
    Network(String),
    /// Weights that cannot be read, or are another network's.
    #[error("{0}")]
    Weights(String),
    /// Values that are not a whole number of inputs.
    #[error("{values} values are not a whole number of inputs of {each}")]
    Input { values: usize, each: usize },
    /// A recipe, data or a run that cannot be trained.
    #[error("{0}")]
    Training(String),
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Error {
        Error::Network(error.to_string())
    }
}

impl From<WeightsError> for Error {
    fn from(error: WeightsError) -> Error {
        Error::Weights(error.to_string())
    }
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Error {
        Error::Training(error.to_string())
    }
}

/// A network whose shapes fit, with every number.
///
/// ```
/// use convlens::Network;
///
/// let network = Network::load("vgg16")?;
/// assert_eq!(network.totals().params, 138_357_544); // Simonyan & Zisserman 2014, Table 2: 138 million
/// assert_eq!(network.totals().macs, 15_470_264_320);
///
/// let layers = network.with("classes", "10")?.layers();
/// let last = layers.last().expect("a layer");
/// assert_eq!((last.name.as_str(), last.params), ("classifier.linear3", 4096 * 10 + 10));
/// # Ok::<(), convlens::Error>(())
/// ```
#[derive(Clone)]
pub struct Network {
    origin: Origin,
    text: String,
    sets: Vec<(String, String)>,
    graph: Graph,
}

/// Sums over all layers, of one image and f32 values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub layers: u64,
    /// Convs and linear layers, as the VGG paper counts.
    pub weight_layers: u64,
    pub params: u64,
    /// Values kept that are not trained: running means and variances.
    pub buffers: u64,
    /// Multiply-adds of convs and linear layers, without biases.
    pub macs: u64,
    /// Bytes of parameters, buffers and the most values that are needed at once.
    pub inference_bytes: u64,
    /// Bytes of a training step on one image with SGD and momentum.
    pub training_bytes: u64,
}

/// One layer with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its path: `block1.conv2`.
    pub name: String,
    /// `conv`, `relu`, `maxpool`, …
    pub kind: &'static str,
    /// Channels, rows and columns, or features.
    pub input: Vec<u64>,
    pub output: Vec<u64>,
    pub params: u64,
    pub macs: u64,
    /// Rows and columns of the input that a unit depends on; none where that is undefined.
    pub receptive_field: Option<[u128; 2]>,
    /// The working behind each number: `3·3·64·64 + 64 = 36,928`.
    pub working: Working,
}

/// Formulas with a layer's numbers put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    pub output: String,
    pub params: String,
    pub macs: String,
    pub receptive_field: String,
}

impl Network {
    /// A bundled architecture by its id or an alias (`vgg16`, `D`), one of `./architectures` or the user's configuration folder, or a
    /// file by its path: YAML, or an `.onnx`.
    pub fn load(name: &str) -> Result<Network, Error> {
        foreign::read_by(crate::exchange::onnx::read::text);
        let library = Library::new(None);
        let origin = library.find(name)?;
        let text = origin.read()?;
        Network::made(origin, text, Vec::new())
    }

    /// A network from the text of an architecture file.
    ///
    /// ```
    /// let text = "input: [3, 32, 32]\nclasses: 10\nlayers: [conv3-8 relu, maxpool, flatten, linear: classes]\n";
    /// let network = convlens::Network::parse(text)?;
    /// let working = &network.layers()[0].working;
    /// assert_eq!(working.params, "3·3·3·8 + 8 = 224");
    ///
    /// let error = convlens::Network::parse("input: [3, 32, 32]\nlayers: [konv3-8]\n").err().expect("no such layer");
    /// assert!(error.to_string().contains("there is no layer kind `konv3-8`"), "{error}");
    /// # Ok::<(), convlens::Error>(())
    /// ```
    pub fn parse(yaml: &str) -> Result<Network, Error> {
        Network::made(Origin::File(PathBuf::from("network.yaml")), yaml.to_string(), Vec::new())
    }

    /// The same network with a key changed, as `--set KEY=VALUE` does: `input`, `block1.conv1.out`.
    pub fn with(&self, key: &str, value: &str) -> Result<Network, Error> {
        let mut sets = self.sets.clone();
        sets.push((key.to_string(), value.to_string()));
        Network::made(self.origin.clone(), self.text.clone(), sets)
    }

    fn made(origin: Origin, text: String, sets: Vec<(String, String)>) -> Result<Network, Error> {
        let loaded = Library::new(None).load_text(&origin, text.clone(), &sets)?;
        let graph = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
        Ok(Network { origin, text, sets, graph })
    }

    pub fn name(&self) -> &str {
        &self.graph.architecture.name
    }

    /// Channels, rows and columns.
    pub fn input(&self) -> [u64; 3] {
        let input = self.graph.architecture.input;
        [input.channels, input.height, input.width]
    }

    pub fn totals(&self) -> Totals {
        let own = self.graph.totals;
        Totals {
            layers: own.layers,
            weight_layers: own.weight_layers,
            params: own.params,
            buffers: own.buffers,
            macs: own.macs,
            inference_bytes: own.inference_peak_bytes,
            training_bytes: own.training_bytes,
        }
    }

    /// In an order in which each comes after all that it reads.
    pub fn layers(&self) -> Vec<Layer> {
        let layer = |own: &graph::Layer| {
            let formulas = formulas::of(&self.graph, own);
            Layer {
                name: own.name.clone(),
                kind: own.operation.kind(),
                input: own.input.to_vec(),
                output: own.output.to_vec(),
                params: own.params(),
                macs: own.macs,
                receptive_field: own.field_size(),
                working: Working {
                    output: formulas.output,
                    params: formulas.params,
                    macs: formulas.macs,
                    receptive_field: formulas.receptive_field,
                },
            }
        };
        self.graph.layers.iter().map(layer).collect()
    }

    /// The network with weights drawn as torchvision draws them (Kaiming), the same for the same seed.
    ///
    /// ```
    /// let network = convlens::Network::load("lenet5")?;
    /// let mut model = network.drawn(0);
    /// let outputs = model.run(&vec![0.5; 2 * 32 * 32])?;
    /// assert_eq!((outputs.len(), outputs[0].len()), (2, 10));
    /// # Ok::<(), convlens::Error>(())
    /// ```
    pub fn drawn(&self, seed: u64) -> Model {
        Model { compiled: Compiled::initialised(&self.graph, Init::Kaiming, seed) }
    }

    /// The network with trained weights: a safetensors file, one of PyTorch's or of ONNX.
    pub fn trained(&self, weights: &Path) -> Result<Model, Error> {
        Ok(Model { compiled: weights::read(&self.graph, weights, Rest::Refused)?.compiled })
    }

    /// A training of the network, to be described further and run.
    pub fn training(&self) -> Training {
        let (data, recipe) = (Source::Synthetic(None), Recipe::default());
        Training { network: self.clone(), data, recipe, folder: None }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Network").field("name", &self.name()).field("totals", &self.totals()).finish()
    }
}

/// A network with weights, which runs.
pub struct Model {
    compiled: Compiled,
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Model").field("layers", &self.compiled.layers.len()).finish()
    }
}

impl Model {
    /// What the last layer gives for each of a mini-batch of inputs, whose values stand in the order [N, C, H, W], ready for the network.
    pub fn run(&mut self, values: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let (channels, height, width) = self.compiled.input_dims();
        let each = channels * height * width;
        if each == 0 || values.is_empty() || !values.len().is_multiple_of(each) {
            return Err(Error::Input { values: values.len(), each });
        }
        let batch = self.compiled.batch(values.to_vec());
        let ran = forward::forward(&mut self.compiled, &batch, 1, |_| ControlFlow::Continue(()));
        Ok(ran.map_or_else(Vec::new, |ran| ran.logits))
    }

    /// Writes the weights as safetensors, named as in PyTorch: `block1.conv1.weight`.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        Ok(weights::write(&self.compiled, Default::default(), path)?)
    }
}

/// A training that is described and not yet run.
#[derive(Debug, Clone)]
pub struct Training {
    network: Network,
    data: Source,
    recipe: Recipe,
    folder: Option<PathBuf>,
}

/// A step of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 1.
    pub step: u64,
    /// From 1.
    pub epoch: u64,
    /// The mini-batch's mean loss before the step's update.
    pub loss: f32,
    /// Part of the mini-batch that was taken for what it is.
    pub accuracy: f64,
}

/// What a training came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    pub steps: u64,
    /// Of the images kept for validation, where there are any: part of 1.
    pub accuracy: Option<f64>,
    pub loss: Option<f64>,
}

impl Training {
    /// What it learns from, as `--data` takes it: `synthetic` (without it), `idx:DIR`, `cifar10:DIR`, `folder:DIR`, `tensors:FILE.safetensors`.
    pub fn data(mut self, data: &str) -> Result<Training, Error> {
        self.data = data.parse().map_err(|reason: Reason| Error::Training(reason.to_string()))?;
        Ok(self)
    }

    /// How it learns, as words: `epochs=3 batch=64 lr=0.05 optimizer=adam`.
    pub fn recipe(mut self, words: &str) -> Result<Training, Error> {
        self.recipe = Recipe::from_words(words).map_err(|reason| Error::Training(reason.to_string()))?;
        Ok(self)
    }

    /// Keeps the run in a new folder, from which it can go on and weights can be taken.
    pub fn kept_in(mut self, folder: &Path) -> Training {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// Trains to the end, or until `on` breaks it off.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// let network = convlens::Network::load("lenet5")?;
    /// let mut losses = Vec::new();
    /// let outcome = network.training().recipe("steps=3 batch=8")?.run(|step| {
    ///     losses.push(step.loss);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!((outcome.steps, losses.len()), (3, 3));
    /// # Ok::<(), convlens::Error>(())
    /// ```
    pub fn run(self, mut on: impl FnMut(Step) -> ControlFlow<()>) -> Result<Outcome, Error> {
        let library = Library::new(None);
        // The text stands nowhere where it was changed or parsed: the run gets it whole.
        let network = &self.network;
        let text = library.resolved_text(&network.origin, network.text.clone(), &network.sets)?;
        let loaded = library.load_text(&network.origin, text.clone(), &[])?;
        let wanted = Begin {
            origin: network.origin.clone(),
            sets: Vec::new(),
            data: self.data,
            recipe: self.recipe.over(&loaded.architecture.train),
            weights: None,
            partial: false,
            out: self.folder.map_or(Out::Nowhere, Out::Folder),
            id: None,
            force: false,
            processes: 1,
        };
        let session = session::begin_text(&library, &wanted, text)?;
        let mut on_event = |event: Event| match event {
            Event::Step(own) => on(Step { step: own.step, epoch: own.epoch, loss: own.loss, accuracy: own.accuracy }),
            _ => ControlFlow::Continue(()),
        };
        let over = session.run(&Control::default(), Observed::default(), &mut on_event, &mut |_| Ok(()))?;
        let judged = over.validation.or(over.test);
        Ok(Outcome { steps: over.steps, accuracy: judged.map(|own| own.accuracy), loss: judged.map(|own| own.loss) })
    }
}
