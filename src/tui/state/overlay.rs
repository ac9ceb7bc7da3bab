//! What lies over a screen and takes the keys.

use std::path::PathBuf;

use super::Pane;
use crate::spec::Origin;
use crate::tui::keys::Context;
use crate::tui::keys::table::{Setting, TrainSetting};

#[derive(Debug, Clone)]
pub enum Overlay {
    /// The overview of all keys, from this line on.
    Help(usize),
    Find(Find),
    Prompt(Prompt),
    Palette(Palette),
    /// The column chooser, with the cursor at a column.
    Columns(usize),
    Question(Question),
}

impl Overlay {
    pub fn context(&self) -> Context {
        match self {
            Overlay::Help(_) => Context::Help,
            Overlay::Find(_) => Context::Find,
            Overlay::Prompt(_) => Context::Prompt,
            Overlay::Palette(_) => Context::Palette,
            Overlay::Columns(_) => Context::Columns,
            Overlay::Question(_) => Context::Question,
        }
    }
}

/// Something being looked for, and where the cursor was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub text: String,
    /// Whether nothing is called so.
    pub nothing: bool,
    pub from: (Pane, usize, usize),
}

/// A line being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub purpose: Purpose,
    pub text: String,
    /// Why what was typed last will not do.
    pub refused: Option<String>,
    /// What can follow the path typed.
    pub names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The file a copy or a variant is saved in.
    SaveAs {
        /// Whether the file names what it extends and only what differs; none where that cannot be.
        extends: Option<bool>,
    },
    /// What to look for in the text being edited.
    Search,
    /// The photo under the field.
    Photo,
    /// The file that the network is written to for people; its ending says as what.
    Export,
    /// What is varied in a sweep.
    Vary,
    /// What a forward run is made with.
    Setting(Setting),
    /// What a training run is started with.
    Train(TrainSetting),
}

impl Purpose {
    /// Whether a path is typed.
    pub fn is_path(&self) -> bool {
        use Setting::{Input, Labels, Weights};
        let of_setting = matches!(self, Purpose::Setting(Input | Weights | Labels));
        of_setting || matches!(self, Purpose::Photo | Purpose::Export | Purpose::Train(TrainSetting::Data))
    }

    pub fn title(&self) -> &'static str {
        match self {
            Purpose::SaveAs { .. } => "Save as",
            Purpose::Search => "Search in the text (a regular expression)",
            Purpose::Vary => "Vary: conv.kernel=3,5 block3.*.out=64..256/64",
            Purpose::Export => "Export as .svg, .html, .tex or .dot",
            Purpose::Photo => "A photo: PNG, JPEG, WebP, …",
            Purpose::Train(TrainSetting::Data) => "idx:DIR, cifar10:DIR, folder:DIR, tensors:FILE; empty: synthetic",
            Purpose::Train(TrainSetting::Recipe) => "Recipe: epochs=10 batch=64 lr=0.03 schedule=cosine, or paper",
            Purpose::Setting(Setting::Input) => "A photo, a folder of photos, .npy or .safetensors; empty: noise",
            Purpose::Setting(Setting::Weights) => "Weights: .safetensors, .pth, or run:NAME; empty: random",
            Purpose::Setting(Setting::Batch) => "Images in the mini-batch",
            Purpose::Setting(Setting::Runs) => "Runs; the median counts",
            Purpose::Setting(Setting::Threads) => "Threads; empty: all cores",
            Purpose::Setting(Setting::Seed) => "Seed of random weights and of noise",
            Purpose::Setting(Setting::Labels) => "Class names, a file with one a line; empty: the architecture's",
            Purpose::Setting(Setting::Class) => "Class to look for; empty: the most probable",
        }
    }
}

/// The list of commands, narrowed by what is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    pub text: String,
    pub cursor: usize,
    /// The context that the commands are of.
    pub of: Option<Context>,
}

/// A question whose answers are a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub words: String,
    pub answers: Vec<(String, Answer)>,
    pub cursor: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Nothing,
    /// Leave although texts are not saved; they are kept and offered again at the next start.
    QuitKeeping,
    QuitDropping,
    /// Stop training after its step, keep the run, and leave.
    QuitStopping,
    /// Go on with what an earlier run left, or not.
    TakeLeftOver(bool),
    /// Save over what is on disk.
    Overwrite(PathBuf),
    /// Take what is on disk in place of what was typed.
    TakeFromDisk,
    Discard,
    /// Fetch the weights that are published for an architecture.
    Fetch(Origin),
}
