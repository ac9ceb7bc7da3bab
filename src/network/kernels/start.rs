//! What a product is added to.

/// What an output begins from.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Nothing,
    Bias(&'a [f32]),
    /// What is already there.
    Sum,
}

impl<'a> Start<'a> {
    pub(super) fn of(bias: Option<&'a [f32]>) -> Self {
        bias.map_or(Start::Nothing, Start::Bias)
    }

    pub(super) fn bias(self) -> Option<&'a [f32]> {
        if let Start::Bias(bias) = self { Some(bias) } else { None }
    }
}
