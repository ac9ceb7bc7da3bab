//! What a user sees: numbers against references, commands, screens.

#![allow(clippy::disallowed_methods, reason = "tests make the files they read")]

mod arithmetic;
mod budgets;
mod changing;
mod commands;
mod common;
mod diff;
mod drawing;
mod edges;
mod editors;
mod evidence;
mod explorer;
mod files;
mod fine_tuning;
mod first_minute;
mod fixtures;
mod forward;
mod fuzz;
mod hostile;
mod hub;
mod json_page;
mod library;
mod mended;
mod numbers;
mod onnx;
mod onnx_read;
mod predicting;
mod promises;
mod pseudo_terminal;
mod published;
mod pytorch;
mod readme;
mod roofline;
mod runs;
mod screens;
mod sweep;
mod trace;
mod train;
mod training_screen;
mod weights;
mod what_if;
mod zoo;
