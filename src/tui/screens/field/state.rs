//! What the field screen knows, and what its keys stand for.

use std::path::PathBuf;
use std::sync::Arc;

use super::unit::{Place, unit_at};
use crate::graph::{Graph, Layer};
use crate::run::attention::Effective;
use crate::run::picture::Picture;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Moves the unit by rows and columns.
    By(i8, i8),
    /// The unit at a row and column that were clicked.
    Unit(u64, u64),
    Middle,
    /// Asks for the photo.
    Photo,
    /// The plane, or the photo.
    Under,
    Mark,
    /// Measures the effective field.
    Effective,
    /// Takes what was measured away.
    Forget,
    Copy,
    /// A layer that was clicked in the growth of the field, by index.
    Layer(usize),
}

#[derive(Debug)]
pub enum News {
    Photo(Photo),
    Effective(Measured),
}

/// What a path is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Photo,
}

#[derive(Debug, Clone)]
pub struct Field {
    /// The unit that the field is shown of.
    pub place: Place,
    /// The photo it is shown on.
    pub photo: Option<Photo>,
    /// The photo as the network's input takes it.
    pub fitted: Option<Fitted>,
    /// The effective field that was measured last.
    pub effective: Option<Measured>,
    /// Whether the plane is shown although there is a photo.
    pub is_bare: bool,
}

impl Default for Field {
    fn default() -> Self {
        Field { place: Place::MIDDLE, photo: None, fitted: None, effective: None, is_bare: false }
    }
}

impl Field {
    /// The effective field of the unit that is shown, if it was measured.
    pub fn measured(&self, network: &Graph, layer: &Layer) -> Option<&Effective> {
        let own = self.effective.as_ref()?;
        let is_same = std::ptr::eq(&*own.network, network) && own.layer == layer.index;
        (is_same && own.unit == unit_at(self.place, layer)).then_some(&*own.effective)
    }
}

#[derive(Debug, Clone)]
pub struct Photo {
    pub path: PathBuf,
    pub picture: Arc<Picture>,
}

/// A photo scaled and cropped to a network's input.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub network: Arc<Graph>,
    pub of: Arc<Picture>,
    pub picture: Arc<Picture>,
}

/// An effective field, and what it is of.
#[derive(Debug, Clone)]
pub struct Measured {
    pub network: Arc<Graph>,
    pub layer: usize,
    pub unit: (u64, u64),
    pub effective: Arc<Effective>,
}
