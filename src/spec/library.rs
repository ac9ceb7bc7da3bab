//! Where architectures come from: a path, or an id looked up in `--dir`, `./architectures`, the user's config folder
//! and the bundled set, in that order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;

use super::bundled::{self, BUNDLED};
use super::describe::Architecture;
use super::extend::Document;
use super::foreign;
use super::kinds::TOP_LEVEL;
use super::limits;
use super::locate::Place;
use super::lower;
use super::node::{self, Mark, ParseError, Value};
use super::origin::Origin;
use super::problem::{Diagnostic, Problem, Problems, Report, Sources, nearest};
use super::scan::scan;
use crate::files::git::{GitError, Revision};
use crate::files::{ReadError, read};
use crate::visible::visible;

impl Origin {
    /// The text, without a byte order mark.
    pub fn read(&self) -> Result<String, LoadError> {
        match self {
            Origin::Bundled(id) => Ok(bundled::text(id).unwrap_or_default().to_string()),
            Origin::File(path) => read_file(path),
            Origin::Foreign(path) => foreign_text(path, &[]),
        }
    }

    /// The text, for inputs of the sizes that `--set` gives where a file of another format leaves them open.
    pub fn read_with(&self, sets: &[(String, String)]) -> Result<String, LoadError> {
        match self {
            Origin::Foreign(path) => foreign_text(path, sets),
            own => own.read(),
        }
    }

    /// The text where others wait for it: not of what would take longer than a moment.
    pub fn read_quickly(&self, sets: &[(String, String)]) -> Result<String, LoadError> {
        match self {
            Origin::Foreign(path) if foreign::is_large(path) => Err(LoadError::Large { path: self.display() }),
            own => own.read_with(sets),
        }
    }
}

/// Why an architecture could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    /// A file of another format: why, maybe on several lines, with nothing in it that a terminal obeys.
    #[error("cannot read {path}: {reason}")]
    Foreign { path: String, reason: String },
    #[error("{path} has more than {} KiB; an architecture file is a few hundred bytes", limits::FILE_BYTES / 1024)]
    TooLarge { path: String },
    #[error("{path} is not UTF-8 text (byte {at}); an architecture is a YAML text file")]
    NotText { path: String, at: usize },
    #[error("{path} is large, with all that it extends; it is read when it is named or opened")]
    Large { path: String },
    #[error("{path} and all that it extends have more than {} KiB together", limits::EXTENDED_BYTES / 1024)]
    TooMuch { path: String },
    #[error("no architecture is called `{name}`{} `convlens list` shows them all", suggest(.nearest))]
    Unknown { name: String, nearest: Option<String> },
    #[error("{0}")]
    Revision(#[from] GitError),
    #[error("{0}")]
    Invalid(Report),
}

fn suggest(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(|| ";".to_string(), |name| format!("; did you mean `{name}`?"))
}

/// An architecture with the texts it came from, which shape errors still point into.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub architecture: Architecture,
    pub sources: Sources,
    pub origin: Origin,
}

/// Finds and reads architectures.
#[derive(Debug, Clone)]
pub struct Library {
    folders: Vec<PathBuf>,
    /// Read files as they stand there, and not as they lie on the disk.
    revision: Option<Arc<Revision>>,
}

impl Library {
    /// Looks in `dir` first if there is one, then in the usual places.
    pub fn new(dir: Option<PathBuf>) -> Self {
        let config =
            etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("convlens").join("architectures"));
        let folders = dir.into_iter().chain([PathBuf::from("architectures")]).chain(config).collect();
        Library { folders, revision: None }
    }

    /// The same places at a revision of the git repository around the current folder.
    pub fn at(&self, revision: Revision) -> Library {
        Library { folders: self.folders.clone(), revision: Some(Arc::new(revision)) }
    }

    /// An architecture that may be named at a revision of git, `HEAD~1:architectures/own.yaml`; one that is there by its whole
    /// name is that one.
    pub fn load_at(&self, name: &str, sets: &[(String, String)]) -> Result<Loaded, LoadError> {
        match name.split_once(':') {
            Some((revision, path)) if !revision.is_empty() && !path.is_empty() && !Path::new(name).exists() => {
                self.at(Revision::find(revision)?).load(path, sets)
            }
            _ => self.load(name, sets),
        }
    }

    /// The text at an origin; of a file as it stands at the revision, where there is one.
    fn read(&self, origin: &Origin, sets: &[(String, String)]) -> Result<String, LoadError> {
        match (&self.revision, origin) {
            (Some(revision), Origin::File(path)) => Ok(revision.read(path, limits::FILE_BYTES)?),
            (Some(revision), Origin::Foreign(path)) => Err(LoadError::Foreign {
                path: visible(&path.display().to_string()).into_owned(),
                reason: format!("at the revision {} only .yaml files are read", visible(revision.name())),
            }),
            _ => origin.read_with(sets),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        match &self.revision {
            Some(revision) => revision.is_file(path),
            None => path.is_file(),
        }
    }

    fn files_in(&self, folder: &Path) -> Vec<PathBuf> {
        match &self.revision {
            Some(revision) => revision.files(folder),
            None => std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect(),
        }
    }

    /// What a file is called in messages.
    fn shown(&self, origin: &Origin) -> String {
        match (&self.revision, origin) {
            (Some(revision), Origin::File(_)) => format!("{}:{}", revision.name(), origin.display()),
            _ => origin.display(),
        }
    }

    /// The folders that are looked in, there or not.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Where a new architecture of this name would be found again: in the first folder that is there, else in the user's.
    pub fn place_for(&self, id: &str) -> PathBuf {
        let there = self.folders.iter().find(|folder| folder.is_dir());
        let folder = there.or(self.folders.last()).cloned().unwrap_or_default();
        folder.join(format!("{id}.yaml"))
    }

    /// Every architecture, each id once: the first place that has it wins.
    pub fn list(&self) -> Vec<Origin> {
        let mut origins: Vec<Origin> = Vec::new();
        let mut files: Vec<PathBuf> = Vec::new();
        for folder in &self.folders {
            let entries = self.files_in(folder).into_iter();
            let mut found: Vec<PathBuf> = entries.filter(|path| is_known(path) && self.is_file(path)).collect();
            found.sort();
            files.extend(found);
        }
        let bundled = BUNDLED.iter().map(|(id, _)| Origin::Bundled(id));
        // A copy of a bundled file, such as this project's own folder, is the bundled one.
        let is_copy = |path: &PathBuf| {
            let id = Origin::File(path.clone()).id();
            !foreign::is_foreign(path)
                && bundled::text(&id)
                    .is_some_and(|text| self.read(&Origin::File(path.clone()), &[]).is_ok_and(|copy| copy == text))
        };
        let own: Vec<Origin> = files.into_iter().filter(|path| !is_copy(path)).map(origin_at).collect();
        for origin in bundled {
            let id = origin.id();
            let winner = own.iter().find(|own| own.id() == id).cloned();
            origins.push(winner.unwrap_or(origin));
        }
        for origin in own {
            if !origins.iter().any(|other| other.id() == origin.id()) {
                origins.push(origin);
            }
        }
        origins
    }

    /// The architecture that `name` means: a path, an id, or an alias.
    pub fn find(&self, name: &str) -> Result<Origin, LoadError> {
        let path = Path::new(name);
        if read::is_standard_input(path) {
            return Ok(Origin::File(path.to_path_buf()));
        }
        // The id of a file of another format has its ending too.
        if name.contains(['/', '\\']) || is_known(path) && (path.exists() || !foreign::is_foreign(path)) {
            return Ok(origin_at(path.to_path_buf()));
        }
        let origins = self.list();
        if let Some(origin) = origins.iter().find(|origin| origin.id() == name) {
            return Ok(origin.clone());
        }
        let named: Vec<(Vec<String>, &Origin)> =
            origins.iter().map(|origin| (self.aliases_of(origin), origin)).collect();
        let alias = named.iter().find(|(aliases, _)| aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name)));
        if let Some((_, origin)) = alias {
            return Ok((*origin).clone());
        }
        if self.is_file(path) || self.revision.is_none() && path.exists() {
            return Ok(Origin::File(path.to_path_buf()));
        }
        let known = origins.iter().map(Origin::id).collect::<Vec<_>>();
        Err(LoadError::Unknown { name: node::shorten(name), nearest: nearest(name, known) })
    }

    /// Finds and reads an architecture, with `--set` changes.
    pub fn load(&self, name: &str, sets: &[(String, String)]) -> Result<Loaded, LoadError> {
        self.load_origin(&self.find(name)?, sets)
    }

    /// The text of an architecture that needs no other file: what it extends merged in, `--set` changes made.
    pub fn resolved(&self, origin: &Origin, sets: &[(String, String)]) -> Result<String, LoadError> {
        self.resolved_text(origin, self.read(origin, sets)?, sets)
    }

    /// As [`Library::resolved`], of a text that stands (or will stand) at `origin`.
    pub fn resolved_text(&self, origin: &Origin, text: String, sets: &[(String, String)]) -> Result<String, LoadError> {
        self.text_of(origin, text, sets, |_| {})
    }

    /// As [`Library::resolved_text`] of a network that goes by itself: without the aliases of what it was, nor its published
    /// weights where its layers are others.
    pub fn variant_text(&self, origin: &Origin, text: String, sets: &[(String, String)]) -> Result<String, LoadError> {
        let is_of_layers = |(key, _): &(String, String)| {
            let first = key.split('.').next().unwrap_or(key);
            !TOP_LEVEL.contains(&first) || matches!(first, "layers" | "defaults" | "override")
        };
        let has_other_layers = sets.iter().any(is_of_layers);
        self.text_of(origin, text, sets, |document| {
            let stays_behind = |key: &str| key == "aliases" || key == "weights" && has_other_layers;
            document.entries.retain(|entry| !stays_behind(&entry.key));
        })
    }

    fn text_of(
        &self,
        origin: &Origin,
        text: String,
        sets: &[(String, String)],
        change: impl FnOnce(&mut Document),
    ) -> Result<String, LoadError> {
        let (mut sources, mut problems) = (Sources::default(), Problems::default());
        let mut document = self.changed_document(origin, text, sets, &mut sources, &mut problems)?;
        change(&mut document);
        // Elsewhere a path beside the file would lead nowhere.
        let labels = document.entries.iter_mut().find(|entry| entry.key == "labels");
        if let Some(labels) = labels
            && let Value::Text(path) = &mut labels.value.value
            && path != super::kinds::IMAGENET_LABELS
        {
            let origin =
                sources.texts.get(usize::from(labels.value.mark.source)).and_then(|source| source.origin.as_ref());
            let folder = match origin {
                Some(Origin::File(file) | Origin::Foreign(file)) => {
                    file.parent().unwrap_or(Path::new("")).to_path_buf()
                }
                Some(Origin::Bundled(_)) | None => PathBuf::new(),
            };
            if let Ok(absolute) = std::path::absolute(folder.join(&*path)) {
                *path = absolute.to_string_lossy().into_owned();
            }
        }
        match problems.is_empty() {
            true => Ok(document.to_text()),
            false => Err(LoadError::Invalid(problems.into_report(&sources))),
        }
    }

    /// Reads an architecture that was not asked for by name, but lies in a folder: one that would take long is left alone, so that
    /// it does not delay the others.
    pub fn load_listed(&self, origin: &Origin, text: String, sets: &[(String, String)]) -> Result<Loaded, LoadError> {
        match is_large(&text) {
            true => Err(LoadError::Large { path: origin.display() }),
            false => self.load_within(origin, text, sets, limits::LISTED_BYTES),
        }
    }

    pub fn load_origin(&self, origin: &Origin, sets: &[(String, String)]) -> Result<Loaded, LoadError> {
        let text = self.read(origin, sets)?;
        self.load_text(origin, text, sets)
    }

    /// Reads an architecture from a text that stands (or will stand) at `origin`.
    pub fn load_text(&self, origin: &Origin, text: String, sets: &[(String, String)]) -> Result<Loaded, LoadError> {
        self.load_within(origin, text, sets, limits::EXTENDED_BYTES)
    }

    fn load_within(
        &self,
        origin: &Origin,
        text: String,
        sets: &[(String, String)],
        most: usize,
    ) -> Result<Loaded, LoadError> {
        let mut sources = Sources { most, ..Sources::default() };
        let mut problems = Problems::default();
        let document = self.changed_document(origin, text, sets, &mut sources, &mut problems)?;
        let architecture = lower::lower(&document, &origin.id(), &mut problems);
        match architecture {
            Some(architecture) if problems.is_empty() => Ok(Loaded { architecture, sources, origin: origin.clone() }),
            _ => Err(LoadError::Invalid(problems.into_report(&sources))),
        }
    }

    /// One file with all it extends, and `--set` changes.
    fn changed_document(
        &self,
        origin: &Origin,
        text: String,
        sets: &[(String, String)],
        sources: &mut Sources,
        problems: &mut Problems,
    ) -> Result<Document, LoadError> {
        let mut chain = vec![origin.clone()];
        let mut document = self.document(origin, text, &mut chain, sources, problems)?;
        for (key, value) in sets {
            let source = sources.add(format!("--set {key}"), value.clone(), None);
            let node = node::parse(value, source)
                .map_err(|error| LoadError::Invalid(syntax_error(sources, source, &error)))?;
            document.set(key, node, problems);
        }
        Ok(document)
    }

    /// One file with all it extends.
    fn document(
        &self,
        origin: &Origin,
        text: String,
        chain: &mut Vec<Origin>,
        sources: &mut Sources,
        problems: &mut Problems,
    ) -> Result<Document, LoadError> {
        let together: usize = sources.texts.iter().map(|source| source.text.len()).sum();
        if together + text.len() > sources.most {
            let path = chain.first().map_or_else(String::new, Origin::display);
            return Err(match sources.most < limits::EXTENDED_BYTES {
                true => LoadError::Large { path },
                false => LoadError::TooMuch { path },
            });
        }
        let source = sources.add(self.shown(origin), text, Some(origin.clone()));
        let text = &sources.texts[usize::from(source)].text;
        let node = match node::parse(text, source) {
            Ok(node) => node,
            Err(_) if text.trim().is_empty() => node::Node { mark: Mark { source, node: 0 }, value: Value::Null },
            Err(error) => return Err(LoadError::Invalid(syntax_error(sources, source, &error))),
        };
        let mut document = Document::new(node, problems);
        let Some(extends) = document.find("extends").cloned() else {
            return Ok(document);
        };
        document.incomplete = true;
        let mark = extends.mark;
        let refuse = |message: String, problems: &mut Problems| {
            problems.push(Problem::new(
                mark,
                message,
                "expected the id of another architecture, or a file beside this one",
            ));
        };
        let Value::Text(name) = &extends.value else {
            refuse(format!("{} is not an architecture", extends.value.describe()), problems);
            return Ok(document);
        };
        let base = match self.base(name, origin) {
            Ok(base) => base,
            Err(error) => {
                refuse(error.to_string(), problems);
                return Ok(document);
            }
        };
        if chain.len() > limits::EXTENDS {
            refuse(format!("more than {} files extend one another", limits::EXTENDS), problems);
            return Ok(document);
        }
        if chain.iter().any(|link| same_place(link, &base)) {
            let links: Vec<String> = chain.iter().map(Origin::id).collect();
            refuse(format!("`extends` goes in a circle: {} → {}", links.join(" → "), base.id()), problems);
            return Ok(document);
        }
        let text = match self.read(&base, &[]) {
            Ok(text) => text,
            Err(error) => {
                refuse(error.to_string(), problems);
                return Ok(document);
            }
        };
        chain.push(base.clone());
        document.incomplete = false;
        let base = self.document(&base, text, chain, sources, problems)?;
        Ok(document.on_top_of(base))
    }

    fn aliases_of(&self, origin: &Origin) -> Vec<String> {
        // A file of another format has none.
        let text = match origin {
            Origin::Foreign(_) => None,
            own => self.read(own, &[]).ok().filter(|text| !is_large(text)),
        };
        let Some(node) = text.and_then(|text| node::parse(&text, 0).ok()) else {
            return Vec::new();
        };
        let mut problems = Problems::default();
        let document = Document::new(node, &mut problems);
        let aliases = document.find("aliases");
        aliases.map_or(Vec::new(), |node| lower::aliases(node, &mut problems))
    }

    /// The file that `extends: name` in `from` means: one beside it, else an id.
    fn base(&self, name: &str, from: &Origin) -> Result<Origin, LoadError> {
        match from {
            Origin::Bundled(_) => {
                let bundled = BUNDLED.iter().find(|(id, _)| *id == name);
                if let Some((id, _)) = bundled {
                    return Ok(Origin::Bundled(id));
                }
            }
            Origin::File(path) | Origin::Foreign(path) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let names = [name.to_string(), format!("{name}.yaml"), format!("{name}.yml")];
                for candidate in names.iter().map(|name| folder.join(name)) {
                    if is_yaml(&candidate) && self.is_file(&candidate) {
                        let beside = Origin::File(candidate);
                        // A user's own vgg16.yaml may extend the bundled vgg16.
                        let itself = same_place(&beside, from);
                        if itself && let Some((id, _)) = BUNDLED.iter().find(|(id, _)| *id == name) {
                            return Ok(Origin::Bundled(id));
                        }
                        return Ok(beside);
                    }
                }
                if is_yaml(Path::new(name)) {
                    return Ok(Origin::File(folder.join(name)));
                }
            }
        }
        self.find(name)
    }
}

fn same_place(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (Origin::File(one), Origin::File(other)) => match (one.canonicalize(), other.canonicalize()) {
            (Ok(one), Ok(other)) => one == other,
            _ => one == other,
        },
        _ => one == other,
    }
}

/// Whether reading a text would take longer than a moment.
fn is_large(text: &str) -> bool {
    text.len() > limits::LISTED_BYTES || scan(text).is_ok_and(|values| values > limits::LISTED_VALUES)
}

/// Whether a file's name says that it is an architecture.
fn is_known(path: &Path) -> bool {
    is_yaml(path) || foreign::is_foreign(path)
}

fn origin_at(path: PathBuf) -> Origin {
    if foreign::is_foreign(&path) { Origin::Foreign(path) } else { Origin::File(path) }
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

fn foreign_text(path: &Path, sets: &[(String, String)]) -> Result<String, LoadError> {
    let path_shown = || visible(&path.display().to_string()).into_owned();
    foreign::read(path, sets).map_err(|reason| LoadError::Foreign { path: path_shown(), reason: reason.0 })
}

/// Reads a text file within the limit of size.
fn read_file(path: &Path) -> Result<String, LoadError> {
    let name = Origin::File(path.to_path_buf()).display();
    read::text(path, limits::FILE_BYTES).map_err(|error| match error {
        ReadError::TooLarge { .. } => LoadError::TooLarge { path: name },
        ReadError::NotText { at } => LoadError::NotText { path: name, at },
        other => LoadError::Unreadable { path: name, reason: other.to_string() },
    })
}

/// What is not YAML, or more of it than is read.
fn syntax_error(sources: &Sources, source: u16, error: &ParseError) -> Report {
    let at = |line: usize, column: usize| Place { line, column, path: String::new() };
    let deep = || {
        let (depth, blocks) = (limits::DEPTH, limits::WRITTEN_NESTING);
        let expected = format!("expected at most {depth} lists and maps one in the other, which is {blocks} blocks");
        ("lists and maps are nested too deeply".to_string(), expected)
    };
    let (place, (message, expected)) = match error {
        ParseError::TooDeep { line } => (at(*line, 1), deep()),
        ParseError::TooMany => {
            let words = "expected an architecture; ten thousand layers have fewer".to_string();
            (at(1, 1), (error.to_string(), words))
        }
        ParseError::Hidden { line, column, .. } => {
            let words = "expected letters that show; write it as an escape in double quotes if it is meant".to_string();
            (at(*line, *column), (error.to_string(), words))
        }
        ParseError::Syntax(error) => {
            let place = error.location().map_or_else(|| at(1, 1), |location| at(location.line(), location.column()));
            let text = error.to_string();
            // The place is given apart; what is left is the reason.
            let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
            let words = if reason.contains("recursion limit") {
                deep()
            } else if reason.contains("repetition limit") || reason.contains("aliases are followed") {
                ("the file's aliases unfold to too much".to_string(), "expected fewer `*alias` uses".to_string())
            } else {
                (
                    format!("this is not YAML: {reason}"),
                    "expected YAML; check quotes, brackets and indentation".to_string(),
                )
            };
            (place, words)
        }
    };
    let source = &sources.texts[usize::from(source)];
    Report { diagnostics: vec![Diagnostic::at(source, place, message, expected)], unlisted: 0 }
}
