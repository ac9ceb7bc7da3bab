//! Pieces that screens are drawn with, over ratatui's own. They know colours and text, and nothing of what they show.

pub mod gauges;
pub mod line;
pub mod panes;
pub mod popup;
pub mod text;
pub mod theme;
