//! `convlens show ARCH`: the layer table.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::output;
use super::{Context, Failure, Format};
use crate::graph::conventions::Convention;
use crate::graph::figures::{bytes, grouped};
use crate::graph::lints::{self, Lint};
use crate::graph::memory::{self, OptimizerState};
use crate::graph::{Graph, Layer, Operation, Source, formulas};
use crate::report::layers::layers;

/// MACs are multiply-adds of conv and linear layers without bias; FLOPs are twice that. Bytes are of f32 values.
/// "Inference peak" is parameters, buffers and the largest input and output needed at once, for one image. "Training" is
/// weights, gradients, the optimizer's moments, buffers, the mini-batch with all that is kept of it for the backward
/// pass, and the largest pair of activation gradients.
#[derive(Args)]
pub struct ShowArgs {
    /// An id, an alias or a file
    arch: String,
    /// Count operations as another tool does, for one image
    #[arg(long, value_enum, default_value_t = Convention::Plain)]
    convention: Convention,
    /// Images in a training mini-batch [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// What training keeps beside weights and gradients [default: momentum]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,
    /// Say the largest mini-batch whose training fits: `16GB`, `512MiB`
    #[arg(long, value_name = "SIZE", value_parser = super::budget::amount)]
    memory: Option<u64>,
}

impl ValueEnum for Convention {
    fn value_variants<'a>() -> &'a [Self] {
        &Convention::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptimizerName {
    /// SGD without momentum
    Sgd,
    /// SGD with momentum
    Momentum,
    Adam,
}

impl OptimizerName {
    fn state(self) -> OptimizerState {
        match self {
            OptimizerName::Sgd => OptimizerState::None,
            OptimizerName::Momentum => OptimizerState::Momentum,
            OptimizerName::Adam => OptimizerState::Adam,
        }
    }
}

impl ShowArgs {
    fn batch(&self) -> u64 {
        self.batch.unwrap_or(1).into()
    }

    fn optimizer(&self) -> OptimizerState {
        self.optimizer.unwrap_or(OptimizerName::Momentum).state()
    }

    /// The options whose answers stand below the table, and so in no list of layers.
    fn of_training(&self) -> Option<&'static str> {
        let given = [
            ("--batch", self.batch.is_some()),
            ("--optimizer", self.optimizer.is_some()),
            ("--memory", self.memory.is_some()),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }
}

pub fn run(context: &Context, args: &ShowArgs) -> Result<(), Failure> {
    if let (Format::Csv | Format::Markdown, Some(option)) = (context.common.format, args.of_training()) {
        let words = "changes nothing in CSV and Markdown, which only list the layers; use `--format json`";
        return Err(Failure::Message(format!("`{option}` {words}")));
    }
    let network = context.network(&args.arch)?;
    let table = layers(&network, args.convention);
    output::print(context, &table, || json(&network, args), &footer(&network, args))
}

fn footer(network: &Graph, args: &ShowArgs) -> Vec<String> {
    let totals = network.totals;
    let convention = args.convention;
    let (count, unknown) = convention.total(network);
    let operations = match convention {
        Convention::Plain => format!("MACs {}   FLOPs {}", grouped(totals.macs), grouped(2 * totals.macs)),
        other => {
            let rest = match unknown {
                0 => String::new(),
                rest => format!(", {rest} layers unknown to it"),
            };
            format!("{} {} ({}{rest})", other.name(), grouped(count), other.about())
        }
    };
    let training = memory::training(network, args.batch(), args.optimizer());
    let mut lines = vec![
        String::new(),
        format!(
            "{} ({}): {} layers, {} with weights",
            network.architecture.name, network.architecture.id, totals.layers, totals.weight_layers
        ),
        format!("parameters {}   buffers {}   {operations}", grouped(totals.params), grouped(totals.buffers)),
        format!(
            "memory     {} of parameters, {} of activations, {} at the peak of inference",
            bytes(4 * totals.params),
            bytes(totals.activation_bytes),
            bytes(totals.inference_peak_bytes)
        ),
        format!(
            "training   {} with {}, batch {}: weights {} + gradients {} + optimizer {} + activations {} + their gradients {}",
            bytes(training.total()),
            args.optimizer().name(),
            args.batch(),
            bytes(training.weights),
            bytes(training.gradients),
            bytes(training.optimizer),
            bytes(training.activations),
            bytes(training.activation_gradients),
        ),
    ];
    if let Some(size) = args.memory {
        let batch = memory::largest_batch(network, size, args.optimizer());
        lines.push(match batch {
            0 => format!("           not even one image fits into {}", bytes(size)),
            batch => format!("           the largest batch in {} is {}", bytes(size), grouped(batch)),
        });
    }
    lines.extend(advice(&lints::lints(network)));
    lines
}

/// Lints as lines, those of one code together.
pub fn advice(lints: &[Lint]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for lint in lints.iter() {
        if told.contains(&lint.code) {
            continue;
        }
        told.push(lint.code);
        let others = lints.iter().filter(|other| other.code == lint.code).count() - 1;
        let more = match others {
            0 => String::new(),
            1 => " (and one more layer)".to_string(),
            others => format!(" (and {others} more layers)"),
        };
        if lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!("{}: {}: {}{more}; try {}", lint.code, lint.layer, lint.message, lint.advice));
    }
    lines
}

fn json(network: &Graph, args: &ShowArgs) -> Value {
    let architecture = &network.architecture;
    let convention = args.convention;
    let layers = network.layers.iter().map(|layer| {
        let mut value = layer_json(network, layer);
        if convention != Convention::Plain {
            value["operations"] = json!(convention.count(layer));
        }
        value
    });
    let lints = lints::lints(network)
        .into_iter()
        .map(|lint| json!({"code": lint.code, "layer": lint.layer, "message": lint.message, "advice": lint.advice}));
    let mut totals = totals_json(network);
    if convention != Convention::Plain {
        let (count, unknown) = convention.total(network);
        totals["operations"] = json!({"convention": convention.name(), "count": count, "unknown_layers": unknown});
    }
    let optimizer = args.optimizer();
    let training = memory::training(network, args.batch(), optimizer);
    let mut budget = json!({"batch": args.batch(), "optimizer": optimizer.name(), "weights": training.weights,
        "gradients": training.gradients, "moments": training.optimizer, "buffers": training.buffers,
        "activations": training.activations, "activation_gradients": training.activation_gradients,
        "total": training.total()});
    if let Some(size) = args.memory {
        budget["memory"] = json!(size);
        budget["largest_batch"] = json!(memory::largest_batch(network, size, optimizer));
    }
    json!({
        "id": architecture.id, "name": architecture.name, "summary": architecture.summary, "source": architecture.source,
        "input": [architecture.input.channels, architecture.input.height, architecture.input.width],
        "classes": architecture.classes, "layers": layers.collect::<Vec<_>>(), "totals": totals,
        "training": budget, "lints": lints.collect::<Vec<_>>(),
    })
}

pub fn totals_json(network: &Graph) -> Value {
    let totals = network.totals;
    json!({
        "layers": totals.layers, "weight_layers": totals.weight_layers, "params": totals.params,
        "buffers": totals.buffers, "macs": totals.macs, "flops": 2 * totals.macs, "param_bytes": 4 * totals.params,
        "activation_bytes": totals.activation_bytes, "inference_peak_bytes": totals.inference_peak_bytes,
        "training_bytes": totals.training_bytes, "receptive_field": network.receptive_field().map(whole),
        "intensity": memory::total_intensity(network), "conv_params": totals.conv_params, "conv_macs": totals.conv_macs, "map_field": network.map_field().map(whole),
    })
}

/// JSON numbers hold 64 bits; a field beyond that is printed as its nearest float.
pub fn whole(pair: [u128; 2]) -> Value {
    json!(pair.map(|size| u64::try_from(size).map_or_else(|_| json!(size as f64), |size| json!(size))))
}

pub fn layer_json(network: &Graph, layer: &Layer) -> Value {
    let mut value = json!({
        "index": layer.index, "name": layer.name, "kind": layer.operation.kind(), "block": layer.block(),
        "input": layer.input.to_vec(), "output": layer.output.to_vec(),
    });
    if let Some(window) = layer.operation.window() {
        value["kernel"] = json!(window.kernel.to_array());
        value["stride"] = json!(window.stride.to_array());
        let sides = window.padding;
        value["padding"] = match sides.symmetric() {
            Some(both) => json!(both.to_array()),
            None => json!([sides.top, sides.bottom, sides.left, sides.right]),
        };
        if let Some(groups) = layer.operation.groups() {
            value["dilation"] = json!(window.dilation.to_array());
            value["groups"] = json!(groups);
        }
    }
    if let Operation::ConvTranspose { output_padding, .. } = &layer.operation {
        value["output_padding"] = json!(output_padding.to_array());
    }
    value["inputs"] = json!(layer.inputs.iter().map(|source| reads(network, *source)).collect::<Vec<_>>());
    value["params"] = json!(layer.params());
    value["buffers"] = json!(layer.buffers);
    value["macs"] = json!(layer.macs);
    value["weights"] = json!(layer.weights);
    value["biases"] = json!(layer.biases);
    value["flops"] = json!(2 * layer.macs);
    value["output_bytes"] = json!(layer.output_bytes());
    value["intensity"] = json!(memory::intensity(network, layer));
    value["receptive_field"] = layer.field_size().map_or(Value::Null, whole);
    let axes = layer.field.as_ref();
    let jumps = axes.and_then(|[rows, columns]| Some([rows.jump()?, columns.jump()?]));
    value["jump"] = jumps.map_or(Value::Null, |jumps| match jumps.iter().all(|jump| jump.units == 1) {
        true => whole(jumps.map(|jump| jump.pixels)),
        // Behind upsampling units lie closer than pixels, or between them.
        false => json!(jumps.map(|jump| jump.pixels as f64 / jump.units as f64)),
    });
    let center = axes.and_then(|[rows, columns]| Some([rows.twice_center()?, columns.twice_center()?]));
    value["center"] = json!(center.map(|center| center.map(|twice| twice as f64 / 2.0)));
    value["formulas"] = json!(formulas::of(network, layer));
    value
}

/// What a layer reads: a layer's name, or nothing for the input.
fn reads(network: &Graph, source: Source) -> Option<&str> {
    match source {
        Source::Input => None,
        Source::Layer(_) => Some(network.name_of(source)),
    }
}
