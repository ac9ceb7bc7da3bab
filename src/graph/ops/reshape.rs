//! Channels in another order.

use super::{Arriving, Operation, Refusal};
use crate::graph::shape::Shape;

/// Zhang et al. 2018: with channels in `groups` rows, they are read column by column.
pub fn shuffle(groups: u64, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let (channels, _, _) = arriving.map()?;
    match channels % groups {
        0 => Ok((Operation::ChannelShuffle { groups }, arriving.shape)),
        _ => Err(Refusal::new(
            "groups",
            format!("`{}` has {groups} groups, which do not divide {channels} channels", arriving.path),
            "expected a number that divides them",
        )),
    }
}
