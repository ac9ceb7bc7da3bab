//! From YAML text to a checked description.
//!
//! [`library`] finds a file and everything it extends, [`node`] reads it into a tree that knows where each node
//! stands, [`extend`] merges, and the private `lower` turns the tree into [`describe::Architecture`], collecting every
//! [`problem`] on the way. Nothing outside this room knows serde_yaml.

pub mod amend;
pub mod budget;
pub mod bundled;
pub mod complete;
pub mod describe;
pub mod extend;
pub mod foreign;
pub mod kinds;
pub mod library;
pub mod limits;
pub mod locate;
mod lower;
pub mod node;
mod origin;
pub mod problem;
pub mod recipe;
mod recipe_text;
pub mod renaming;
mod scan;
pub mod schema;
pub mod variant;

pub use describe::Architecture;
pub use library::{Library, LoadError, Loaded};
pub use origin::Origin;
pub use problem::{Problem, Problems, Report, Sources};
