//! Flags that say what a network may cost.

use clap::Args;

use crate::spec::budget::{self, Bounds, Budget};

/// Allowances that can be counted.
#[derive(Args)]
pub struct Counted {
    /// Parameters at most: `20M`
    #[arg(long, value_name = "N", value_parser = amount)]
    max_params: Option<u64>,
    /// Multiply-adds for one image at most: `5G`
    #[arg(long, value_name = "N", value_parser = amount)]
    max_macs: Option<u64>,
    /// Memory of a training step at most: `16GB`
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    max_train_memory: Option<u64>,
    /// Images of that training step [1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    batch: Option<u64>,
    /// Pixels that a unit of the last map sees: `100..224`, `100..`, `..224`
    #[arg(long, value_name = "FROM..TO", value_parser = bounds)]
    field: Option<Bounds>,
}

/// Those, and what must be measured.
#[derive(Args)]
pub struct BudgetArgs {
    #[command(flatten)]
    counted: Counted,
    /// Milliseconds of a forward run at most, measured here
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = super::numbers::positive)]
    max_ms: Option<f64>,
}

/// `16GB` (10⁹ each), `16GiB` (2³⁰ each), `20M`, or a number.
pub fn amount(text: &str) -> Result<u64, String> {
    budget::amount(text).ok_or_else(|| format!("expected {}", budget::AMOUNT))
}

fn bounds(text: &str) -> Result<Bounds, String> {
    budget::bounds(text).ok_or_else(|| format!("expected {}", budget::BOUNDS))
}

impl Counted {
    pub fn said(&self) -> Budget {
        Budget {
            params: self.max_params,
            macs: self.max_macs,
            train_memory: self.max_train_memory,
            batch: self.batch,
            field: self.field,
            ms: None,
        }
    }
}

impl BudgetArgs {
    pub fn said(&self) -> Budget {
        Budget { ms: self.max_ms, ..self.counted.said() }
    }
}
