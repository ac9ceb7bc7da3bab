//! The screens, one file each. A screen draws `&State` and says where its rows landed.

pub mod field;
pub mod layers;
pub mod list;
pub mod text;
