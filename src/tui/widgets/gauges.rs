//! What a network takes of its budget, in one line on the lower border of a pane.

use ratatui::text::{Line, Span};

use super::text::{bar, styled_span};
use super::theme::Theme;
use crate::graph::Graph;
use crate::graph::budget::{Gauge, Measure, gauges};
use crate::graph::figures::grouped;

/// Characters of a gauge.
const LENGTH: usize = 5;

/// A gauge for each allowance that needs no measuring; nothing without a budget.
pub fn line(network: &Graph, theme: &Theme) -> Option<Line<'static>> {
    let budget = &network.architecture.budget;
    if budget.is_empty() {
        return None;
    }
    let of = |gauge: &Gauge| -> Vec<Span<'static>> {
        let style = if gauge.is_kept() { theme.good } else { theme.bad };
        let mark = if gauge.is_kept() { "" } else { "!" };
        let words = match (gauge.measure, gauge.allowed.most) {
            (Measure::Field, _) | (_, None) => grouped(gauge.taken),
            (_, Some(most)) => {
                let share = gauge.taken as f64 / most.max(1) as f64;
                format!("{} {:.0}%", bar(share.min(1.0), LENGTH), 100.0 * share)
            }
        };
        let key = gauge.measure.key().replace('_', " ");
        vec![styled_span(format!(" {key} "), theme.dim), styled_span(format!("{words}{mark} "), style)]
    };
    let spans: Vec<Span> = gauges(network, budget).iter().flat_map(of).collect();
    (!spans.is_empty()).then(|| Line::from(spans))
}
