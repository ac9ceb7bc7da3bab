//! Layers against a machine's ceilings, as a table's columns and as the plot that the roofline is.

use super::plot::{Axis, Line, Mark, Plot, Point};

/// A ceiling of computing and one of memory.
#[derive(Debug, Clone, Copy)]
pub struct Ceilings {
    pub gflops: f64,
    pub bandwidth_gb_s: f64,
}

/// A layer that computes: FLOPs per byte, 10⁹ FLOP/s, its name, whether it is among those that take longest.
#[derive(Debug, Clone)]
pub struct Dot {
    pub intensity: f64,
    pub gflops: f64,
    pub name: String,
    pub is_long: bool,
}

/// FLOP/s over FLOPs per byte, both by powers of ten (Williams, Waterman & Patterson 2009).
pub fn plot(title: String, ceilings: Ceilings, dots: &[Dot]) -> Plot {
    let ridge = ceilings.gflops / ceilings.bandwidth_gb_s;
    let ends = dots.iter().map(|dot| dot.intensity).fold((ridge / 10.0, ridge * 10.0), |(least, most), own| {
        (if own > 0.0 { least.min(own) } else { least }, most.max(own))
    });
    let roof = [(ends.0, ends.0 * ceilings.bandwidth_gb_s), (ridge, ceilings.gflops), (ends.1, ceilings.gflops)];
    let points = dots.iter().map(|dot| Point {
        x: dot.intensity,
        y: dot.gflops,
        name: dot.name.clone(),
        mark: if dot.is_long { Mark::Large } else { Mark::Small },
        series: 0,
    });
    let axis = |name: &str| Axis { name: name.into(), is_logarithmic: true, write: plain };
    Plot {
        title,
        x: axis("FLOPs per byte"),
        y: axis("GFLOP/s"),
        lines: vec![Line { name: "what this machine could reach".into(), points: roof.to_vec() }],
        points: points.collect(),
        series: Vec::new(),
    }
}

/// `0.05`, `200`.
fn plain(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.0}")
    } else {
        format!("{:.*}", (-value.log10()).ceil().max(0.0) as usize, value)
    }
}
