//! What the forward screen knows, and what its keys stand for.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use ratatui_image::picker::ProtocolType;
use ratatui_image::protocol::Protocol;

use crate::graph::Graph;
use crate::run::LayerRun;
use crate::run::attention::{Heat, Method};
use crate::run::dream::Dream;
use crate::run::live::Ran;
use crate::spec::Origin;
use crate::tui::model::{Fold, Model};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Run,
    /// Asks for a setting.
    Ask(Setting),
    /// All of them in a list.
    Options,
    /// Takes the weights that are published for the architecture.
    Published,
    /// Fetches them.
    Fetch(Origin),
    /// Another photo of those that were chosen together.
    Photo(isize),
    /// Another kind of picture.
    Shows,
    NextPage,
    PreviousPage,
    Order,
    Enlarge,
    Fold(Fold),
    Copy,
    CopyTable,
    /// A row that was clicked.
    Row(usize),
}

/// What a forward run is made with; a line is typed for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Input,
    Weights,
    Batch,
    Runs,
    Threads,
    Seed,
    Class,
    Labels,
}

#[derive(Debug)]
pub enum News {
    /// A layer of a run ended; the first of a run says so.
    Layer {
        first: bool,
        layer: LayerRun,
    },
    Ran(Box<Ran>),
    Looked {
        /// The run's number.
        run: u64,
        method: Method,
        class: usize,
        heat: Heat,
    },
    /// An input was made for a channel of a layer.
    Dreamed {
        run: u64,
        layer: usize,
        channel: usize,
        dream: Dream,
    },
    /// The photos that were chosen to be run.
    Photos(Vec<PathBuf>),
    /// How many bytes an architecture's published weights have, where that is said, and whether they are there already.
    Published {
        origin: Origin,
        bytes: Option<u64>,
        is_there: bool,
    },
    /// They are there.
    Fetched {
        origin: Origin,
        path: PathBuf,
    },
}

/// The forward run.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Whether the terminal was asked how it shows pictures.
    pub asked_pictures: bool,
    /// Layers of the run under way, as they end.
    pub ending: Vec<LayerRun>,
    /// The network of the run under way.
    pub running: Option<Arc<Graph>>,
    /// The last run of each network, the newest last.
    pub rans: Vec<Arc<Ran>>,
    pub shows: Shows,
    /// Whether pictures were turned to where only one pane has room.
    pub turned: bool,
    pub page: usize,
    /// Whether the most active maps come first.
    pub by_activation: bool,
    /// Whether one map takes the whole pane.
    pub enlarged: bool,
    /// Where runs look for classes, by each method.
    pub looks: Vec<Look>,
    /// The class that is looked for; the most probable without it.
    pub class: Option<usize>,
    /// Where it is being worked out how the run looks, and for which class.
    pub looking: Option<(Method, usize)>,
    /// Inputs that were made for channels of layers, the newest last, and the one that is being made.
    pub dreams: Vec<Dreamt>,
    pub dreaming: Option<(u64, usize, usize)>,
    /// What the pane's picture was made of, and the picture.
    pub picture: Option<Drawn>,
}

impl Default for Forward {
    fn default() -> Self {
        Forward {
            asked_pictures: false,
            ending: Vec::new(),
            running: None,
            rans: Vec::new(),
            shows: Shows::Maps,
            turned: false,
            page: 0,
            by_activation: false,
            enlarged: false,
            looks: Vec::new(),
            class: None,
            looking: None,
            dreams: Vec::new(),
            dreaming: None,
            picture: None,
        }
    }
}

impl Forward {
    /// The last run of the selected architecture as it stands.
    pub fn ran(&self, model: &Model) -> Option<&Arc<Ran>> {
        let network = model.entry()?.shared_network()?;
        self.rans.iter().rev().find(|ran| Arc::ptr_eq(&ran.network, network))
    }

    /// Layers of the run under way, if it is of the selected architecture.
    pub fn ending(&self, model: &Model) -> &[LayerRun] {
        let network = model.entry().and_then(|entry| entry.shared_network());
        let is_own = network.zip(self.running.as_ref()).is_some_and(|(own, running)| Arc::ptr_eq(own, running));
        if is_own { &self.ending } else { &[] }
    }

    /// The class that is looked for.
    pub fn class(&self, ran: &Ran) -> Option<usize> {
        self.class.or(ran.top.first().map(|(class, _)| *class))
    }
}

/// Where a run looks for a class.
#[derive(Debug, Clone)]
pub struct Look {
    /// The run, by where it is kept.
    pub run: u64,
    pub method: Method,
    pub class: usize,
    pub heat: Heat,
}

/// An input that was made for a channel.
#[derive(Debug, Clone)]
pub struct Dreamt {
    /// The run, by where it is kept.
    pub run: u64,
    pub layer: usize,
    pub channel: usize,
    pub dream: Dream,
}

/// What the forward screen's pane of pictures shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Maps,
    Filters,
    /// The part of the photo that each channel of the layer answers to most.
    Patches,
    /// An input made to maximise a channel.
    Dream,
    /// The input as the network takes it.
    Input,
    Looks(Method),
}

impl Shows {
    pub const ALL: [Shows; 7] = [
        Shows::Maps,
        Shows::Filters,
        Shows::Patches,
        Shows::Dream,
        Shows::Input,
        Shows::Looks(Method::GradCam),
        Shows::Looks(Method::GradientInput),
    ];

    pub fn next(self) -> Self {
        let at = Shows::ALL.iter().position(|own| *own == self).unwrap_or(0);
        Shows::ALL[(at + 1) % Shows::ALL.len()]
    }
}

/// What a picture is made of: another means that it is made anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The run, by where it is kept.
    pub run: u64,
    pub layer: usize,
    pub shows: Shows,
    pub page: usize,
    pub by_activation: bool,
    pub enlarged: bool,
    pub class: usize,
    pub size: (u16, u16),
    pub theme: &'static str,
    pub looked: usize,
    pub dreamed: usize,
    /// How the terminal shows pictures.
    pub protocol: ProtocolType,
}

/// A picture ready for the terminal.
#[derive(Clone)]
pub struct Drawn {
    pub subject: Subject,
    pub image: Arc<RgbImage>,
    /// As the terminal shows pictures; none where it has shades only.
    pub protocol: Option<Arc<Protocol>>,
    /// What stands above it.
    pub title: String,
    /// How many pages there are.
    pub pages: usize,
}

impl std::fmt::Debug for Drawn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{} ({:?})", self.title, self.subject)
    }
}
