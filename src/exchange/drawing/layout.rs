//! Where things stand in a picture: below one another, ways side by side, boxes around blocks. All lengths are in pixels.
//!
//! Each part becomes a [`Drawing`] with its own origin, which is moved to its place in the drawing around it.

use super::parts::{Fork, Group, Node, Part, Way};
use super::shade::Painter;
use crate::graph::Source;

/// A thing to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A node's box, with the first of its layers.
    Box {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: String,
        layers: (usize, usize),
        round: bool,
    },
    /// Around a block.
    Frame {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
    },
    Text {
        x: f64,
        y: f64,
        text: String,
        style: Style,
    },
    /// From above to below; straight, or bent where both are not in one line.
    Line {
        from: (f64, f64),
        to: (f64, f64),
        arrow: bool,
    },
    /// Past others: from and to the right side of a box, by way of `x`.
    Past {
        from: (f64, f64),
        to: (f64, f64),
        x: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Head,
    Small,
    /// From its left end.
    Group,
}

/// Things with their place, and how large all are together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    /// Where values arrive above and leave below.
    axis: f64,
    pub shapes: Vec<Shape>,
}

const GAP: f64 = 16.0;
const BEND: f64 = 26.0;
const BESIDE: f64 = 18.0;
/// A way without parts is a line.
const LANE: f64 = 26.0;
const PADDING: f64 = 12.0;
const TITLE: f64 = 18.0;
const HEAD: f64 = 11.0;
const SMALL: f64 = 9.5;

/// About how wide a text is in Helvetica or what stands in for it.
pub fn width_of(text: &str, size: f64) -> f64 {
    let letter = |letter: char| match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '/' | ' ' | '·' | '(' | ')' | 'f' | 't' | 'I' => 0.3,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.87,
        'A'..='Z' | '&' => 0.7,
        _ if letter.is_ascii() || letter == '×' => 0.57,
        _ => 1.0,
    };
    // A tenth more for fonts that run wide and for bold letters.
    text.chars().map(letter).sum::<f64>() * size * 1.17
}

impl Drawing {
    fn moved(mut self, dx: f64, dy: f64) -> Vec<Shape> {
        let by = |(x, y): (f64, f64)| (x + dx, y + dy);
        for shape in &mut self.shapes {
            match shape {
                Shape::Box { x, y, .. } | Shape::Frame { x, y, .. } | Shape::Text { x, y, .. } => {
                    (*x, *y) = by((*x, *y));
                }
                Shape::Line { from, to, .. } => (*from, *to) = (by(*from), by(*to)),
                Shape::Past { from, to, x } => {
                    (*from, *to) = (by(*from), by(*to));
                    *x += dx;
                }
            }
        }
        self.shapes
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), arrow: bool) {
        self.shapes.push(Shape::Line { from, to, arrow });
    }
}

/// A whole network, with its input on top.
pub fn drawing(parts: &[Part], input: &str, paint: &Painter) -> Drawing {
    let start = Drawing {
        width: width_of(input, HEAD) + 20.0,
        height: 22.0,
        axis: width_of(input, HEAD) / 2.0 + 10.0,
        shapes: vec![
            Shape::Box {
                x: 0.0,
                y: 0.0,
                width: width_of(input, HEAD) + 20.0,
                height: 22.0,
                fill: "#ffffff".into(),
                layers: (usize::MAX, usize::MAX),
                round: true,
            },
            Shape::Text { x: width_of(input, HEAD) / 2.0 + 10.0, y: 15.0, text: input.into(), style: Style::Head },
        ],
    };
    let all = std::iter::once((start, true)).chain(parts.iter().map(|part| (part_of(part, paint), is_near(part))));
    let mut whole = below(all.collect());
    past(&mut whole, parts);
    whole
}

/// Whether a part reads what is above it.
fn is_near(part: &Part) -> bool {
    match part {
        Part::Node(node) => node.near,
        Part::Group(group) => group.parts.first().is_none_or(is_near),
        Part::Fork(fork) => fork.ways.iter().any(|way| way.parts.first().is_none_or(is_near)),
    }
}

fn part_of(part: &Part, paint: &Painter) -> Drawing {
    match part {
        Part::Node(node) => node_of(node, paint),
        Part::Group(group) => group_of(group, paint),
        Part::Fork(fork) => fork_of(fork, paint),
    }
}

/// One below the other along one axis, with a line from each to the next that reads it.
fn below(parts: Vec<(Drawing, bool)>) -> Drawing {
    let axis = parts.iter().map(|(own, _)| own.axis).fold(0.0, f64::max);
    let mut whole = Drawing { axis, ..Drawing::default() };
    for (at, (own, is_near)) in parts.into_iter().enumerate() {
        if at > 0 {
            let (from, to) = (whole.height, whole.height + GAP);
            if is_near {
                whole.line((axis, from), (axis, to), true);
            }
            whole.height = to;
        }
        let (left, height) = (axis - own.axis, own.height);
        whole.width = whole.width.max(left + own.width);
        let top = whole.height;
        whole.shapes.extend(own.moved(left, top));
        whole.height += height;
    }
    whole
}

fn node_of(node: &Node, paint: &Painter) -> Drawing {
    let label = &node.label;
    let share = paint.share(node).map(|share| format!("{:.1} %", 100.0 * share)).unwrap_or_default();
    let foot = [label.foot.as_str(), share.as_str()].map(str::to_string);
    let foot = foot.iter().filter(|own| !own.is_empty()).cloned().collect::<Vec<_>>().join(" · ");
    let lines = [(&label.head, Style::Head, HEAD), (&label.brings, Style::Small, SMALL), (&foot, Style::Small, SMALL)];
    let lines: Vec<_> = lines.into_iter().filter(|(text, ..)| !text.is_empty()).collect();
    let width = lines.iter().map(|(text, _, size)| width_of(text, *size)).fold(0.0, f64::max) + 18.0;
    let height = lines.iter().map(|(_, _, size)| size + 3.5).sum::<f64>() + 7.0;
    let mut own = Drawing { width, height, axis: width / 2.0, shapes: Vec::new() };
    own.shapes.push(Shape::Box {
        x: 0.0,
        y: 0.0,
        width,
        height,
        fill: paint.fill(node),
        layers: (node.layers.start, node.layers.end),
        round: false,
    });
    let mut y = 3.0;
    for (text, style, size) in lines {
        y += size + 2.5;
        own.shapes.push(Shape::Text { x: width / 2.0, y, text: text.clone(), style });
        y += 1.0;
    }
    own
}

fn group_of(group: &Group, paint: &Painter) -> Drawing {
    let paint = &paint.inside(group);
    let inner = below(group.parts.iter().map(|part| (part_of(part, paint), is_near(part))).collect());
    let heading = group.heading();
    // The line on which values arrive does not cross the heading: it stands beside it, or begins below it.
    let title = 1.1 * width_of(&heading, SMALL) + 2.0 * PADDING;
    let beside = (title - inner.axis).max(PADDING);
    let left = if beside < 4.0 * PADDING { beside } else { PADDING };
    let width = (left + inner.width + PADDING).max(title);
    let height = TITLE + GAP / 2.0 + inner.height + PADDING;
    let axis = left + inner.axis;
    let mut own = Drawing { width, height, axis, shapes: vec![Shape::Frame { x: 0.0, y: 0.0, width, height }] };
    own.shapes.push(Shape::Text { x: 8.0, y: 13.0, text: heading, style: Style::Group });
    let top = TITLE + GAP / 2.0;
    if group.parts.first().is_none_or(is_near) {
        let is_fork = matches!(group.parts.first(), Some(Part::Fork(_)));
        let from = if axis < title { TITLE } else { 0.0 };
        own.line((axis, from), (axis, top), !is_fork);
    }
    let bottom = top + inner.height;
    own.shapes.extend(inner.moved(left, top));
    own.line((axis, bottom), (axis, height), false);
    own
}

fn way_of(way: &Way, paint: &Painter) -> (Drawing, bool) {
    match way.parts.is_empty() {
        true => (Drawing { width: LANE, height: 0.0, axis: LANE / 2.0, shapes: Vec::new() }, true),
        false => {
            let near = is_near(&way.parts[0]);
            (below(way.parts.iter().map(|part| (part_of(part, paint), is_near(part))).collect()), near)
        }
    }
}

fn fork_of(fork: &Fork, paint: &Painter) -> Drawing {
    let ways: Vec<(Drawing, bool, bool)> = fork
        .ways
        .iter()
        .map(|way| {
            let (own, near) = way_of(way, paint);
            (own, near, !way.parts.is_empty() && !matches!(way.parts[0], Part::Fork(_)))
        })
        .collect();
    let join = node_of(&fork.join, paint);
    let tallest = ways.iter().map(|(own, ..)| own.height).fold(0.0, f64::max);
    let wide = ways.iter().map(|(own, ..)| own.width).sum::<f64>() + BESIDE * ways.len().saturating_sub(1) as f64;
    // One way beside lines alone stays straight.
    let mut left = 0.0;
    let mut axes = Vec::new();
    for (own, ..) in &ways {
        axes.push(left + own.axis);
        left += own.width + BESIDE;
    }
    let full: Vec<usize> = (0..ways.len()).filter(|&at| !fork.ways[at].parts.is_empty()).collect();
    let axis = match full.as_slice() {
        [only] => axes[*only],
        _ => wide / 2.0,
    };
    let shift = (join.axis - axis).max(0.0);
    let axis = axis + shift;
    let width = (wide + shift).max(axis + join.width - join.axis);
    let mut whole = Drawing { width, height: 0.0, axis, shapes: Vec::new() };
    let (top, bottom) = (BEND, BEND + tallest);
    let mut x = shift;
    for (own, near, arrow) in ways {
        let (at, height) = (x + own.axis, own.height);
        if near {
            whole.line((axis, 0.0), (at, top), arrow);
        }
        if height < tallest {
            whole.line((at, top + height), (at, bottom), false);
        }
        whole.line((at, bottom), (axis, bottom + BEND), true);
        x += own.width + BESIDE;
        let left = at - own.axis;
        whole.shapes.extend(own.moved(left, top));
    }
    whole.height = bottom + BEND + join.height;
    let left = axis - join.axis;
    whole.shapes.extend(join.moved(left, bottom + BEND));
    whole
}

/// Lines that lead past others, each in a lane of its own at the right.
fn past(whole: &mut Drawing, parts: &[Part]) {
    let place = |shapes: &[Shape], wanted: Source| {
        shapes.iter().find_map(|shape| match (shape, wanted) {
            (Shape::Box { x, y, width, height, layers, .. }, Source::Layer(at))
                if (layers.0..layers.1).contains(&at) =>
            {
                Some((x + width, y + height / 2.0))
            }
            (Shape::Box { x, y, width, height, layers: (usize::MAX, _), .. }, Source::Input) => {
                Some((x + width, y + height / 2.0))
            }
            _ => None,
        })
    };
    let mut feeds = Vec::new();
    far(parts, &mut feeds);
    // Short ones run inside.
    feeds.sort_by_key(|(from, to)| match from {
        Source::Layer(at) => to - at,
        Source::Input => usize::MAX,
    });
    let mut x = whole.width;
    // Several that end at one box end below one another.
    let mut ending: std::collections::BTreeMap<usize, f64> = std::collections::BTreeMap::new();
    let mut lines = Vec::new();
    for (from, to) in feeds {
        let ends = (place(&whole.shapes, from), place(&whole.shapes, Source::Layer(to)));
        if let (Some(from), Some((to_x, to_y))) = ends {
            x += 14.0;
            let down = ending.entry(to).or_default();
            lines.push(Shape::Past { from, to: (to_x, to_y + *down), x });
            *down += 5.0;
        }
    }
    if !lines.is_empty() {
        whole.width = x + 8.0;
    }
    // Over what they pass, so that each can be followed from end to end.
    whole.shapes.append(&mut lines);
}

fn far(parts: &[Part], into: &mut Vec<(Source, usize)>) {
    let of = |node: &Node, into: &mut Vec<(Source, usize)>| {
        into.extend(node.far.iter().map(|source| (*source, node.layers.start)));
    };
    for part in parts {
        match part {
            Part::Node(node) => of(node, into),
            Part::Group(group) => far(&group.parts, into),
            Part::Fork(fork) => {
                of(&fork.join, into);
                fork.ways.iter().for_each(|way| far(&way.parts, into));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::drawing::{Shade, scene};
    use crate::graph;
    use crate::spec::{Library, Origin};

    /// Left, top, right and bottom of what has an area.
    fn area(shape: &Shape) -> Option<[f64; 4]> {
        match shape {
            Shape::Box { x, y, width, height, .. } | Shape::Frame { x, y, width, height } => {
                Some([*x, *y, x + width, y + height])
            }
            _ => None,
        }
    }

    fn holds(outer: [f64; 4], inner: [f64; 4]) -> bool {
        let [left, top, right, bottom] = outer;
        left <= inner[0] + 0.01 && top <= inner[1] + 0.01 && right >= inner[2] - 0.01 && bottom >= inner[3] - 0.01
    }

    fn apart(a: [f64; 4], b: [f64; 4]) -> bool {
        a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
    }

    #[test]
    fn boxes_stand_apart_or_in_one_another_and_lines_end_at_them() {
        let library = Library::new(None);
        for origin in library.list().into_iter().filter(|own| matches!(own, Origin::Bundled(_))) {
            let id = origin.id();
            let network = graph::analyse(&library.load(&id, &[]).expect("bundled")).expect("bundled");
            let parts = scene::of(&network);
            let own = drawing(&parts, "input", &Shade::Kind.over(&parts));
            let areas: Vec<(bool, [f64; 4])> =
                own.shapes.iter().filter_map(|own| Some((matches!(own, Shape::Box { .. }), area(own)?))).collect();
            for (at, (is_box, a)) in areas.iter().enumerate() {
                assert!(holds([0.0, 0.0, own.width, own.height], *a), "{id}: {a:?} is outside");
                for (other_is_box, b) in &areas[at + 1..] {
                    let nested = !is_box && holds(*a, *b) || !other_is_box && holds(*b, *a);
                    assert!(apart(*a, *b) || nested, "{id}: {a:?} over {b:?}");
                }
            }
            for shape in &own.shapes {
                match shape {
                    Shape::Text { x, y, text, style } => {
                        let size = if *style == Style::Head { HEAD } else { SMALL };
                        let half = if *style == Style::Group { 0.0 } else { width_of(text, size) / 2.0 };
                        let right = if *style == Style::Group { x + width_of(text, size) } else { x + half };
                        let own = [x - half, y - size, right, *y];
                        assert!(areas.iter().any(|(_, area)| holds(*area, own)), "{id}: `{text}` sticks out");
                    }
                    Shape::Line { from, to, arrow } => {
                        assert!(from.1 < to.1, "{id}: a line leads down");
                        let ends = |(is_box, [left, top, right, _]): &(bool, [f64; 4])| {
                            let inside = *left <= to.0 && to.0 <= *right;
                            inside && (to.1 - top).abs() < 0.01 && (*is_box || *arrow)
                        };
                        assert!(!arrow || areas.iter().any(ends), "{id}: an arrow at {to:?} ends nowhere");
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn every_layer_stands_in_one_box_as_often_as_it_is_there() {
        fn count(parts: &[Part]) -> usize {
            let of = |part: &Part| match part {
                Part::Node(node) => node.layers.len(),
                Part::Group(group) => group.times * count(&group.parts),
                Part::Fork(fork) => {
                    fork.join.layers.len() + fork.ways.iter().map(|way| count(&way.parts)).sum::<usize>()
                }
            };
            parts.iter().map(of).sum()
        }
        let library = Library::new(None);
        for origin in library.list().into_iter().filter(|own| matches!(own, Origin::Bundled(_))) {
            let network = graph::analyse(&library.load(&origin.id(), &[]).expect("bundled")).expect("bundled");
            assert_eq!(count(&scene::of(&network)), network.layers.len(), "{}", origin.id());
        }
    }

    #[test]
    fn a_layer_that_reads_another_one_is_drawn_with_a_line_past_those_between() {
        let text = "input: [3, 8, 8]\nlayers:\n  - conv3-4\n  - block: {name: part, layers: [conv3-4, conv3-4]}\n  \
                    - concat: [identity, [{from: conv1}, conv1-2]]\n  - residual: [conv3-6]\n"
            .to_string();
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]);
        let network = graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).expect("fits");
        let parts = scene::of(&network);
        let own = drawing(&parts, "input", &Shade::Kind.over(&parts));
        let past: Vec<_> = own.shapes.iter().filter(|shape| matches!(shape, Shape::Past { .. })).collect();
        assert_eq!(past.len(), 1, "{past:?}");
    }

    #[test]
    fn no_line_leads_into_a_block_that_reads_other_layers_alone() {
        let text = "input: [3, 8, 8]\nlayers: [conv: {out: 4, name: a}, conv: {out: 4, name: b}, \
                    concat: [[from: a, conv1-2], [from: a, conv3-2]]]\n"
            .to_string();
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]);
        let network = graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).expect("fits");
        let parts = scene::of(&network);
        let own = drawing(&parts, "input", &Shade::Kind.over(&parts));
        let unread = own.shapes.iter().find(|own| matches!(own, Shape::Box { layers: (1, _), .. }));
        let [left, _, right, bottom] = unread.and_then(area).expect("a box");
        let leaves = own.shapes.iter().any(|own| match own {
            Shape::Line { from, .. } => (from.1 - bottom).abs() < 0.01 && left <= from.0 && from.0 <= right,
            _ => false,
        });
        assert!(!leaves);
        assert_eq!(own.shapes.iter().filter(|own| matches!(own, Shape::Past { .. })).count(), 2);
    }
}
