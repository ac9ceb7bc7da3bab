//! Files of others: weights read and matched, and those that are published fetched.

pub mod hub;
pub mod weights;
