//! Networks as pictures and papers: what is written is what others read, and says what it should.

use std::process::Command;

use convlens::exchange::drawing::{self, Format, Measure, Shade};
use convlens::graph::{self, Graph};
use convlens::spec::{Library, Origin};
use convlens::tui::theme;

use crate::common::{convlens, network, python, stdout};
use crate::explorer::{painted, press, run, spawned, state, text};

fn bundled() -> Vec<Graph> {
    let origins = Library::new(None).list();
    let ids = origins.iter().filter(|own| matches!(own, Origin::Bundled(_))).map(Origin::id);
    ids.map(|id| network(&id)).collect()
}

/// A network whose names are traps for every language that is written.
fn hostile() -> Graph {
    let text = "name: '<b>&\"x\" \\end{document} {$ % # _ ~ ^} ü 网'\nsummary: '</svg><script>alert(1)</script>'\n\
                input: [3, 8, 8]\nlayers: [conv3-4, block: {name: part, layers: [conv3-4 x2]}]\n"
        .to_string();
    let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]);
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).expect("fits")
}

#[test]
fn pictures_are_pinned_down() {
    for (id, format) in [("resnet18", Format::Dot), ("unet", Format::Latex), ("tinyvgg", Format::Svg)] {
        let name = format!("drawing_{id}_{}", format.name());
        insta::assert_snapshot!(name, drawing::text(&network(id), format, &Shade::Kind));
    }
}

#[test]
fn pages_and_pictures_are_whole_and_need_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    for (at, network) in bundled().iter().chain([&hostile()]).enumerate() {
        for format in [Format::Svg, Format::Html] {
            let shade = if at % 2 == 0 { Shade::Kind } else { Shade::counted(network, Measure::Params) };
            let text = drawing::text(network, format, &shade);
            assert!(!text.contains("<script") && !text.contains("NaN") && !text.contains("\"inf"), "{at}");
            // The only address is the name of a namespace.
            assert_eq!(text.matches("http").count(), 1, "{at}: {format:?}");
            assert!(text.contains("http://www.w3.org/2000/svg"));
            std::fs::write(folder.path().join(format!("{at}{}", format.ending())), text).expect("written");
        }
    }
    let Some(python) = python("xml.etree.ElementTree") else { return };
    let check = "
import html.parser, pathlib, sys, xml.etree.ElementTree as tree
class Whole(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []
    def handle_starttag(self, tag, _):
        if tag not in ('meta', 'br'):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
for path in pathlib.Path(sys.argv[1]).iterdir():
    if path.suffix == '.svg':
        tree.fromstring(path.read_text('utf-8'))
    else:
        page = Whole()
        page.feed(path.read_text('utf-8'))
        assert not page.open, (path, page.open)
";
    let checked = Command::new(python).args(["-c", check]).arg(folder.path()).output().expect("Python");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_page_says_where_the_parameters_come_from() {
    let page = drawing::text(&network("vgg16"), Format::Html, &Shade::Kind);
    let blocks = [38_720, 221_440, 1_475_328, 5_899_776, 7_079_424, 123_642_856];
    let part = |(at, params): (usize, &u64)| {
        let name = if at < 5 { format!("block{}", at + 1) } else { "classifier".into() };
        format!("{}&nbsp;<span class=\"dim\">{name}</span>", graph::figures::grouped(*params))
    };
    let sum: Vec<String> = blocks.iter().enumerate().map(part).collect();
    assert!(page.contains(&format!("{} = <b>138,357,544</b> parameters", sum.join(" + "))));
    // The working of the first conv, and the total's row.
    assert!(page.contains("3·3·3·64 + 64 = 1,792") && page.contains("(224 − 3 + 2·1)/1 + 1 = 224"));
    assert!(page.contains("<td class=\"n\">138,357,544</td><td class=\"n\">15,470,264,320</td>"));
}

#[test]
fn latex_has_an_end_for_every_beginning_whatever_names_hold() {
    for network in bundled().iter().chain([&hostile()]) {
        let text = drawing::text(network, Format::Latex, &Shade::Kind);
        let mut open = Vec::new();
        for (at, _) in text.match_indices('\\') {
            let rest = &text[at + 1..];
            let name = |word: &str| rest.strip_prefix(word).and_then(|rest| rest.split('}').next()).map(str::to_string);
            open.extend(name("begin{"));
            if let Some(end) = name("end{") {
                assert_eq!(open.pop(), Some(end), "{}", network.architecture.id);
            }
        }
        assert!(open.is_empty());
        let plain = text.replace("\\{", "").replace("\\}", "");
        assert_eq!(plain.matches('{').count(), plain.matches('}').count(), "{}", network.architecture.id);
        assert_eq!(text.matches("\\end{document}").count(), 1);
    }
    // He et al. 2015, Table 1: three blocks of 1×1, 3×3, 1×1 in the first stage of ResNet-50, then four, six, three.
    let resnet = drawing::text(&network("resnet50"), Format::Latex, &Shade::Kind);
    for times in [2, 3, 5, 2] {
        assert!(resnet.contains(&format!("\\times\\,{times}$")), "the first of each stage stands alone");
    }
}

#[test]
fn dot_names_every_node_once_and_every_line_joins_two_of_them() {
    for network in bundled().iter().chain([&hostile()]) {
        let text = drawing::text(network, Format::Dot, &Shade::Kind);
        let nodes: Vec<&str> = (text.lines())
            .filter_map(|line| line.trim().split_once(" [label=").map(|(name, _)| name))
            .filter(|name| !name.contains(' '))
            .collect();
        let unique: std::collections::HashSet<_> = nodes.iter().collect();
        assert_eq!(unique.len(), nodes.len(), "{}", network.architecture.id);
        let edges = text.lines().filter_map(|line| line.split_once(" -> "));
        let mut count = 0;
        for (from, to) in edges {
            let to = to.split([' ', ';']).next().unwrap_or_default();
            assert!(unique.contains(&from.trim()) && unique.contains(&to), "{from} -> {to}");
            count += 1;
        }
        assert!(count + 1 >= nodes.len(), "{}: all hang together", network.architecture.id);
        let quotes = text.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert_eq!((quotes % 2, text.matches('{').count()), (0, text.matches('}').count()));
    }
}

/// A network of this text.
fn made(layers: &str) -> Graph {
    let text = format!("input: [16, 8, 8]\ndefaults: {{conv: {{activation: relu}}}}\nlayers:\n{layers}");
    let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]);
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{layers}\n{error}"))).expect("fits")
}

/// Blocks whose names mislead, branches that begin elsewhere, skips into branches, empty branches, joins of joins.
const WIRINGS: [&str; 8] = [
    "  - residual: {name: r, layers: [conv3-16, block: {name: shortcut, layers: [conv1-16]}]}\n",
    "  - gate: [block: {name: shortcut, layers: [conv1-16]}]\n  - conv3-4\n",
    "  - conv: {out: 16, name: a}\n  - conv: {out: 16, name: b}\n  - concat: [[from: a, conv1-4], [from: a, conv3-4]]\n",
    "  - conv: {out: 16, name: a}\n  - residual: [conv3-16, concat: [identity, [from: a, conv1-4]], conv1-16]\n",
    "  - concat: [identity, identity, [conv3-4]]\n  - residual: {layers: [conv3-36]}\n",
    "  - residual: {shortcut: pad, layers: [conv3-24/2, conv3-24]}\n  - residual: {shortcut: drop, layers: [conv3-8]}\n",
    "  - split: [identity, [conv3-8]]\n  - channel_shuffle: 2\n  - squeeze_excite: /4\n",
    "  - residual: [residual: [residual: [conv3-16]], concat: [[conv1-8, conv3-8], [conv1-8]]]\n",
];

#[test]
fn lines_are_what_feeds_what() {
    let mut looked = 0;
    for network in WIRINGS.into_iter().map(made).chain(bundled()) {
        let text = drawing::text(&network, Format::Dot, &Shade::Kind);
        // What is folded stands for several.
        if text.contains(" × ") {
            continue;
        }
        looked += 1;
        let starts: Vec<usize> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix('n')?.split_once(" [label=")?.0.parse().ok())
            .collect();
        let node = |layer: usize| *starts.iter().filter(|start| **start <= layer).max().expect("a box");
        let mut expected = std::collections::BTreeSet::new();
        for layer in &network.layers {
            for source in &layer.inputs {
                let from = match source {
                    graph::Source::Input => "input".to_string(),
                    graph::Source::Layer(at) if node(*at) == node(layer.index) => continue,
                    graph::Source::Layer(at) => format!("n{}", node(*at)),
                };
                expected.insert((from, format!("n{}", node(layer.index))));
            }
        }
        let edges = text.lines().filter_map(|line| line.trim().split_once(" -> "));
        let drawn: std::collections::BTreeSet<(String, String)> = edges
            .map(|(from, to)| (from.to_string(), to.split([' ', ';']).next().unwrap_or_default().to_string()))
            .collect();
        assert_eq!(drawn, expected, "{}\n{text}", network.architecture.name);
    }
    assert!(looked > 20, "{looked}");
}

#[test]
fn what_differs_in_a_number_that_no_box_shows_is_not_folded() {
    let block = |layers: &str| format!("  - block: {{layers: [{layers}]}}\n");
    let pairs = [
        ("lrn: 3", "lrn: 9"),
        ("batch_norm: {eps: 0.001}", "batch_norm"),
        ("conv: {out: 16, bias: true}", "conv: {out: 16, bias: false}"),
        ("conv: {out: 16, dilation: 2}", "conv: {out: 16}"),
        ("gelu", "gelu: {approximate: tanh}"),
    ];
    for (one, other) in pairs {
        let folded = |layers: &str| drawing::text(&made(layers), Format::Dot, &Shade::Kind).contains(" × 2");
        assert!(folded(&(block(one) + &block(one))), "{one}");
        assert!(!folded(&(block(one) + &block(other))), "{one}, {other}");
    }
}

#[test]
fn shades_say_shares_and_nothing_of_another_kind_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    assert_eq!(
        stdout(&["export", "vgg16", "--to", "svg", "--shade", "params", "--out", &at("v.svg")]),
        format!("{}\n", at("v.svg"))
    );
    // 102,764,544 of 138,357,544 stand in one layer.
    assert!(std::fs::read_to_string(at("v.svg")).expect("there").contains("74.3 %"));
    // ResNet-50's repetitions are folded; each box says what all that it stands for cost, so together they are the whole.
    let resnet = network("resnet50");
    let svg = drawing::text(&resnet, Format::Dot, &Shade::counted(&resnet, Measure::Macs));
    let shares = svg.split(" %\"").filter_map(|part| part.rsplit("\\n").next()?.parse::<f64>().ok());
    assert!((shares.sum::<f64>() - 100.0).abs() < 1.0);
    stdout(&["export", "tinyvgg", "--to", "html", "--shade", "time", "--out", &at("v.html")]);
    assert!(std::fs::read_to_string(at("v.html")).expect("there").contains("of the measured time"));
    // The same kind again; another only by force, and no flag that does nothing.
    stdout(&["export", "vgg11", "--to", "svg", "--out", &at("v.svg")]);
    std::fs::write(at("notes.svg"), "my notes").expect("written");
    let refused = |arguments: &[&str]| {
        let refused = convlens(arguments).assert().code(1);
        String::from_utf8_lossy(&refused.get_output().stderr).into_owned()
    };
    let words = refused(&["export", "vgg11", "--to", "svg", "--out", &at("notes.svg")]);
    assert!(words.contains("it holds something else than an SVG picture of ours"), "{words}");
    stdout(&["export", "vgg11", "--to", "svg", "--out", &at("notes.svg"), "--force"]);
    for name in ["v2.png", "v2.html", "v2.tex"] {
        let words = refused(&["export", "vgg11", "--to", "svg", "--out", &at(name)]);
        assert!(words.contains("call it NAME.svg"), "{words}");
    }
    // A thesis is not ours because it is LaTeX.
    std::fs::write(at("thesis.tex"), "% my thesis\n\\documentclass{book}").expect("written");
    assert!(refused(&["export", "vgg11", "--to", "latex", "--out", &at("thesis.tex")]).contains("LaTeX of ours"));
    assert!(refused(&["export", "vgg11", "--to", "html", "--seed", "1"]).contains("has no weights in it"));
    assert!(refused(&["export", "vgg11", "--to", "latex", "--shade", "macs"]).contains("`--shade` is for pictures"));
    assert!(refused(&["export", "vgg11", "--to", "onnx", "--shade", "macs"]).contains("`--shade` is for pictures"));
}

#[test]
fn the_explorer_asks_for_a_path_whose_ending_says_as_what() {
    let mut state = state(100, 30, theme::dark());
    press(&mut state, "/vgg16<enter>X");
    let shown = text(&painted(&state));
    assert!(shown.contains("Export as .svg, .html, .tex or .dot") && shown.contains("vgg16.svg"), "{shown}");
    let effects = press(&mut state, "<ctrl-u>out.pdf<enter>");
    assert!(effects.is_empty() && text(&painted(&state)).contains("expected a name that ends in"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.html");
    let spawn = spawned(press(&mut state, &format!("<ctrl-u>{}<enter>", path.display())));
    run(&mut state, spawn);
    let page = std::fs::read_to_string(&path).expect("written");
    assert!(page.contains("<html") && page.contains("VGG-16"), "{page}");
    assert!(state.toasts.iter().any(|toast| toast.text.starts_with("Wrote ")));
}
