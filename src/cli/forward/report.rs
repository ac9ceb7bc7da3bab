//! What `convlens forward` says of a run: the layers' table, the answers, and both as JSON.

use serde_json::{Value, json};

use super::{Answer, Source, Work};
use crate::cli::output;
use crate::cli::{Failure, Format};
use crate::graph::figures::{bytes, grouped};
use crate::report::{Cell, Column, Table};
use crate::run::forward::{Forward, LayerRun};
use crate::run::machine;
use crate::run::trace::{self, Finding};

impl Work<'_> {
    pub fn print(&self, first: &Forward, timed: usize, answers: &[Answer], images: usize) -> Result<(), Failure> {
        let columns = [
            Column::words("name"),
            Column::words("kind"),
            Column::words("output"),
            Column::number("ms"),
            Column::number("share"),
            Column::number("GFLOP/s"),
            Column::words("by"),
            Column::number("mean"),
            Column::number("std"),
            Column::number("zeros"),
        ];
        let median = first.time().as_secs_f64().max(1e-12);
        let rows = first.layers.iter().map(|run| {
            let layer = &self.network.layers[run.index];
            let seconds = run.time.as_secs_f64();
            let statistics = run.statistics;
            let speed = match layer.macs {
                0 => Cell::None,
                macs => Cell::Decimal(2.0 * macs as f64 * first.images as f64 / seconds.max(1e-9) / 1e9, 1),
            };
            let mean = match statistics.non_finite {
                0 => Cell::Figure(statistics.mean),
                count => format!("{} not finite", grouped(count as u64)).into(),
            };
            vec![
                layer.name.as_str().into(),
                layer.operation.kind().into(),
                layer.output.to_string().into(),
                Cell::Decimal(seconds * 1e3, 3),
                Cell::Share(seconds / median, 0),
                speed,
                self.algorithm(layer, first.images).unwrap_or_default().into(),
                mean,
                Cell::Figure(statistics.std),
                Cell::Share(statistics.zero_fraction, 0),
            ]
        });
        let table = Table::new(columns, rows).may_drop(&["std", "zeros", "kind", "mean", "by", "GFLOP/s"]);
        if self.args.trace && matches!(self.context.common.format, Format::Csv | Format::Markdown) {
            // Their one table is of the layers.
            self.traced(first).iter().for_each(|line| self.context.say(line));
        }
        output::print(self.context, &table, || self.json(first, answers, images), &self.footer(first, timed, answers))
    }

    fn footer(&self, first: &Forward, timed: usize, answers: &[Answer]) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!("{}, weights {}", self.network.architecture.name, self.weights_in_words()),
            self.took(first, timed),
        ];
        if let Some(time) = self.at_once {
            let ms = time.as_secs_f64() * 1e3;
            lines.push(format!(
                "{ms:.1} ms at once, as `evaluate` runs it: norms, activations and sums within their convs"
            ));
        }
        for answer in answers {
            lines.push(String::new());
            lines.push(answer.name.clone());
            if self.has_classes() {
                for &(class, probability) in &answer.top {
                    let label = self.label(class).map_or_else(|| format!("class {class}"), str::to_string);
                    lines.push(format!("  {:>6.2}%  {label}", 100.0 * probability));
                }
            }
            if !answer.is_finite {
                lines.push("  the output is not finite".into());
            }
            if self.args.logits {
                let logits: Vec<String> = answer.logits.iter().map(f32::to_string).collect();
                lines.push(format!("  logits  {}", logits.join(" ")));
            }
        }
        if self.args.trace {
            lines.push(String::new());
            lines.extend(self.traced(first));
        } else if let Some(began) = first.layers.iter().find(|run| run.statistics.non_finite > 0) {
            let of = if answers.len() > 1 { " of some of these inputs" } else { "" };
            let layer = &self.network.layers[began.index].name;
            lines.extend([String::new(), format!("values{of} stop being finite at `{layer}`")]);
        }
        lines
    }

    /// A line for each thing that was found, or that nothing was.
    fn traced(&self, first: &Forward) -> Vec<String> {
        let findings = self.findings(first);
        match findings.is_empty() {
            true => vec![self.sound(first)],
            false => {
                let line = |own: &Finding| format!("trace: {} at `{}`: {}", own.what.phrase(), own.layer, own.words);
                findings.iter().map(line).collect()
            }
        }
    }

    fn findings(&self, first: &Forward) -> Vec<Finding> {
        let input = self.read.unwrap_or_default();
        trace::findings(&self.network, &self.compiled, &first.layers, input)
    }

    /// That nothing is wrong, with how near it is.
    fn sound(&self, first: &Forward) -> String {
        let size = |run: &LayerRun| run.statistics.max.abs().max(run.statistics.min.abs());
        let largest = first.layers.iter().max_by(|one, other| size(one).total_cmp(&size(other)));
        let largest = largest.map_or_else(String::new, |run| {
            format!(" (largest {:.3} behind `{}`)", size(run), self.network.layers[run.index].name)
        });
        format!("trace: every value is finite and within f16's range{largest}; no layer's values vanish")
    }

    /// How long a mini-batch took, and what that is the median of.
    fn took(&self, first: &Forward, timed: usize) -> String {
        let (median, threads) = (first.time().as_secs_f64(), rayon::current_num_threads());
        let runs = self.args.runs.unwrap_or(1) as usize;
        let of = match timed {
            1 => format!("{runs} run{}", plural(runs)),
            _ => format!("median of {timed} mini-batches, {runs} run{} each", plural(runs)),
        };
        format!(
            "{:.1} ms for {} image{} ({:.1} images/s, {threads} thread{}, {of}){}",
            median * 1e3,
            first.images,
            plural(first.images),
            first.images as f64 / median.max(1e-12),
            plural(threads),
            machine::peak_bytes().map_or_else(String::new, |peak| format!(", {} of memory at most", bytes(peak))),
        )
    }

    fn json(&self, first: &Forward, answers: &[Answer], images: usize) -> Value {
        let (channels, height, width) = self.compiled.input_dims();
        let source = match &self.source {
            Source::Noise => json!("noise"),
            Source::Tensors { path, .. } => json!(path.display().to_string()),
            Source::Images(_) => json!(answers.iter().map(|answer| answer.name.as_str()).collect::<Vec<_>>()),
        };
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let median = milliseconds(first.time());
        let layers = first.layers.iter().map(|run| {
            let (layer, statistics) = (&self.network.layers[run.index], run.statistics);
            json!({"name": layer.name, "kind": layer.operation.kind(), "ms": milliseconds(run.time), "macs": layer.macs,
                "algorithm": self.algorithm(layer, first.images),
                "mean": statistics.mean, "std": statistics.std, "min": statistics.min, "max": statistics.max,
                "zero_fraction": statistics.zero_fraction, "non_finite": statistics.non_finite,
                "dead_channels": first.alive[run.index].iter().filter(|alive| !**alive).count(),
                "channels": first.alive[run.index].len(), "bytes_moved": self.network.bytes_moved(layer, first.images as u64)})
        });
        let weights = self.weights.as_ref().map_or_else(
            || json!(format!("random, seed {}", self.args.seed())),
            |path| json!(path.display().to_string()),
        );
        let mut value = json!({
            "arch": self.network.architecture.id, "input": [images, channels, height, width], "source": source,
            "weights": weights, "matched": self.matched, "batch": first.images,
            "threads": rayon::current_num_threads(), "runs": self.args.runs.unwrap_or(1), "median_ms": median,
            "min_ms": milliseconds(first.fastest()), "images_per_second": first.images as f64 * 1e3 / median.max(1e-9),
            "at_once_ms": self.at_once.map(milliseconds), "peak_rss_bytes": machine::peak_bytes(), "layers": layers.collect::<Vec<_>>(),
        });
        if self.has_classes() {
            let top = answers.iter().map(|answer| {
                let classes = answer.top.iter().copied();
                let entry = |(class, probability)| json!({"class": class, "label": self.label(class), "probability": probability});
                classes.map(entry).collect::<Vec<_>>()
            });
            value["top"] = json!(top.collect::<Vec<_>>());
        }
        if self.args.trace {
            let findings = self.findings(first);
            let all =
                findings.iter().map(|own| json!({"layer": own.layer, "what": own.what.word(), "words": own.words}));
            value["trace"] = json!(all.collect::<Vec<_>>());
        }
        if self.args.logits {
            value["logits"] = json!(answers.iter().map(|answer| &answer.logits).collect::<Vec<_>>());
        }
        value
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
