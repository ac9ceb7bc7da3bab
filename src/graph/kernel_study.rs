//! One large kernel against small ones of the same receptive field (Simonyan & Zisserman 2014, section 2.3).
//!
//! Weights and multiply-adds are counted without biases, as the paper counts: one 7×7 has 49C², three 3×3 have 27C².

use super::figures::grouped;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Study {
    /// Side of the field, odd, 3 to 15.
    pub field: u64,
    /// Channels that go in.
    pub in_channels: u64,
    /// Channels that come out, and between the layers of a stack.
    pub channels: u64,
    /// Rows and columns of the map; padding keeps it.
    pub size: u64,
}

/// One conv of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    pub height: u64,
    pub width: u64,
    pub input: u64,
    pub output: u64,
    pub groups: u64,
}

impl Kernel {
    pub fn weights(&self) -> u64 {
        self.height * self.width * (self.input / self.groups) * self.output
    }
}

/// One way to see `field`×`field` pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub label: String,
    pub kernels: Vec<Kernel>,
    pub receptive_field: u64,
    pub params: u64,
    pub macs: u64,
    /// Values that the layers put out, all together.
    pub activations: u64,
    /// One behind each conv.
    pub relu_layers: u64,
    /// The working of `params`.
    pub formula: String,
}

/// Why a study cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    #[error("the field is {0}; expected an odd number from 3 to 15, which stacks of 3×3 can reach")]
    Field(u64),
    #[error("{what} is {value}; expected 1 to {most}")]
    Size { what: &'static str, value: u64, most: u64 },
}

/// Largest channel count and map side of a study, so that every product stays within 64 bits.
const CHANNELS: u64 = 1 << 16;
const SIDE: u64 = 1 << 12;

impl Study {
    /// All candidates, the single large kernel first.
    pub fn candidates(&self) -> Result<Vec<Candidate>, StudyError> {
        if self.field.is_multiple_of(2) || !(3..=15).contains(&self.field) {
            return Err(StudyError::Field(self.field));
        }
        for (what, value, most) in [
            ("the number of channels", self.channels, CHANNELS),
            ("the number of input channels", self.in_channels, CHANNELS),
            ("the size of the map", self.size, SIDE),
        ] {
            if !(1..=most).contains(&value) {
                return Err(StudyError::Size { what, value, most });
            }
        }
        let (field, into, out) = (self.field, self.in_channels, self.channels);
        let square = |side: u64, input: u64| Kernel { height: side, width: side, input, output: out, groups: 1 };
        let stack = |side: u64| {
            let count = (field - 1) / (side - 1);
            let kernels = (0..count).map(|at| square(side, if at == 0 { into } else { out })).collect();
            (format!("{count} × {side}×{side}"), kernels)
        };
        let mut ways: Vec<(String, Vec<Kernel>)> = vec![(format!("1 × {field}×{field}"), vec![square(field, into)])];
        if field > 3 {
            ways.push(stack(3));
        }
        if field > 5 && (field - 1).is_multiple_of(4) {
            ways.push(stack(5));
        }
        let line = |height, width, input| Kernel { height, width, input, output: out, groups: 1 };
        ways.push((format!("{field}×1 + 1×{field}"), vec![line(field, 1, into), line(1, field, out)]));
        let depthwise = Kernel { height: field, width: field, input: into, output: into, groups: into };
        ways.push((format!("depthwise {field}×{field} + 1×1"), vec![depthwise, square(1, into)]));
        Ok(ways.into_iter().map(|(label, kernels)| self.candidate(label, kernels)).collect())
    }

    fn candidate(&self, label: String, kernels: Vec<Kernel>) -> Candidate {
        let area = self.size * self.size;
        let params: u64 = kernels.iter().map(Kernel::weights).sum();
        let term = |kernel: &Kernel| match kernel.groups {
            1 => format!("{}·{}·{}·{}", kernel.height, kernel.width, kernel.input, kernel.output),
            _ => format!("{}·{}·{}", kernel.height, kernel.width, kernel.output),
        };
        let terms: Vec<String> = kernels.iter().map(term).collect();
        Candidate {
            label,
            receptive_field: 1 + kernels.iter().map(|kernel| kernel.height.max(kernel.width) - 1).sum::<u64>()
                - self.counted_twice(&kernels),
            params,
            macs: params * area,
            activations: kernels.iter().map(|kernel| kernel.output * area).sum(),
            relu_layers: kernels.len() as u64,
            formula: format!("{} = {}", terms.join(" + "), grouped(params)),
            kernels,
        }
    }

    /// k×1 and 1×k widen one axis each.
    fn counted_twice(&self, kernels: &[Kernel]) -> u64 {
        if kernels.iter().any(|kernel| kernel.height != kernel.width) { self.field - 1 } else { 0 }
    }

    /// Up to how many input channels per output channel the stack of 3×3 needs fewer MACs than the single kernel:
    /// 9·C₀·C + (n−1)·9·C² < k²·C₀·C gives C₀/C > 9(n−1)/(k²−9). Nothing for a field of 3.
    pub fn break_even(&self) -> Option<f64> {
        let layers = (self.field - 1) / 2;
        (self.field > 3).then(|| 9.0 * (layers - 1) as f64 / (self.field * self.field - 9) as f64)
    }

    /// The break-even in words, with where this study stands: 9·C₀·C + (n − 1)·9·C² against k²·C₀·C, solved for C₀.
    pub fn break_even_sentence(&self) -> Option<String> {
        let ratio = self.break_even()?;
        let (layers, k) = ((self.field - 1) / 2, self.field);
        let now = self.in_channels as f64 / self.channels as f64;
        let side = if now > ratio { "fewer MACs than" } else { "no fewer MACs than" };
        Some(format!(
            "from C0 input channels: {layers} × 3×3 cost less than one {k}×{k} while 9·C0·C + {}·9·C² < {}·C0·C, that is C0 > {ratio:.4}·C; here C0 = {now:.4}·C: {side} the {k}×{k}",
            layers - 1,
            k * k
        ))
    }

    /// The paper's sentence: `25C² against 18C² weights: 39% more`, for equal channels.
    pub fn sentence(&self) -> Option<String> {
        let layers = (self.field - 1) / 2;
        let (large, small) = (self.field * self.field, 9 * layers);
        let name = match layers {
            2 => "two".to_string(),
            3 => "three".to_string(),
            4 => "four".to_string(),
            5 => "five".to_string(),
            6 => "six".to_string(),
            7 => "seven".to_string(),
            other => other.to_string(),
        };
        (self.field > 3).then(|| {
            let more = 100.0 * (large as f64 / small as f64 - 1.0);
            let k = self.field;
            format!("with C channels in and out one {k}×{k} has {large}C² weights, {name} 3×3 have {small}C²: {more:.0}% more")
        })
    }
}
