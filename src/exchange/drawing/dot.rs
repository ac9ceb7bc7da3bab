//! Graphviz's language (graphviz.org/doc/info/lang.html): blocks as clusters, ways in their order.

use std::fmt::Write;

use super::parts::{Group, Node, Part};
use super::shade::{Painter, Shade};
use crate::graph::{Graph, Source};
use crate::visible::visible;

pub fn text(network: &Graph, parts: &[Part], shade: &Shade) -> String {
    let mut own = Writer {
        paint: shade.over(parts),
        lines: String::new(),
        edges: Vec::new(),
        names: vec![0; network.layers.len()],
        clusters: 0,
    };
    let _ = writeln!(own.lines, "digraph {} {{", quoted(&network.architecture.name));
    own.lines += "  rankdir=TB; ranksep=0.3; nodesep=0.25; newrank=true;\n";
    own.lines += "  node [shape=box, style=\"filled,rounded\", fontname=\"Helvetica\", fontsize=10, margin=\"0.12,0.05\", height=0.2];\n";
    own.lines += "  edge [arrowsize=0.6, color=\"#666666\"];\n";
    let _ = writeln!(
        own.lines,
        "  input [label={}, fillcolor=\"#ffffff\"];",
        quoted(&format!("input\n{}", network.input()))
    );
    own.parts(parts, &["input".to_string()], 1);
    own.far(parts);
    for (from, to, style) in std::mem::take(&mut own.edges) {
        let _ = writeln!(own.lines, "  {from} -> {to}{style};");
    }
    own.lines + "}\n"
}

struct Writer<'s> {
    paint: Painter<'s>,
    lines: String,
    edges: Vec<(String, String, &'static str)>,
    /// The node that each layer stands in, by its first layer.
    names: Vec<usize>,
    clusters: usize,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, above: &[String], depth: usize) -> String {
        let name = format!("n{}", node.layers.start);
        let label = &node.label;
        let share = self.paint.share(node).map(|share| format!("{:.1} %", 100.0 * share));
        let lines = [Some(&label.head), Some(&label.brings), Some(&label.foot), share.as_ref()];
        let lines: Vec<&str> =
            lines.into_iter().flatten().map(String::as_str).filter(|line| !line.is_empty()).collect();
        let (label, fill) = (quoted(&lines.join("\n")), self.paint.fill(node));
        let _ = writeln!(self.lines, "{:1$}{name} [label={label}, fillcolor=\"{fill}\"];", "", 2 * depth);
        self.names[node.layers.clone()].fill(node.layers.start);
        if node.near {
            self.edges.extend(above.iter().map(|above| (above.clone(), name.clone(), "")));
        }
        name
    }

    /// Gives the names of the nodes whose values leave.
    fn parts(&mut self, parts: &[Part], above: &[String], depth: usize) -> Vec<String> {
        let mut above = above.to_vec();
        for part in parts {
            above = match part {
                Part::Node(node) => vec![self.node(node, &above, depth)],
                Part::Group(group) => self.group(group, &above, depth),
                Part::Fork(fork) => {
                    let mut ends = Vec::new();
                    for way in &fork.ways {
                        ends.extend(self.parts(&way.parts, &above, depth));
                    }
                    vec![self.node(&fork.join, &ends, depth)]
                }
            };
        }
        above
    }

    fn group(&mut self, group: &Group, above: &[String], depth: usize) -> Vec<String> {
        self.clusters += 1;
        let _ = writeln!(self.lines, "{:1$}subgraph cluster_{2} {{", "", 2 * depth, self.clusters);
        let title = quoted(&group.heading());
        let _ = writeln!(
            self.lines,
            "{:1$}label={title}; labeljust=l; fontname=\"Helvetica\"; fontsize=10; style=rounded; color=\"#999999\";",
            "",
            2 * depth + 2
        );
        let inside = self.paint.inside(group);
        let around = std::mem::replace(&mut self.paint, inside);
        let ends = self.parts(&group.parts, above, depth + 1);
        self.paint = around;
        let _ = writeln!(self.lines, "{:1$}}}", "", 2 * depth);
        ends
    }

    /// Lines past others.
    fn far(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Node(node) => self.far_of(node),
                Part::Group(group) => self.far(&group.parts),
                Part::Fork(fork) => {
                    fork.ways.iter().for_each(|way| self.far(&way.parts));
                    self.far_of(&fork.join);
                }
            }
        }
    }

    fn far_of(&mut self, node: &Node) {
        for source in &node.far {
            let from = match source {
                Source::Input => "input".to_string(),
                Source::Layer(at) => format!("n{}", self.names[*at]),
            };
            // The only line to a node says where it stands, too.
            let style = if node.near { " [style=dashed, constraint=false]" } else { " [style=dashed]" };
            self.edges.push((from, format!("n{}", node.layers.start), style));
        }
    }
}

/// A text in quotes, with `\n` for a new line.
fn quoted(text: &str) -> String {
    let lines = text.lines().map(|line| visible(line).replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}
