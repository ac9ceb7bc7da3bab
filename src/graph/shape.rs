//! Sizes of values.

/// The size of one value map or feature row, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Map { channels: u64, height: u64, width: u64 },
    Flat(u64),
}

impl Shape {
    /// How many values it holds; at most 2^72, so it needs u128 until the limits are checked.
    pub fn elements(self) -> u128 {
        match self {
            Shape::Map { channels, height, width } => u128::from(channels) * u128::from(height) * u128::from(width),
            Shape::Flat(features) => features.into(),
        }
    }

    /// Whether it is a row of features.
    pub fn is_flat(self) -> bool {
        matches!(self, Shape::Flat(_))
    }

    /// Channels of a map, or features.
    pub fn channels(self) -> u64 {
        match self {
            Shape::Map { channels, .. } => channels,
            Shape::Flat(features) => features,
        }
    }

    /// Rows and columns; flat features stand at one position.
    pub fn sides(self) -> [u64; 2] {
        match self {
            Shape::Map { height, width, .. } => [height, width],
            Shape::Flat(_) => [1, 1],
        }
    }

    pub fn to_vec(self) -> Vec<u64> {
        match self {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Flat(features) => vec![features],
        }
    }

    /// Bytes in f32.
    pub fn bytes(self) -> u64 {
        self.elements() as u64 * 4
    }
}

impl std::fmt::Display for Shape {
    /// `64×224×224`, or `4096`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let sizes: Vec<String> = self.to_vec().iter().map(u64::to_string).collect();
        formatter.pad(&sizes.join("×"))
    }
}
