//! A page that stands alone: the totals, the picture, charts, every layer with the working behind its numbers, what to look at. It
//! needs no script and no file of others.

use std::fmt::Write;

use super::parts::Part;
use super::shade::Shade;
use super::svg;
use crate::graph::conventions::Convention;
use crate::graph::figures::{bytes, field_text, grouped, short};
use crate::graph::lints::lints;
use crate::graph::memory::{self, OptimizerState};
use crate::graph::{Graph, Layer, formulas};
use crate::report::layers::layers;
use crate::visible::xml;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #d0d7de; --dim: #57606a; --bar: #5b9bd5; --back: #ffffff; --text: #1b1f24; --soft: #f6f8fa }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --dim: #9198a1; --bar: #6cb0ee; --back: #0d1117; --text: #e6edf3; --soft: #161b22 } }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 15px/1.5 system-ui, sans-serif; background: var(--back); color: var(--text) }
h1 { margin: .4rem 0 0 } h2 { margin: 2rem 0 .6rem } .dim { color: var(--dim) }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .6rem; margin: 1rem 0 }
.cards div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .7rem; background: var(--soft) }
.cards b { display: block; font-size: 1.1rem; white-space: nowrap }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem }
.picture { max-height: 80vh; overflow: auto; text-align: center; background: #ffffff } .picture svg { max-width: none }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); vertical-align: top }
th { background: var(--soft) } .n { text-align: right }
details { white-space: normal } details[open] { width: min(34rem, 82vw) } summary { cursor: pointer; white-space: nowrap }
dl { margin: .3rem 0; display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem } dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere }
.chart { margin-bottom: .6rem; width: 100%; height: 5.2rem; display: block } .chart rect { fill: var(--bar) } .chart line { stroke: var(--dim); stroke-dasharray: 4 3 }
.sum { font-weight: 600 }
@media (max-width: 40rem) { .k { display: none } .cards { grid-template-columns: repeat(2, 1fr) } .cards b { font-size: 1rem } th, td { padding: .25rem .4rem } body { padding: .7rem } }
";

/// The whole page.
pub fn text(network: &Graph, parts: &[Part], shade: &Shade) -> String {
    let architecture = &network.architecture;
    let name = xml(&architecture.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
    );
    let about = [&architecture.summary, &architecture.source].into_iter().flatten().map(|own| xml(own));
    let about: Vec<String> = about.collect();
    if !about.is_empty() {
        let _ = writeln!(page, "<p class=\"dim\">{}</p>", about.join("<br>"));
    }
    cards(network, &mut page);
    let _ =
        writeln!(page, "<h2>The network</h2>\n<div class=\"wide picture\">{}</div>", svg::text(network, parts, shade));
    charts(network, &mut page);
    rows(network, &mut page);
    advice(network, &mut page);
    page + "<p class=\"dim\">MACs are multiply-adds of convolutions and linear layers without bias; FLOPs are twice that. Bytes are of \
            32-bit values and one image. A field is the square of input pixels that one output value can see. Written by convlens.</p>\n</body>\n</html>\n"
}

fn cards(network: &Graph, page: &mut String) {
    let totals = network.totals;
    let input = network.input();
    let field = network.map_field().map_or_else(|| "–".into(), |field| field_text(Some(field)));
    let training = memory::training(network, 1, OptimizerState::Momentum).total();
    let cards = [
        ("input", input.to_string()),
        ("parameters", grouped(totals.params)),
        ("MACs", grouped(totals.macs)),
        ("layers", format!("{}, {} with weights", totals.layers, totals.weight_layers)),
        ("parameters in memory", bytes(4 * totals.params)),
        ("inference peak", bytes(totals.inference_peak_bytes)),
        ("training, one image", bytes(training)),
        ("field of the last map", field),
    ];
    let cards = cards.map(|(word, figure)| format!("<div><span class=\"dim\">{word}</span><b>{figure}</b></div>"));
    let _ = writeln!(page, "<div class=\"cards\">{}</div>", cards.concat());
    // Where the number of parameters comes from, block by block.
    let part =
        |(name, params): (&str, u64)| format!("{}&nbsp;<span class=\"dim\">{}</span>", grouped(params), xml(name));
    let parts: Vec<String> = parts_of(network).into_iter().map(part).collect();
    if parts.len() > 1 {
        let _ = writeln!(page, "<p>{} = <b>{}</b> parameters</p>", parts.join(" + "), grouped(totals.params));
    }
}

/// Parameters of the outermost blocks and of the layers beside them, in order, without those that have none.
fn parts_of(network: &Graph) -> Vec<(&str, u64)> {
    let mut parts: Vec<(&str, u64)> = Vec::new();
    for layer in &network.layers {
        let name = layer.blocks.first().map_or(layer.name.split('.').next().unwrap_or_default(), String::as_str);
        match parts.last_mut().filter(|(last, _)| *last == name) {
            Some((_, params)) => *params += layer.params(),
            None => parts.push((name, layer.params())),
        }
    }
    parts.retain(|(_, params)| *params > 0);
    parts
}

/// Bars over the layers, for what differs most between them.
fn charts(network: &Graph, page: &mut String) {
    let input = network.input().sides();
    let side = input[0].max(input[1]) as f64;
    let field = |layer: &Layer| layer.field_size().map_or(0.0, |own| own[0].max(own[1]) as f64);
    let most_field = network.layers.iter().map(field).fold(side, f64::max);
    type Chart<'a> = (&'a str, Box<dyn Fn(&Layer) -> f64>, Option<f64>);
    let charts: [Chart; 4] = [
        ("parameters", Box::new(|layer| layer.params() as f64), None),
        ("MACs", Box::new(|layer| layer.macs as f64), None),
        ("bytes of the output", Box::new(|layer| layer.output_bytes() as f64), None),
        ("field, and the input's side as a line", Box::new(field), Some(1.0 - side / most_field)),
    ];
    page.push_str("<h2>Layer by layer</h2>\n");
    for (word, value, line) in charts {
        let most = network.layers.iter().map(&value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let most = if line.is_some() { most_field } else { most };
        let count = network.layers.len().max(1) as f64;
        let _ = write!(
            page,
            "<div class=\"dim\">{word}, at most {}</div>\n<svg class=\"chart\" viewBox=\"0 0 {count} 1\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{word}\">",
            short(most as u64)
        );
        for layer in &network.layers {
            let height = value(layer) / most;
            if height > 0.0 {
                let height = height.max(0.012);
                let _ = write!(
                    page,
                    "<rect x=\"{}.08\" y=\"{:.4}\" width=\"0.84\" height=\"{height:.4}\"><title>{}: {}</title></rect>",
                    layer.index,
                    1.0 - height,
                    xml(&layer.name),
                    grouped(value(layer) as u64)
                );
            }
        }
        if let Some(y) = line {
            let _ = write!(
                page,
                "<line x1=\"0\" x2=\"{count}\" y1=\"{y:.4}\" y2=\"{y:.4}\" vector-effect=\"non-scaling-stroke\"/>"
            );
        }
        page.push_str("</svg>\n");
    }
}

/// Every layer, with its working where it is asked for.
fn rows(network: &Graph, page: &mut String) {
    let table = layers(network, Convention::Plain);
    page.push_str("<h2>The numbers</h2>\n<p class=\"dim\">A name opens the working behind its row.</p>\n<div class=\"wide\"><table>\n<thead><tr>");
    // What a phone leaves out: the kind and the window, which the working says too.
    let class = |at: usize| match (table.columns()[at].is_number, at == 1 || (3..6).contains(&at)) {
        (true, true) => " class=\"n k\"",
        (true, false) => " class=\"n\"",
        (false, true) => " class=\"k\"",
        _ => "",
    };
    for (at, column) in table.columns().iter().enumerate() {
        let _ = write!(page, "<th{}>{}</th>", class(at), xml(&column.name));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (layer, row) in network.layers.iter().zip(table.rows()) {
        let own = formulas::of(network, layer);
        let lines = [
            ("output", own.output),
            ("parameters", own.params),
            ("MACs", own.macs),
            ("field", own.receptive_field),
            ("jump", own.jump),
            ("memory", own.memory),
        ];
        let lines = lines.iter().filter(|(_, text)| !text.is_empty());
        let lines: String = lines.map(|(word, text)| format!("<dt>{word}</dt><dd>{}</dd>", xml(text))).collect();
        page.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let cell = match at {
                0 => format!("<details><summary>{}</summary><dl>{lines}</dl></details>", xml(cell)),
                _ => xml(cell),
            };
            let _ = write!(page, "<td{}>{cell}</td>", class(at));
        }
        page.push_str("</tr>\n");
    }
    let (params, macs) = (grouped(network.totals.params), grouped(network.totals.macs));
    let _ = writeln!(
        page,
        "<tr class=\"sum\"><td>total</td><td class=\"k\"></td><td></td><td class=\"k\"></td><td class=\"k\"></td><td class=\"k\"></td>\
         <td class=\"n\">{params}</td><td class=\"n\">{macs}</td><td></td></tr>\n</tbody></table></div>"
    );
}

fn advice(network: &Graph, page: &mut String) {
    let found = lints(network);
    if found.is_empty() {
        return;
    }
    page.push_str("<h2>Worth a look</h2>\n<ul>\n");
    for lint in found {
        let _ = writeln!(
            page,
            "<li><b>{}</b>: {}. <span class=\"dim\">{}</span></li>",
            xml(&lint.layer),
            xml(lint.message.trim_end_matches('.')),
            xml(lint.advice)
        );
    }
    page.push_str("</ul>\n");
}
