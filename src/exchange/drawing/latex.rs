//! A LaTeX document with two tables to be copied out: the network as papers show one (Simonyan & Zisserman 2014, He et al. 2015,
//! their Table 1), and every layer with its numbers, with booktabs.

use super::parts::{Fork, Group, Part};
use crate::graph::conventions::Convention;
use crate::graph::figures::grouped;
use crate::graph::{Graph, Layer, Source};
use crate::report::Column;
use crate::report::layers::layers;
use crate::visible::visible;

const HEAD: &str = "\\documentclass{article}
\\usepackage[T1]{fontenc}
\\usepackage[utf8]{inputenc}
\\IfFileExists{lmodern.sty}{\\usepackage{lmodern}}{}
\\usepackage{array,textcomp,amsmath,booktabs,graphicx,longtable}
\\newsavebox{\\wide}
% What is wider than the page is made smaller.
\\newcommand{\\fit}[1]{\\sbox{\\wide}{#1}\\ifdim\\wd\\wide>0.72\\linewidth\\resizebox{0.72\\linewidth}{!}{\\usebox{\\wide}}\\else\\usebox{\\wide}\\fi}
\\setlength{\\LTcapwidth}{0.9\\linewidth}
\\usepackage[a4paper,margin=18mm]{geometry}
\\begin{document}
";

/// The whole document.
pub fn text(network: &Graph, parts: &[Part]) -> String {
    let name = escaped(&network.architecture.name);
    format!(
        "% Two tables, written by convlens. Copy what is needed; the packages and `fit` are in the head. Tables over several\n% pages need two runs.\n{HEAD}\n{}\n{}\n\\end{{document}}\n",
        configuration(network, parts, &name),
        numbers(network, &name)
    )
}

/// A row for each part of the network: what it gives, and what it is.
fn configuration(network: &Graph, parts: &[Part], name: &str) -> String {
    let rows = parts.iter().map(|part| {
        let output = network.layers[part.layers().end - 1].output;
        format!("{} & \\fit{{{}}} \\\\", escaped(&output.to_string()), cell(network, part))
    });
    let totals = network.totals;
    format!(
        "\\begin{{longtable}}{{@{{}}cc@{{}}}}\n\\caption{{{name}. {} parameters, {} multiply-adds; norms and activations are not shown.}}\\\\\n\\toprule\noutput & layers \\\\\n\\midrule\n\\endhead\n\
         {} & input \\\\\n\\midrule\n{}\n\\bottomrule\n\\end{{longtable}}\n",
        grouped(totals.params),
        grouped(totals.macs),
        escaped(&network.input().to_string()),
        rows.collect::<Vec<_>>().join("\n\\midrule\n")
    )
}

/// Lines below one another.
fn stack(lines: &[String]) -> String {
    match lines {
        [one] => one.clone(),
        lines => format!("\\begin{{tabular}}{{@{{}}c@{{}}}}{}\\end{{tabular}}", lines.join("\\\\")),
    }
}

fn series(network: &Graph, parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| cell(network, part)).collect()
}

fn cell(network: &Graph, part: &Part) -> String {
    match part {
        Part::Node(node) => {
            let far: Vec<String> = node.far.iter().map(|source| escaped(network.name_of(*source))).collect();
            let from = if far.is_empty() { String::new() } else { format!(" (from {})", far.join(", ")) };
            escaped(&node.label.head) + &from
        }
        Part::Group(group) => group_cell(network, group),
        Part::Fork(fork) => fork_cell(network, fork),
    }
}

fn group_cell(network: &Graph, group: &Group) -> String {
    let inner = match group.parts.as_slice() {
        [Part::Fork(fork)] => fork_cell(network, fork),
        parts => stack(&series(network, parts)),
    };
    let times = match (group.times, &group.differ) {
        (1, _) => String::new(),
        (times, None) => format!("$\\;\\times\\,{times}$"),
        (times, Some(differ)) => {
            format!("$\\;\\times\\,{times}$ {{\\small ({}; numbers of the first)}}", escaped(differ))
        }
    };
    match group.parts.as_slice() {
        // Without brackets of its own, what is repeated would not be seen.
        [Part::Fork(_)] => inner + &times,
        _ if group.times > 1 => format!("$\\left[\\,\\mbox{{{inner}}}\\,\\right]${times}"),
        _ => inner,
    }
}

/// One way beside a shortcut in brackets, as He et al. write it; several as columns.
fn fork_cell(network: &Graph, fork: &Fork) -> String {
    let full: Vec<String> =
        fork.ways.iter().filter(|way| !way.parts.is_empty()).map(|way| stack(&series(network, &way.parts))).collect();
    let name = |source: &Source| escaped(network.name_of(*source));
    let far: Vec<String> = fork.join.far.iter().map(|source| format!("from {}", name(source))).collect();
    let identities = fork.ways.len() - full.len();
    let mut words = vec![escaped(&fork.join.label.head)];
    words.extend((identities > 0).then(|| "with what arrives".to_string()));
    words.extend(far);
    let columns = vec!["c"; full.len().max(1)].join("|");
    let below = format!("\\multicolumn{{{}}}{{@{{}}c@{{}}}}{{\\small {}}}", full.len().max(1), words.join(", "));
    let ways = format!("\\begin{{tabular}}{{@{{}}{columns}@{{}}}}{}\\\\{below}\\end{{tabular}}", full.join(" & "));
    format!("$\\left[\\,\\mbox{{{ways}}}\\,\\right]$")
}

/// The layer table.
fn numbers(network: &Graph, name: &str) -> String {
    let table = layers(network, Convention::Plain);
    let of = |(at, column): (usize, &Column)| match (at, column.is_number) {
        (0, _) => ">{\\raggedright\\arraybackslash}p{0.25\\linewidth}",
        (_, true) => "r",
        (_, false) => "l",
    };
    let columns: String = table.columns().iter().enumerate().map(of).collect();
    let line = |cells: Vec<String>| {
        let cell = |(at, cell): (usize, &String)| if at == 0 { breakable(cell) } else { escaped(cell) };
        format!("{} \\\\", cells.iter().enumerate().map(cell).collect::<Vec<_>>().join(" & "))
    };
    let heads = line(table.columns().iter().map(|column| column.name.clone()).collect());
    let rows: Vec<String> = table.rows().map(line).collect();
    let (params, macs) = (grouped(network.totals.params), grouped(network.totals.macs));
    let buffers: u64 = network.layers.iter().map(|layer: &Layer| layer.buffers).sum();
    let more =
        if buffers > 0 { format!("; running statistics: {} more values", grouped(buffers)) } else { String::new() };
    format!(
        "{{\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\caption{{The layers of {name}, for one image{more}.}}\\\\\n\\toprule\n{heads}\n\\midrule\n\\endhead\n{}\n\
         \\midrule\ntotal & & & & & & {params} & {macs} & \\\\\n\\bottomrule\n\\end{{longtable}}}}\n",
        rows.join("\n")
    )
}

/// A name that may go on in the next line behind a point, and at the latest after so many letters.
fn breakable(name: &str) -> String {
    const MOST: usize = 24;
    let (mut own, mut since) = (String::new(), 0);
    for letter in name.chars() {
        own += &escaped(&letter.to_string());
        since += 1;
        if matches!(letter, '.' | '_') || since >= MOST {
            own += "\\allowbreak{}";
            since = 0;
        }
    }
    own
}

/// What pdfLaTeX sets as it is; letters that it has not are question marks.
fn escaped(text: &str) -> String {
    let mut own = String::new();
    for letter in visible(text).chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => own.extend(['\\', letter]),
            '\\' => own.push_str("\\textbackslash{}"),
            '~' => own.push_str("\\textasciitilde{}"),
            '^' => own.push_str("\\textasciicircum{}"),
            '<' => own.push_str("\\textless{}"),
            '>' => own.push_str("\\textgreater{}"),
            '×' => own.push_str("$\\times$"),
            '·' => own.push_str("$\\cdot$"),
            '−' => own.push_str("$-$"),
            // Two of them would become one sign.
            '-' | '?' | '!' | '`' | '\'' => own.extend([letter, '{', '}']),
            '–' => own.push_str("--{}"),
            '—' => own.push_str("---{}"),
            '’' => own.push_str("'{}"),
            '‘' => own.push_str("`{}"),
            '“' => own.push_str("``{}"),
            '”' => own.push_str("''{}"),
            '"' => own.push_str("\\textquotedbl{}"),
            '→' => own.push_str("$\\to$"),
            '≤' => own.push_str("$\\le$"),
            '≥' => own.push_str("$\\ge$"),
            '…' => own.push_str("\\ldots{}"),
            letter if letter.is_ascii() || ('\u{c0}'..='\u{ff}').contains(&letter) => own.push(letter),
            _ => own.push('?'),
        }
    }
    own
}
